//! The page at `/`: static files, embedded, that talk to the HTTP API only.

use std::fmt::Write;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../dashboard"]
struct Files;

/// The page may load what this server sends and nothing else, and may not be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    media-src 'self'; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A route for each file of the page; the index is at `/` too.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let files = Files::iter().map(|name| (format!("/{name}"), name.into_owned()));
    let index = ("/".to_owned(), "index.html".to_owned());
    files.chain([index]).fold(Router::new(), |router, (route, name)| {
        router.route(&route, get(async move |headers: HeaderMap| embedded(&name, &headers)))
    })
}

fn embedded(name: &str, asked: &HeaderMap) -> Response {
    let Some(file) = Files::get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = etag(&file.metadata.sha256_hash());
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|tag| *tag == etag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.into_owned().into_response()
    };
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(file.metadata.mimetype()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn etag(hash: &[u8; 32]) -> String {
    let mut tag = String::from("\"");
    for byte in &hash[..16] {
        // Writing to a string cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag + "\""
}
