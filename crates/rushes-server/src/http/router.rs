//! All routes in one router.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::app::App;
use super::problem::Problem;
use super::{
    cache, cite, clip, context, encoded, entries, frames, guard, health, media, memory, openapi,
    prefetch, search, sheet, sql, stats, token, videos,
};
use crate::{dashboard, mcp};

/// The server: API, MCP at `/mcp`, the page at `/`, behind the guards.
pub(super) fn router(app: &App) -> Router {
    let (api, document) = api().split_for_parts();
    let document = openapi::standard(document);
    let routes = api
        .route("/v1/openapi.json", get(async move || axum::Json(document)))
        .layer(from_fn_with_state(app.clone(), token::exchange))
        .with_state(app.clone())
        .nest_service("/mcp", mcp::over_http(app.engine.session(), app.limits.loopback_only))
        .merge(dashboard::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(app.limits.body))
        .layer(from_fn_with_state(app.engine.clone(), encoded::encoded));
    guard::around(routes, app)
}

/// The routes that the document describes.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(videos::routes())
        .merge(media::routes())
        .merge(entries::routes())
        .merge(frames::routes())
        .merge(context::routes())
        .merge(sheet::routes())
        .merge(clip::routes())
        .merge(memory::routes())
        .merge(cite::routes())
        .merge(search::routes())
        .merge(stats::routes())
        .merge(sql::routes())
        .merge(cache::routes())
        .merge(prefetch::routes())
        .merge(health::routes())
}

async fn nowhere(uri: Uri) -> impl IntoResponse {
    let detail = format!("nothing is at {}; /v1/openapi.json lists what there is", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

async fn not_so() -> impl IntoResponse {
    let detail =
        "this path is there, but not for this method; /v1/openapi.json lists what there is";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "invalid", detail)
}
