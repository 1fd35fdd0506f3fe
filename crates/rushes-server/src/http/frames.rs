//! `/v1/videos/{id}/frames/{n}/image`, `/frame` and `/burst`: frames as images.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use rushes::answer::{BurstRequest, FrameImage, FrameRequest, ImageFormat, Width};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{self, Answer, set};
use super::app::App;
use super::asking::{self, Path, Query};
use super::payload::{self, Keep, Label};
use super::problem::Problem;
use crate::facts::FrameFacts;
use crate::words::{self, Seconds};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(by_number)).routes(routes!(by_time)).routes(routes!(burst))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Shape {
    /// `overview` (448 pixels), `detail` (896), `full`, or pixels.
    #[serde(default, deserialize_with = "asking::width")]
    #[param(value_type = Option<String>)]
    width: Width,
    /// WebP when not given.
    #[param(inline)]
    format: Option<ImageFormat>,
    /// State size and cost, send no image.
    #[serde(default)]
    dry_run: bool,
}

/// The image of the frame with this number, counted from 0 as decoded.
#[utoipa::path(get, path = "/v1/videos/{id}/frames/{n}/image", tag = "images",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"),
        ("n" = u64, Path, description = "Number of the frame"), Shape),
    responses((status = 200, content_type = "image/webp", body = super::openapi::Binary),
        (status = 206), (status = 304), (status = 404, body = Problem), (status = 416)))]
async fn by_number(
    State(app): State<App>,
    Path((id, n)): Path<(String, u64)>,
    Query(shape): Query<Shape>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let named = id.clone();
    let request = FrameRequest { video: id, number: Some(n), ..wanted(&shape) };
    let frame = app.engine.frame(&request).await?;
    Ok(image(&frame, shape.dry_run, keep(&named, &frame), &headers))
}

/// A name or prefix may come to mean another video, and a stand-in may make way for the frame.
fn keep(named: &str, frame: &FrameImage) -> Keep {
    if named == frame.video && frame.exact { Keep::Forever } else { Keep::Ask }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Moment {
    /// The frame on screen at this time: seconds or `H:MM:SS.mmm`.
    #[param(value_type = Option<String>)]
    at: Option<Seconds>,
    /// Or the frame entry of this id.
    entry: Option<i64>,
    /// `overview` (448 pixels), `detail` (896), `full`, or pixels.
    #[serde(default, deserialize_with = "asking::width")]
    #[param(value_type = Option<String>)]
    width: Width,
    /// WebP when not given.
    #[param(inline)]
    format: Option<ImageFormat>,
    /// State size and cost, send no image.
    #[serde(default)]
    dry_run: bool,
}

/// The image of the frame on screen at a time, or of a frame entry.
#[utoipa::path(get, path = "/v1/videos/{id}/frame", tag = "images",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Moment),
    responses((status = 200, content_type = "image/webp", body = super::openapi::Binary),
        (status = 206), (status = 304), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 416)))]
async fn by_time(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(moment): Query<Moment>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Moment { at, entry, width, format, dry_run } = moment;
    let at = words::seconds(at);
    let named = id.clone();
    let request = FrameRequest { video: id, at, number: None, entry, width, format, dry_run };
    let frame = app.engine.frame(&request).await?;
    Ok(image(&frame, dry_run, keep(&named, &frame), &headers))
}

fn wanted(shape: &Shape) -> FrameRequest {
    let Shape { width, format, dry_run } = *shape;
    FrameRequest { width, format, dry_run, ..FrameRequest::default() }
}

/// A frame as an image with its facts in headers, or on a dry run the facts alone.
fn image(frame: &FrameImage, dry_run: bool, keep: Keep, asked: &HeaderMap) -> Response {
    let facts = FrameFacts::from(frame);
    let mut response = if dry_run {
        Answer::of(FrameFacts::from(frame), |facts| &mut facts.served).into_response()
    } else {
        let label = Label { media_type: frame.media_type, hash: &frame.etag, keep };
        payload::of_bytes(&frame.image, &label, asked)
    };
    let headers = response.headers_mut();
    answer::served(headers, &frame.served);
    let number = frame.number.map(|number| number.to_string());
    for (name, text) in [
        ("rushes-video", Some(facts.video.as_str())),
        ("rushes-at", Some(frame.at.to_string().as_str())),
        ("rushes-frame", number.as_deref()),
        ("rushes-reference", facts.reference.as_deref()),
        ("rushes-exact", Some(if facts.exact { "true" } else { "false" })),
        ("rushes-estimated", Some(if facts.estimated { "true" } else { "false" })),
    ] {
        if let Some(text) = text {
            set(headers, HeaderName::from_static(name), text);
        }
    }
    let tokens = serde_json::to_string(&facts.tokens).unwrap_or_default();
    set(headers, answer::TOKENS, &tokens);
    response
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Short {
    /// From this time, included: seconds or `H:MM:SS.mmm`.
    #[param(value_type = String)]
    from: Seconds,
    /// To this time, excluded; at most 60 seconds later.
    #[param(value_type = String)]
    to: Seconds,
    /// Frames, 1 to 100; 8 when not given.
    count: Option<usize>,
    /// `overview` (448 pixels), `detail` (896), `full`, or pixels.
    #[serde(default, deserialize_with = "asking::width")]
    #[param(value_type = Option<String>)]
    width: Width,
    /// WebP when not given.
    #[param(inline)]
    format: Option<ImageFormat>,
    /// State sizes and cost, send no images.
    #[serde(default)]
    dry_run: bool,
}

/// One frame of a burst.
#[derive(Debug, Serialize, ToSchema)]
struct Picture {
    /// What is true of it.
    #[serde(flatten)]
    facts: FrameFacts,
    /// The image in base64; absent on a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
}

/// Native frames of a short window, evenly chosen, as images in base64.
#[utoipa::path(get, path = "/v1/videos/{id}/burst", tag = "images",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Short),
    responses((status = 200, body = Vec<Picture>), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 413, body = Problem)))]
async fn burst(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(short): Query<Short>,
) -> Result<axum::Json<Vec<Picture>>, Problem> {
    let Short { from, to, count, width, format, dry_run } = short;
    let (from, to) = (from.0, to.0);
    let request = BurstRequest { video: id, from, to, count, width, format, dry_run };
    let frames = app.engine.burst(&request).await?;
    Ok(axum::Json(frames.iter().map(Picture::from).collect()))
}

impl From<&FrameImage> for Picture {
    fn from(frame: &FrameImage) -> Self {
        use base64::Engine;
        let encode = |bytes| base64::engine::general_purpose::STANDARD.encode(bytes);
        let image = (!frame.image.is_empty()).then(|| encode(&frame.image));
        Self { facts: FrameFacts::from(frame), image }
    }
}
