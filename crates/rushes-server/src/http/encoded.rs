//! Answers in the encoding that their client takes best: encoded once, then sent as they lie.
//!
//! Texts that lie in memory whole and are worth it are encoded; pictures and clips are compressed
//! already, and streams and files go out as they come. Each form of an answer has a strong entity
//! tag of its own: the hash of the answer, and the encoding's name behind it.

use std::cmp::Reverse;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rushes::store::BlobHash;
use rushes::{Encoding, Rushes};

use super::answer::set;
use super::range::names;

/// Bodies below this size, in bytes, gain nothing that a packet would show.
const SMALL: usize = 1024;

/// Answers in the best encoding, with an entity tag; and with 304 when the client has it already.
pub(super) async fn encoded(
    State(engine): State<Rushes>,
    mut request: Request,
    next: Next,
) -> Response {
    let encoding = chosen(request.headers());
    let asked = Asked {
        encoding,
        tags: request.headers().get(header::IF_NONE_MATCH).cloned(),
        reads: matches!(*request.method(), Method::GET | Method::HEAD),
    };
    // What is sent for GET decides what the headers say for HEAD; the body is left out at the end.
    let head = *request.method() == Method::HEAD;
    if head {
        *request.method_mut() = Method::GET;
    }
    know_ours(request.headers_mut(), encoding);
    let response = asked.answered(&engine, next.run(request).await).await;
    if head { without_body(response) } else { response }
}

/// What a request said about the form of its answer.
struct Asked {
    encoding: Option<Encoding>,
    tags: Option<HeaderValue>,
    /// Whether it is a read, the answer of which has a tag.
    reads: bool,
}

impl Asked {
    async fn answered(&self, engine: &Rushes, mut response: Response) -> Response {
        if !is_text(response.headers()) {
            return response;
        }
        varies(response.headers_mut());
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED {
            let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
            if let Some(tag) = tag.map(|tag| tagged(tag, self.encoding)) {
                set(response.headers_mut(), header::ETAG, &tag);
            }
            return response;
        }
        let whole = axum::body::HttpBody::size_hint(response.body()).exact();
        if status != StatusCode::OK || whole.is_none() {
            return response;
        }
        let (mut head, body) = response.into_parts();
        // It is in memory already: no bound of ours can be exceeded.
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let hash = BlobHash::of(&body);
        let encoding = self.encoding.filter(|_| body.len() >= SMALL);
        if self.reads {
            let own = head.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
            let tag = own.map_or_else(|| format!("\"{hash}\""), str::to_owned);
            let tag = tagged(&tag, encoding);
            set(&mut head.headers, header::ETAG, &tag);
            if self.has(&tag) {
                head.status = StatusCode::NOT_MODIFIED;
                head.headers.remove(header::CONTENT_LENGTH);
                return Response::from_parts(head, Body::empty());
            }
        }
        let body = match encoding {
            Some(encoding) => smaller(engine, body, &hash, encoding, &mut head.headers).await,
            None => body,
        };
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        Response::from_parts(head, Body::from(body))
    }

    fn has(&self, tag: &str) -> bool {
        self.tags.as_ref().and_then(|tags| tags.to_str().ok()).is_some_and(|tags| names(tags, tag))
    }
}

/// Says that the encoding was chosen, beside what else was.
fn varies(headers: &mut HeaderMap) {
    let also = headers.get(header::VARY).and_then(|also| also.to_str().ok());
    let all = also.map_or_else(String::new, |also| format!("{also}, ")) + "accept-encoding";
    set(headers, header::VARY, &all);
}

/// The body encoded, or as it is should that fail: an answer is worth more than its size.
async fn smaller(
    engine: &Rushes,
    body: Bytes,
    hash: &BlobHash,
    encoding: Encoding,
    headers: &mut HeaderMap,
) -> Bytes {
    match engine.encoded(body.clone(), hash, encoding).await {
        Ok(encoded) => {
            let name = HeaderValue::from_static(encoding.name());
            headers.insert(header::CONTENT_ENCODING, name);
            encoded
        }
        Err(error) => {
            tracing::warn!(%error, "an answer is sent as it is");
            body
        }
    }
}

/// Bodies that are worth encoding: texts, unless they are encoded already.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let text = kind.starts_with("text/") && kind != "text/event-stream";
    let json = kind.ends_with("/json") || kind.ends_with("+json");
    let other = matches!(kind, "application/javascript" | "image/svg+xml");
    (text || json || other) && !headers.contains_key(header::CONTENT_ENCODING)
}

/// The tag of an answer's form.
fn tagged(tag: &str, encoding: Option<Encoding>) -> String {
    match (tag.strip_suffix('"'), encoding) {
        (Some(open), Some(encoding)) => format!("{open}-{}\"", encoding.name()),
        _ => tag.to_owned(),
    }
}

/// Handlers know their own tags: where the client has the form that it would be sent, its tag is
/// added as the handler wrote it.
fn know_ours(headers: &mut HeaderMap, encoding: Option<Encoding>) {
    let Some(encoding) = encoding else { return };
    let tags = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let end = format!("-{}\"", encoding.name());
    let plain = |tag: &str| Some(format!("{}\"", tag.trim().strip_suffix(&end)?));
    let Some(tags) = tags else { return };
    let ours: Vec<_> = tags.split(',').filter_map(plain).collect();
    if !ours.is_empty() {
        let all = format!("{tags}, {}", ours.join(", "));
        set(headers, header::IF_NONE_MATCH, &all);
    }
}

fn without_body(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    if let Some(length) = axum::body::HttpBody::size_hint(&body).exact()
        && head.status == StatusCode::OK
    {
        head.headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    Response::from_parts(head, Body::empty())
}

/// The encoding that the client prefers, ours first among equals; `None` to send the answer as it
/// is, which every client takes (RFC 9110, section 12.5.3).
fn chosen(headers: &HeaderMap) -> Option<Encoding> {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let wishes: Vec<_> =
        lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).collect();
    let wish = |name: &str| {
        let of = |wish: &&str| {
            let said = wish.split(';').next().unwrap_or_default().trim();
            let said = said.strip_prefix("x-").unwrap_or(said);
            said.eq_ignore_ascii_case(name)
        };
        wishes.iter().find(|wish| of(wish)).map(|wish| weight(wish))
    };
    let others = wish("*").unwrap_or(0);
    let identity = wish("identity").unwrap_or(0);
    Encoding::ALL
        .into_iter()
        .zip(0..)
        .map(|(encoding, place)| {
            (wish(encoding.name()).unwrap_or(others), Reverse(place), encoding)
        })
        .filter(|&(weight, _, _)| weight > 0 && weight >= identity)
        .max_by_key(|&(weight, place, _)| (weight, place))
        .map(|(_, _, encoding)| encoding)
}

/// How much an encoding is wished for, 0 to 1000; nonsense counts as a refusal.
fn weight(wish: &str) -> u16 {
    let quality = wish.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0))
    });
    // Clamped to 0..=1000 before the cast; NaN becomes 0.
    quality.map_or(1000, |quality| (quality.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(wish: &str) -> Option<Encoding> {
        let value = HeaderValue::from_str(wish).unwrap();
        chosen(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]))
    }

    #[test]
    fn the_clients_wishes_decide_and_ours_among_equals() {
        assert_eq!(chosen(&HeaderMap::new()), None);
        assert_eq!(choice("gzip, deflate, br, zstd"), Some(Encoding::Zstd));
        assert_eq!(choice("gzip, deflate, br"), Some(Encoding::Brotli));
        assert_eq!(choice("x-gzip"), Some(Encoding::Gzip));
        assert_eq!(choice("zstd;q=0.5, gzip;q=0.9, br; Q=0.4"), Some(Encoding::Gzip));
        assert_eq!(choice("*"), Some(Encoding::Zstd));
        assert_eq!(choice("zstd;q=0, *"), Some(Encoding::Brotli));
        assert_eq!(choice("identity, gzip;q=0.5"), None);
        for none in ["", "identity", "gzip;q=0", "*;q=0", "gzip;q=x", "gzip;q=NaN", "compress"] {
            assert_eq!(choice(none), None, "{none}");
        }
    }

    #[test]
    fn each_form_has_a_tag_and_the_handler_learns_its_own() {
        assert_eq!(tagged("\"abc\"", Some(Encoding::Brotli)), "\"abc-br\"");
        assert_eq!(tagged("\"abc\"", None), "\"abc\"");
        let mut headers = HeaderMap::new();
        set(&mut headers, header::IF_NONE_MATCH, "\"abc-br\", \"def-gzip\"");
        know_ours(&mut headers, Some(Encoding::Brotli));
        assert_eq!(headers[header::IF_NONE_MATCH], "\"abc-br\", \"def-gzip\", \"abc\"");
    }
}
