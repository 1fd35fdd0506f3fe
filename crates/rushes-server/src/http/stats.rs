//! `/v1/stats`: figures about the running engine.

use axum::extract::State;
use rushes::Stats;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::problem::Problem;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(stats))
}

/// Figures about library, cache, store and reads.
#[utoipa::path(get, path = "/v1/stats", tag = "stats",
    responses((status = 200, body = serde_json::Value), (status = 500, body = Problem)))]
async fn stats(State(app): State<App>) -> Result<axum::Json<Stats>, Problem> {
    Ok(axum::Json(app.engine.stats().await?))
}
