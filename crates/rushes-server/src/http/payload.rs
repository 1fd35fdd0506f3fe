//! Images, clips and files: strong entity tags, ranges, and how long they may be kept.

use std::io::SeekFrom;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rushes::{Error, ErrorKind};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::answer::set;
use super::problem::Problem;
use super::range::Part;

/// How long an answer may be kept without asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// For ever: the URL names the content.
    Forever,
    /// Until asked again, which a matching tag makes cheap.
    Ask,
}

/// What is true of bytes beside the bytes.
#[derive(Clone, Debug)]
pub(super) struct Label<'a> {
    /// The media type.
    pub(super) media_type: &'a str,
    /// The hash of the bytes.
    pub(super) hash: &'a str,
    /// How long they may be kept.
    pub(super) keep: Keep,
}

impl Label<'_> {
    fn etag(&self) -> String {
        format!("\"{}\"", self.hash)
    }

    /// A response of this part of `len` bytes, its body left to the caller.
    fn response(&self, part: &Part, len: u64, body: Body) -> Response {
        let (status, span) = match part {
            Part::Unchanged => (StatusCode::NOT_MODIFIED, None),
            Part::Whole => (StatusCode::OK, None),
            Part::Bytes(range) => (
                StatusCode::PARTIAL_CONTENT,
                Some(format!("bytes {}-{}/{len}", range.start, range.end - 1)),
            ),
            Part::Unsatisfiable => return beyond(len),
        };
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let keep = match self.keep {
            Keep::Forever => "public, max-age=31536000, immutable",
            Keep::Ask => "no-cache",
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        set(headers, header::ETAG, &self.etag());
        set(headers, header::CONTENT_TYPE, self.media_type);
        if let Some(span) = span {
            set(headers, header::CONTENT_RANGE, &span);
        }
        response
    }
}

/// Refuses a range that holds none of `len` bytes.
fn beyond(len: u64) -> Response {
    let detail = format!("there are {len} bytes, and none of them is in that range");
    let mut response =
        Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "invalid", detail).into_response();
    set(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{len}"));
    response
}

/// Answers with bytes in memory, or the part of them that was asked for.
pub(super) fn of_bytes(bytes: &Bytes, label: &Label<'_>, asked: &HeaderMap) -> Response {
    let len = bytes.len() as u64;
    let part = Part::asked(asked, &label.etag(), len);
    let body = match &part {
        Part::Whole => bytes.clone(),
        // Both ends are at most `len`, which came from a usize.
        Part::Bytes(range) => bytes.slice(range.start as usize..range.end as usize),
        Part::Unchanged | Part::Unsatisfiable => Bytes::new(),
    };
    label.response(&part, len, Body::from(body))
}

/// Answers with a file's bytes, streamed, or the part of them that was asked for.
pub(super) async fn of_file(
    path: &Path,
    label: &Label<'_>,
    asked: &HeaderMap,
) -> Result<Response, Problem> {
    let unreadable = |error: std::io::Error| {
        // The path is the owner's business, not the caller's.
        let why = "the video's file cannot be read: it was moved or deleted since the ingest";
        Problem::from(Error::caused(ErrorKind::Gone, why, error))
    };
    let mut file = File::open(path).await.map_err(unreadable)?;
    let len = file.metadata().await.map_err(unreadable)?.len();
    let part = Part::asked(asked, &label.etag(), len);
    let range = match &part {
        Part::Whole => 0..len,
        Part::Bytes(range) => range.clone(),
        Part::Unchanged => 0..0,
        Part::Unsatisfiable => return Ok(beyond(len)),
    };
    file.seek(SeekFrom::Start(range.start)).await.map_err(unreadable)?;
    let length = range.end - range.start;
    let stream = ReaderStream::with_capacity(file.take(length), 64 << 10);
    let mut response = label.response(&part, len, Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if part == Part::Unchanged {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    Ok(response)
}
