//! Whether the server lives, is ready, and how it fares.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::app::App;
use super::problem::Problem;

/// Routes for those who watch the server.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

async fn alive() -> &'static str {
    "ok\n"
}

/// Ready is who can answer from the database.
async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    app.engine.videos(1, None).await?;
    Ok("ready\n")
}

async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let stats = app.engine.stats().await?;
    let text = app.metrics.text(&stats).map_err(|error| {
        let detail = format!("cannot write the figures: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    })?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
