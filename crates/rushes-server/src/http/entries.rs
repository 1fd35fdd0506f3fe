//! `/v1/videos/{id}/entries`: what is known at a time; POST imports more.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rushes::Error;
use rushes::import::{Format, ImportOptions, Imported};
use rushes::read::{Entries, EntriesRequest, Total};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::app::App;
use super::asking::{self, Json, Path, Query};
use super::lines;
use super::problem::Problem;
use super::videos::spooled;
use crate::words::{self, Seconds};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(entries, import)).routes(routes!(of_many))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Window {
    /// Kinds, with commas; all when not given.
    #[serde(default, deserialize_with = "asking::list")]
    #[param(value_type = Option<String>)]
    kind: Vec<String>,
    /// From this time, included: seconds or `H:MM:SS.mmm`.
    #[param(value_type = Option<String>)]
    from: Option<Seconds>,
    /// To this time, excluded.
    #[param(value_type = Option<String>)]
    to: Option<Seconds>,
    /// Only entries made by this model.
    model: Option<String>,
    /// Entries on a page, 1 to 1000; 100 when not given.
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Whether to say how many entries there are on all pages.
    #[serde(default)]
    #[param(inline)]
    total: Total,
}

/// Entries in a window of time, in time order.
///
/// A client that accepts `application/x-ndjson` gets all of them, from `cursor` on, one a line:
/// `limit` is how many are read at a time. The header `Rushes-Never-Computed` names kinds that were
/// never computed for this video.
#[utoipa::path(get, path = "/v1/videos/{id}/entries", tag = "entries",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Window),
    responses((status = 200, body = Entries), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
async fn entries(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(window): Query<Window>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let request = EntriesRequest {
        video: id,
        kinds: window.kind,
        from: words::seconds(window.from),
        to: words::seconds(window.to),
        model: window.model,
        limit: window.limit,
        cursor: window.cursor,
        total: window.total,
    };
    if lines::wanted(&headers) {
        return lines::of_entries(&app.engine, request).await;
    }
    let entries = app.engine.entries(&request).await?;
    let mut response = Answer::of(entries, |entries| &mut entries.served).into_response();
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// The same window of many videos.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Many {
    /// Videos, 1 to 1000: ids, unique prefixes, or names.
    videos: Vec<String>,
    /// Kinds; all when not given.
    #[serde(default)]
    kinds: Vec<String>,
    /// From this second, included.
    from: Option<f64>,
    /// To this second, excluded.
    to: Option<f64>,
    /// Only entries made by this model.
    model: Option<String>,
    /// Entries for each video, 1 to 1000; 100 when not given.
    limit: Option<usize>,
    /// Whether to say how many entries each video has on all pages.
    #[serde(default)]
    total: Total,
}

/// What each video had, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
struct ManyEntries {
    items: Vec<OfVideo>,
}

/// One video's entries, or why there are none.
#[derive(Debug, Serialize, ToSchema)]
struct OfVideo {
    /// As the request named it.
    video: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Entries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

/// The most videos of one request.
const MOST_VIDEOS: usize = 1000;

/// Entries of many videos in the same window of time; one query for all that is not cached.
#[utoipa::path(post, path = "/v1/entries", tag = "entries", request_body = Many,
    responses((status = 200, body = ManyEntries), (status = 400, body = Problem)))]
async fn of_many(
    State(app): State<App>,
    Json(many): Json<Many>,
) -> Result<axum::Json<ManyEntries>, Problem> {
    if !(1..=MOST_VIDEOS).contains(&many.videos.len()) {
        let count = many.videos.len();
        let text = format!("videos must name 1 to {MOST_VIDEOS} videos, not {count}");
        return Err(Error::invalid(text).into());
    }
    let request = |video: &String| EntriesRequest {
        video: video.clone(),
        kinds: many.kinds.clone(),
        from: many.from,
        to: many.to,
        model: many.model.clone(),
        limit: many.limit,
        cursor: None,
        total: many.total,
    };
    let requests: Vec<_> = many.videos.iter().map(request).collect();
    let answers = app.engine.entries_of(&requests).await;
    let item = |(video, answer): (&String, rushes::Result<Entries>)| {
        let (entries, error) = match answer {
            Ok(entries) => (Some(entries), None),
            Err(error) => (None, Some(Problem::from(error))),
        };
        OfVideo { video: video.clone(), entries, error }
    };
    Ok(axum::Json(ManyEntries { items: many.videos.iter().zip(answers).map(item).collect() }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Import {
    /// The kind; needed where the records do not say it themselves.
    kind: Option<String>,
    /// The format; when not given, as the content type says (`application/x-ndjson`, `text/vtt`,
    /// `application/x-subrip`), else found by looking at the body.
    #[param(inline)]
    format: Option<Format>,
    /// The tool that made the entries.
    #[serde(default)]
    tool: String,
    /// The tool's version.
    #[serde(default)]
    tool_version: String,
    /// The model.
    #[serde(default)]
    model: String,
    /// Its parameters, as JSON.
    params: Option<String>,
    /// The body's name, as that of a file: kept with the entries. Another body of the same name and
    /// maker takes the place of what that gave before; one without a name adds.
    name: Option<String>,
    /// Write nothing if any record is bad.
    #[serde(default)]
    strict: bool,
    /// Keep what an earlier body of this name gave, too.
    #[serde(default)]
    add: bool,
    /// Remove all other entries of the same kinds, whoever made them.
    #[serde(default)]
    replace: bool,
    /// Times count from the start of the audio stream: add its start.
    #[serde(default)]
    audio_time: bool,
    /// Frames a second, for formats that count frames.
    fps: Option<f64>,
    /// The number that the body gives the video's first frame.
    first_frame: Option<u64>,
    /// The text's encoding, as `windows-1252`; UTF-8 when not given.
    encoding: Option<String>,
}

impl Import {
    fn options(self, headers: &HeaderMap) -> Result<ImportOptions, Error> {
        let params = self.params.as_deref().map(serde_json::from_str).transpose();
        Ok(ImportOptions {
            kind: self.kind,
            format: self.format.or_else(|| format_of(media_type(headers))),
            origin: match (&self.name, media_type(headers)) {
                (Some(name), _) => name.clone(),
                (None, "application/json") => "body.json".to_owned(),
                (None, _) => "body".to_owned(),
            },
            source: self.name,
            tool: self.tool,
            version: self.tool_version,
            model: self.model,
            params: params
                .map_err(|error| Error::invalid(format!("params is not JSON: {error}")))?
                .unwrap_or_default(),
            strict: self.strict,
            add: self.add,
            replace: self.replace,
            audio_time: self.audio_time,
            fps: self.fps,
            first_frame: self.first_frame,
            encoding: self.encoding,
            schema: None,
        })
    }
}

/// The media type that a body is said to have, without its parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let said = headers.get(header::CONTENT_TYPE).and_then(|said| said.to_str().ok());
    said.and_then(|said| said.split(';').next()).unwrap_or_default().trim()
}

/// The format that a media type names. JSON may be of several formats: looking at it tells.
fn format_of(media_type: &str) -> Option<Format> {
    match media_type.to_ascii_lowercase().as_str() {
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines"
        | "application/jsonlines" => Some(Format::Jsonl),
        "text/vtt" => Some(Format::Webvtt),
        "application/x-subrip" | "application/srt" | "text/srt" => Some(Format::Srt),
        _ => None,
    }
}

/// Imports what a model produced: JSON or JSONL of our own, SRT, WebVTT, Whisper, COCO or MOT.
#[utoipa::path(post, path = "/v1/videos/{id}/entries", tag = "entries",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Import),
    request_body(content_type = "application/octet-stream", content = super::openapi::Binary),
    responses((status = 200, body = Imported), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn import(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(import): Query<Import>,
    headers: HeaderMap,
    body: Body,
) -> Result<axum::Json<Imported>, Problem> {
    let options = import.options(&headers)?;
    // Nobody should send a large body to learn that there is no such video.
    app.engine.video(&id).await?;
    let file = spooled(&app, &headers, body).await?;
    Ok(axum::Json(app.engine.import_spooled(&id, &file, options).await?))
}
