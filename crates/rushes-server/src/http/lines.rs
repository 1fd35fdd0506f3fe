//! Entries as a stream of lines, for clients that want all of a timeline in constant memory.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use rushes::read::{Entries, EntriesRequest};
use rushes::{Error, ErrorKind, Rushes};

use super::answer::set;
use super::problem::Problem;

const NDJSON: &str = "application/x-ndjson";
const NEVER_COMPUTED: HeaderName = HeaderName::from_static("rushes-never-computed");
const TOTAL: HeaderName = HeaderName::from_static("rushes-total");

/// Whether the client accepts lines, and says so by their name.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    let accepted =
        headers.get_all(header::ACCEPT).into_iter().filter_map(|said| said.to_str().ok());
    let mut kinds = accepted.flat_map(|said| said.split(','));
    kinds.any(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(NDJSON));
        named && !parts.any(|part| part.replace(' ', "") == "q=0")
    })
}

/// All entries of a request, one a line. What is wrong with the request is told before the first
/// line; an error behind it breaks the connection off, so that nobody takes the part for the whole.
pub(super) async fn of_entries(
    engine: &Rushes,
    request: EntriesRequest,
) -> Result<Response, Problem> {
    let mut pages = Box::pin(engine.entries_stream(request));
    let first = match pages.try_next().await? {
        Some(first) => first,
        None => return Err(Error::invalid("nothing was asked for").into()),
    };
    let (never, total) = (first.never_computed.join(","), first.total);
    let pages = stream::once(async { Ok(first) }).chain(pages);
    let body = Body::from_stream(pages.map(|page| lines(&page?)));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if !never.is_empty() {
        set(headers, NEVER_COMPUTED, &never);
    }
    if let Some(total) = total {
        let about = if total.exact { "" } else { ";estimated" };
        set(headers, TOTAL, &format!("{}{about}", total.count));
    }
    Ok(response)
}

fn lines(page: &Entries) -> Result<Bytes, Error> {
    let mut lines = Vec::new();
    for entry in &page.items {
        serde_json::to_writer(&mut lines, entry.as_ref()).map_err(|error| {
            Error::caused(ErrorKind::Internal, "an entry could not be written", error)
        })?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}
