//! `/v1/cite/{ref}`: what a reference stands for.

use axum::extract::State;
use rushes::answer::Cited;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::app::App;
use super::asking::{Path, Query};
use super::problem::Problem;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(cite)).routes(routes!(cite_query))
}

/// What a reference stands for: text, frame and clip, or that it is gone. Its `#` is written
/// `%23` in the path.
#[utoipa::path(get, path = "/v1/cite/{*ref}", tag = "cite",
    params(("ref" = String, Path, description = "As 1f3c...@12.480-15.120%23caption/81")),
    responses((status = 200, body = Cited), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 410, body = Problem)))]
async fn cite(
    State(app): State<App>,
    Path(reference): Path<String>,
) -> Result<Answer<Cited>, Problem> {
    resolved(&app, &reference).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Reference {
    /// The reference.
    #[serde(rename = "ref")]
    reference: String,
}

/// What a reference stands for, the reference in the query.
#[utoipa::path(get, path = "/v1/cite", tag = "cite", params(Reference),
    responses((status = 200, body = Cited), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 410, body = Problem)))]
async fn cite_query(
    State(app): State<App>,
    Query(query): Query<Reference>,
) -> Result<Answer<Cited>, Problem> {
    resolved(&app, &query.reference).await
}

async fn resolved(app: &App, reference: &str) -> Result<Answer<Cited>, Problem> {
    let cited = app.engine.cite(reference).await?;
    Ok(Answer::of(cited, |cited| &mut cited.served))
}
