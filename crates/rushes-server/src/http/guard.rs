//! What stands before every handler: who may ask, how much, how long, and what if it panics.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use super::app::{App, Limits};
use super::problem::Problem;
use super::{linger, metrics, session};

/// Puts the guards around a router, the first to see a request last.
pub(super) fn around(router: Router, app: &App) -> Router {
    let seats = Arc::new(Semaphore::new(app.limits.concurrency));
    router
        .layer(from_fn(session::joined))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.limits, in_time))
        .layer(from_fn_with_state(seats, seated))
        .layer(from_fn_with_state(app.limits, from_here))
        .layer(from_fn_with_state(app.limits, not_too_long))
        .layer(from_fn_with_state(app.metrics.clone(), metrics::count))
        .layer(from_fn(linger::linger))
        .layer(axum::middleware::map_response(hardened))
}

/// Turns a handler's panic into a problem; the story is in the log, not in the answer.
fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    let detail = "this request met a defect of the server; its log tells more";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}

/// Ends requests that take too long. Writes have more time: they carry videos.
async fn in_time(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let limit = match *request.method() {
        Method::POST => limits.writing,
        _ => limits.timeout,
    };
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("no answer within {} seconds", limit.as_secs());
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).into_response()
    })
}

/// Serves as many at once as there are seats; others are told to come again. Checks of health
/// need no seat: a full server is not a dead one.
async fn seated(State(seats): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    let Ok(_seat) = seats.try_acquire() else {
        let detail = "all seats are taken: come again in a second";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).into_response();
    };
    next.run(request).await
}

/// Refuses oversized paths, queries and headers.
async fn not_too_long(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let uri = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if uri > limits.uri {
        let detail = format!("path and query take {uri} bytes, at most {}", limits.uri);
        return Problem::new(StatusCode::URI_TOO_LONG, "too_large", detail).into_response();
    }
    let each = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    let headers: usize = each.sum();
    if headers > limits.headers {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let detail = format!("headers take {headers} bytes, at most {}", limits.headers);
        return Problem::new(status, "too_large", detail).into_response();
    }
    next.run(request).await
}

/// Refuses what a web page of somebody else makes a browser send: a name that was bound to this
/// machine's address (DNS rebinding), and requests that come from another origin.
async fn from_here(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let host = host(&request);
    if limits.loopback_only && !host.as_ref().is_some_and(is_loopback) {
        let detail = "only requests to localhost, 127.0.0.1 or [::1] are served";
        return Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).into_response();
    }
    if !same_origin(request.headers(), host.as_ref()) {
        let detail = "requests from pages of another origin are not served";
        return Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).into_response();
    }
    next.run(request).await
}

/// The authority that the request was sent to.
fn host(request: &Request) -> Option<Authority> {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = request.uri().authority().map(Authority::as_str);
    header.or(authority)?.parse().ok()
}

fn is_loopback(host: &Authority) -> bool {
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    let ip = name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    ip || name.eq_ignore_ascii_case("localhost")
}

/// Whether the request's `Origin`, if it has one, is the server itself.
fn same_origin(headers: &HeaderMap, host: Option<&Authority>) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (origin, host) {
        (Some((_, origin)), Some(host)) => origin.eq_ignore_ascii_case(host.as_str()),
        _ => false,
    }
}

/// Headers that keep a browser from guessing.
async fn hardened(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Authority {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_names_are_known_with_any_port() {
        for here in ["localhost", "localhost:80", "127.0.0.1:7878", "[::1]:7878", "LOCALHOST"] {
            assert!(is_loopback(&authority(here)), "{here}");
        }
        for there in
            ["example.com", "127.0.0.1.example.com", "localhost.example.com:80", "10.0.0.1"]
        {
            assert!(!is_loopback(&authority(there)), "{there}");
        }
    }

    #[test]
    fn another_origin_is_told_from_our_own_and_from_none() {
        let host = authority("localhost:7878");
        let from = |origin: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]);
            same_origin(&headers, Some(&host))
        };
        assert!(same_origin(&HeaderMap::new(), Some(&host)));
        assert!(from("http://localhost:7878"));
        for other in ["http://localhost:1", "https://example.com", "null", ""] {
            assert!(!from(other), "{other}");
        }
    }
}
