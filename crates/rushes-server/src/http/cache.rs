//! `/v1/cache`: what the cache has, what is hot, what more memory would give; dropping and warming.

use axum::extract::State;
use rushes::control::{CachedValue, Dropped, Drops, Hot, MemoryCurve, Warm, Warmed};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::asking::{Json, Query};
use super::problem::Problem;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(figures))
        .routes(routes!(value))
        .routes(routes!(top))
        .routes(routes!(curve))
        .routes(routes!(invalidate))
        .routes(routes!(warm))
}

/// Figures about the cache, by tier and namespace.
#[utoipa::path(get, path = "/v1/cache", tag = "cache", operation_id = "cache_figures",
    responses((status = 200, body = serde_json::Value), (status = 500, body = Problem)))]
async fn figures(State(app): State<App>) -> axum::Json<serde_json::Value> {
    axum::Json(app.engine.cache_figures())
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The key, as `NAMESPACE:ID`.
    key: String,
}

/// What the cache has for a key, in memory or below; nothing is loaded.
#[utoipa::path(get, path = "/v1/cache/value", tag = "cache", operation_id = "cache_value",
    params(Asked), responses((status = 200, body = CachedValue), (status = 400, body = Problem)))]
async fn value(
    State(app): State<App>,
    Query(asked): Query<Asked>,
) -> Result<axum::Json<CachedValue>, Problem> {
    Ok(axum::Json(app.engine.cached_value(&asked.key).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Most {
    /// How many at most; 20 when not given.
    limit: Option<usize>,
}

/// The keys that are hit most, the hottest first.
#[utoipa::path(get, path = "/v1/cache/top", tag = "cache", operation_id = "cache_top",
    params(Most), responses((status = 200, body = Vec<Hot>), (status = 400, body = Problem)))]
async fn top(State(app): State<App>, Query(most): Query<Most>) -> axum::Json<Vec<Hot>> {
    axum::Json(app.engine.hot_keys(most.limit.unwrap_or(20)))
}

/// What other sizes of the memory tier would give.
#[utoipa::path(get, path = "/v1/cache/curve", tag = "cache", operation_id = "cache_curve",
    responses((status = 200, body = MemoryCurve)))]
async fn curve(State(app): State<App>) -> axum::Json<MemoryCurve> {
    axum::Json(app.engine.memory_curve())
}

/// Drops a key, a tag, what a wildcard matches, a namespace, or everything.
#[utoipa::path(post, path = "/v1/cache/invalidate", tag = "cache", operation_id = "cache_invalidate",
    request_body = Drops,
    responses((status = 200, body = Dropped), (status = 400, body = Problem)))]
async fn invalidate(
    State(app): State<App>,
    Json(what): Json<Drops>,
) -> Result<axum::Json<Dropped>, Problem> {
    Ok(axum::Json(app.engine.drop_cached(&what).await?))
}

/// Reads the entries of videos into memory.
#[utoipa::path(post, path = "/v1/cache/warm", tag = "cache", operation_id = "cache_warm",
    request_body = Warm,
    responses((status = 200, body = Warmed), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
async fn warm(
    State(app): State<App>,
    Json(wanted): Json<Warm>,
) -> Result<axum::Json<Warmed>, Problem> {
    Ok(axum::Json(app.engine.warm_cache(&wanted).await?))
}
