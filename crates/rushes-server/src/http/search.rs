//! `/v1/search`: moments by what was said or seen.

use axum::extract::State;
use rushes::answer::{SearchRequest, SearchResults};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::app::App;
use super::asking::{self, Query};
use super::problem::Problem;
use crate::words::{self, Seconds};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(search))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Words to find; not a query language. `q` means the same.
    #[serde(alias = "q")]
    text: Option<String>,
    /// The class of a detected object, as `person`.
    label: Option<String>,
    /// Only in these videos, with commas.
    #[serde(default, deserialize_with = "asking::list")]
    #[param(value_type = Option<String>)]
    video: Vec<String>,
    /// Only these kinds, with commas.
    #[serde(default, deserialize_with = "asking::list")]
    #[param(value_type = Option<String>)]
    kind: Vec<String>,
    /// From this time: seconds or `H:MM:SS.mmm`.
    #[param(value_type = Option<String>)]
    from: Option<Seconds>,
    /// To this time.
    #[param(value_type = Option<String>)]
    to: Option<Seconds>,
    /// Results, 1 to 100; 20 when not given.
    limit: Option<usize>,
    /// Results to pass over.
    offset: Option<usize>,
}

/// Entries by their words or by the class of an object, best first.
#[utoipa::path(get, path = "/v1/search", tag = "search", params(Wanted),
    responses((status = 200, body = SearchResults), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
async fn search(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Answer<SearchResults>, Problem> {
    let request = SearchRequest {
        text: wanted.text,
        label: wanted.label,
        videos: wanted.video,
        kinds: wanted.kind,
        from: words::seconds(wanted.from),
        to: words::seconds(wanted.to),
        limit: wanted.limit,
        offset: wanted.offset,
    };
    let found = app.engine.search(&request).await?;
    Ok(Answer::of(found, |found| &mut found.served))
}
