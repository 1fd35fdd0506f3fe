//! `/v1/videos/{id}/media`: the video's file, for players.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::asking::Path;
use super::payload::{self, Keep, Label};
use super::problem::Problem;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(media))
}

/// The video's file, whole or in ranges.
#[utoipa::path(get, path = "/v1/videos/{id}/media", tag = "videos",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name")),
    responses((status = 200, content_type = "video/mp4", body = super::openapi::Binary),
        (status = 206), (status = 304), (status = 404, body = Problem),
        (status = 410, body = Problem), (status = 416)))]
async fn media(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let video = app.engine.video(&id).await?;
    let path = app.engine.media(&id).await?;
    let hash = video.hash.to_string();
    let label = Label { media_type: media_type(&video.name), hash: &hash, keep: Keep::Ask };
    payload::of_file(&path, &label, &headers).await
}

/// What players call a file of this name. Files in the library have no ending; names do.
fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    match ending.as_str() {
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "mkv" => "video/x-matroska",
        "mov" => "video/quicktime",
        "ogv" | "ogm" => "video/ogg",
        "avi" => "video/x-msvideo",
        "ts" | "mts" | "m2ts" => "video/mp2t",
        "mpg" | "mpeg" | "vob" => "video/mpeg",
        "gif" => "image/gif",
        _ => "application/octet-stream",
    }
}
