//! `/v1/videos/{id}/clip`: a window cut out as a playable file.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use rushes::answer::{ClipFormat, ClipRequest};
use rushes::store::BlobHash;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{self, Answer, set};
use super::app::App;
use super::asking::{Path, Query};
use super::payload::{self, Keep, Label};
use super::problem::Problem;
use crate::facts::ClipFacts;
use crate::words::Seconds;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(clip))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Cut {
    /// From this time: seconds or `H:MM:SS.mmm`.
    #[param(value_type = String)]
    from: Seconds,
    /// To this time; at most 600 seconds later.
    #[param(value_type = String)]
    to: Seconds,
    /// The file format.
    #[serde(default)]
    #[param(inline)]
    format: ClipFormat,
    /// Copy the streams from the keyframe before `from` instead of encoding again.
    #[serde(default)]
    fast: bool,
    /// State times, size and cost as JSON, cut nothing.
    #[serde(default)]
    dry_run: bool,
}

/// A window cut out as a playable file. `Rushes-From` and `Rushes-To` say its true ends,
/// `Rushes-Tokens` what it costs a model that sees it as pictures, one a second.
#[utoipa::path(get, path = "/v1/videos/{id}/clip", tag = "images",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Cut),
    responses((status = 200, content((super::openapi::Binary = "video/mp4"),
            (ClipFacts = "application/json"))),
        (status = 206), (status = 304), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 410, body = Problem), (status = 416)))]
async fn clip(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(cut): Query<Cut>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Cut { from, to, format, fast, dry_run } = cut;
    let request = ClipRequest { video: id, from: from.0, to: to.0, format, fast, dry_run };
    let clip = app.engine.clip(&request).await?;
    let mut response = if dry_run {
        Answer::of(ClipFacts::from(&clip), |facts| &mut facts.served).into_response()
    } else {
        let hash = BlobHash::of(&clip.file).to_string();
        let label = Label { media_type: clip.media_type, hash: &hash, keep: Keep::Ask };
        payload::of_bytes(&clip.file, &label, &headers)
    };
    let told = response.headers_mut();
    answer::served(told, &clip.served);
    set(told, HeaderName::from_static("rushes-from"), &clip.from.to_string());
    set(told, HeaderName::from_static("rushes-to"), &clip.to.to_string());
    set(told, answer::TOKENS, &serde_json::to_string(&clip.tokens).unwrap_or_default());
    Ok(response)
}
