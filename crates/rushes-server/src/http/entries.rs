//! `/v1/videos/{id}/entries`: what is known at a time; POST imports more.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use rushes::Error;
use rushes::import::{Format, ImportOptions, Imported};
use rushes::read::{Entries, EntriesRequest};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::app::App;
use super::asking::{self, Path, Query};
use super::problem::Problem;
use super::videos::spooled;
use crate::words::{self, Seconds};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(entries, import))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Window {
    /// Kinds, with commas; all when not given.
    #[serde(default, deserialize_with = "asking::list")]
    #[param(value_type = Option<String>)]
    kind: Vec<String>,
    /// From this time, included: seconds or `H:MM:SS.mmm`.
    #[param(value_type = Option<String>)]
    from: Option<Seconds>,
    /// To this time, excluded.
    #[param(value_type = Option<String>)]
    to: Option<Seconds>,
    /// Only entries made by this model.
    model: Option<String>,
    /// Entries on a page, 1 to 1000; 100 when not given.
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Entries in a window of time, in time order.
#[utoipa::path(get, path = "/v1/videos/{id}/entries", tag = "entries",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Window),
    responses((status = 200, body = Entries), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
async fn entries(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(window): Query<Window>,
) -> Result<Answer<Entries>, Problem> {
    let request = EntriesRequest {
        video: id,
        kinds: window.kind,
        from: words::seconds(window.from),
        to: words::seconds(window.to),
        model: window.model,
        limit: window.limit,
        cursor: window.cursor,
    };
    let entries = app.engine.entries(&request).await?;
    let served = entries.served;
    Ok(Answer(entries, served))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Import {
    /// The kind; needed where the records do not say it themselves.
    kind: Option<String>,
    /// The format; found by looking at the body when not given.
    #[param(inline)]
    format: Option<Format>,
    /// The tool that made the entries.
    #[serde(default)]
    tool: String,
    /// The tool's version.
    #[serde(default)]
    tool_version: String,
    /// The model.
    #[serde(default)]
    model: String,
    /// Its parameters, as JSON.
    params: Option<String>,
    /// The body's name, for error messages.
    name: Option<String>,
    /// Write nothing if any record is bad.
    #[serde(default)]
    strict: bool,
    /// Remove entries of the same kind that other recipes made.
    #[serde(default)]
    replace: bool,
    /// Times count from the start of the audio stream: add its start.
    #[serde(default)]
    audio_time: bool,
    /// Frames a second, for formats that count frames.
    fps: Option<f64>,
    /// The number that the body gives the video's first frame.
    first_frame: Option<u64>,
    /// The text's encoding, as `windows-1252`; UTF-8 when not given.
    encoding: Option<String>,
}

impl Import {
    fn options(self) -> Result<ImportOptions, Error> {
        let params = self.params.as_deref().map(serde_json::from_str).transpose();
        Ok(ImportOptions {
            kind: self.kind,
            format: self.format,
            origin: self.name.unwrap_or_else(|| "body".to_owned()),
            tool: self.tool,
            version: self.tool_version,
            model: self.model,
            params: params
                .map_err(|error| Error::invalid(format!("params is not JSON: {error}")))?
                .unwrap_or_default(),
            strict: self.strict,
            replace: self.replace,
            audio_time: self.audio_time,
            fps: self.fps,
            first_frame: self.first_frame,
            encoding: self.encoding,
            schema: None,
        })
    }
}

/// Imports what a model produced: JSON or JSONL of our own, SRT, WebVTT, Whisper, COCO or MOT.
#[utoipa::path(post, path = "/v1/videos/{id}/entries", tag = "entries",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Import),
    request_body(content_type = "application/octet-stream", content = super::openapi::Binary),
    responses((status = 200, body = Imported), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 413, body = Problem),
        (status = 422, body = Problem)))]
async fn import(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(import): Query<Import>,
    headers: HeaderMap,
    body: Body,
) -> Result<axum::Json<Imported>, Problem> {
    let options = import.options()?;
    // Nobody should send a large body to learn that there is no such video.
    app.engine.video(&id).await?;
    let file = spooled(&app, &headers, body).await?;
    Ok(axum::Json(app.engine.import_file(&id, file.path(), options).await?))
}
