//! `/v1/prefetch`: why something was read ahead, or why not.

use axum::extract::State;
use rushes::prefetch::{ExplainRequest, Explanation};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::asking::Query;
use super::problem::Problem;
use crate::words::Seconds;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(explain))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The video: id, unique prefix of an id, or name.
    video: String,
    /// The kind.
    kind: String,
    /// The moment: seconds or `H:MM:SS.mmm`.
    #[param(value_type = String)]
    at: Seconds,
}

/// Why the entries of a kind at a moment were read ahead, or were not.
#[utoipa::path(get, path = "/v1/prefetch/explain", tag = "stats", operation_id = "explain_prefetch",
    params(Asked), responses((status = 200, body = Explanation), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
async fn explain(
    State(app): State<App>,
    Query(asked): Query<Asked>,
) -> Result<axum::Json<Explanation>, Problem> {
    let Asked { video, kind, at: Seconds(at) } = asked;
    let request = ExplainRequest { video, kind, at };
    Ok(axum::Json(app.engine.explain_prefetch(&request).await?))
}
