//! `/v1/videos`: list, upload, get, delete.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;
use rushes::ingest::{IngestOptions, Ingested, Source};
use rushes::store::{Timeline, Video};
use rushes::{Error, ErrorKind, Removed, Spooled, Videos};
use serde::{Deserialize, Serialize};
use tokio_util::io::StreamReader;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::app::App;
use super::asking::{self, Path, Query};
use super::payload::{self, Keep, Label};
use super::problem::Problem;
use crate::words::Ways;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, upload))
        .routes(routes!(get, remove))
        .routes(routes!(thumbnail))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Items on a page, 1 to 1000; 100 when not given.
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// The videos, newest first.
#[utoipa::path(get, path = "/v1/videos", tag = "videos", params(Page),
    responses((status = 200, body = Videos), (status = 400, body = Problem)))]
async fn list(State(app): State<App>, Query(page): Query<Page>) -> Result<Answer<Videos>, Problem> {
    let videos = app.engine.videos(page.limit.unwrap_or(100), page.cursor.as_deref()).await?;
    Ok(Answer::of(videos, |videos| &mut videos.served))
}

/// A video and what is known of it.
#[derive(Debug, Serialize, ToSchema)]
struct Known {
    /// The video.
    #[serde(flatten)]
    video: Video,
    /// What is known, kind by kind.
    timelines: Vec<Timeline>,
}

/// A video and what is known of it, kind by kind.
#[utoipa::path(get, path = "/v1/videos/{id}", tag = "videos",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name")),
    responses((status = 200, body = Known), (status = 404, body = Problem)))]
async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<axum::Json<Known>, Problem> {
    let video = app.engine.video(&id).await?;
    let timelines = app.engine.timelines(&video.id).await?;
    Ok(axum::Json(Known { video, timelines }))
}

/// Deletes a video: its entries, its conversation, and pictures that no other video uses.
#[utoipa::path(delete, path = "/v1/videos/{id}", tag = "videos",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name")),
    responses((status = 200, body = Removed), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<axum::Json<Removed>, Problem> {
    Ok(axum::Json(app.engine.remove(&id).await?))
}

/// The small picture of a video.
#[utoipa::path(get, path = "/v1/videos/{id}/thumbnail", tag = "videos",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name")),
    responses((status = 200, content_type = "image/webp", body = super::openapi::Binary),
        (status = 304), (status = 404, body = Problem)))]
async fn thumbnail(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = app.engine.thumbnail(&id).await?;
    let label = Label { media_type: frame.media_type, hash: &frame.etag, keep: Keep::Ask };
    let mut response = payload::of_bytes(&frame.image, &label, &headers);
    super::answer::served(response.headers_mut(), &frame.served);
    Ok(response)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Upload {
    /// The video's name, as a file name.
    name: String,
    /// A frame each so often, as `500ms`, `2.5` (seconds), `1m` or `1h`; `1s` when no way is given.
    #[serde(default, deserialize_with = "asking::step")]
    #[param(value_type = Option<String>)]
    every: Option<f64>,
    /// So many frames, evenly spaced.
    frames: Option<u32>,
    /// The keyframes.
    #[serde(default)]
    keyframes: bool,
    /// The first frame, and each that differs by this much (0 to 1).
    scene: Option<f64>,
    /// The frames on screen at these times, with commas.
    #[serde(default, deserialize_with = "asking::times")]
    #[param(value_type = Option<String>)]
    at: Vec<f64>,
    /// Longest edge of a stored frame in pixels.
    edge: Option<u32>,
    /// WebP quality, 0 to 100.
    quality: Option<f32>,
    /// Consecutive frames this alike (0 to 1) are stored once.
    similarity: Option<f32>,
}

impl Upload {
    fn options(self) -> Result<IngestOptions, Error> {
        let usual = IngestOptions::default();
        let Self { name, every, frames, keyframes, scene, at, .. } = self;
        let ways = Ways { every, frames, keyframes, scene, at };
        Ok(IngestOptions {
            sampling: ways.sampling()?.unwrap_or(usual.sampling),
            edge: self.edge.unwrap_or(usual.edge),
            quality: self.quality.unwrap_or(usual.quality),
            similarity: self.similarity.unwrap_or(usual.similarity),
            // Beside a file in the library's own folder lies nothing that belongs to it.
            sidecars: false,
            name: Some(name),
        })
    }
}

/// Takes a video in: the body is the file. Answers when its frames are stored.
#[utoipa::path(post, path = "/v1/videos", tag = "videos", params(Upload),
    request_body(content_type = "application/octet-stream", content = super::openapi::Binary),
    responses((status = 201, body = Ingested), (status = 200, body = Ingested,
        description = "These bytes were ingested by this recipe before"),
        (status = 400, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn upload(
    State(app): State<App>,
    Query(upload): Query<Upload>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let name = upload.name.clone();
    let options = upload.options()?;
    let file = spooled(&app, &headers, body).await?;
    let source = Source::Owned(file.path().to_owned(), name);
    let ingested = app.engine.ingest(source, options, None).await?;
    let status = if ingested.unchanged { StatusCode::OK } else { StatusCode::CREATED };
    let location = format!("/v1/videos/{}", ingested.video);
    Ok((status, [(header::LOCATION, location)], axum::Json(ingested)).into_response())
}

/// Writes a body to a file of the library that is deleted unless the engine takes it over.
pub(super) async fn spooled(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<Spooled, Problem> {
    let limit = app.limits.upload;
    let said = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if said.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limit) {
        let why =
            format!("the body is larger than {limit} bytes; the setting `upload` allows more");
        return Err(Error::new(ErrorKind::TooLarge, why).into());
    }
    let stream = body.into_data_stream().map_err(std::io::Error::other);
    Ok(app.engine.spool(StreamReader::new(stream), limit).await?)
}
