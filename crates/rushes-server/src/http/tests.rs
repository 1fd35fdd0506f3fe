//! The router without a socket: what the guards do around handlers of every sort.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use axum::routing::get;
use rushes::Rushes;
use rushes::config::Settings;
use tempfile::TempDir;
use tokio::sync::Notify;
use tower::ServiceExt;

use super::app::{App, Limits};
use super::{guard, router};

/// An app over an empty library; the folder goes with the first of the pair.
async fn app(limits: Limits) -> (TempDir, App) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Rushes::open(Settings::library(folder.path())).await.unwrap();
    (folder, App::new(engine, limits))
}

fn asking(path: &str) -> Request<Body> {
    Request::get(path).header(header::HOST, "localhost:7878").body(Body::empty()).unwrap()
}

async fn answered(router: &Router, path: &str) -> Response<Body> {
    router.clone().oneshot(asking(path)).await.unwrap()
}

fn is_problem(response: &Response<Body>) -> bool {
    response.headers()[header::CONTENT_TYPE] == "application/problem+json"
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_server_goes_on() {
    let (_folder, app) = app(Limits::default()).await;
    async fn panicking() -> &'static str {
        panic!("a defect")
    }
    let routes = Router::new().route("/panic", get(panicking)).route("/fine", get(async || "fine"));
    let router = guard::around(routes, &app);
    let response = answered(&router, "/panic").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(is_problem(&response));
    assert_eq!(answered(&router, "/fine").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let limits = Limits { timeout: Duration::from_millis(10), ..Limits::default() };
    let (_folder, app) = app(limits).await;
    let router = guard::around(Router::new().route("/never", get(never)), &app);
    let response = answered(&router, "/never").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_problem(&response));
}

async fn never() -> &'static str {
    std::future::pending().await
}

#[tokio::test]
async fn when_all_seats_are_taken_others_are_told_to_come_again() {
    let (_folder, app) = app(Limits { concurrency: 1, ..Limits::default() }).await;
    let (seated, leave) = (std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new()));
    let (sitting, leaving) = (seated.clone(), leave.clone());
    let sit = async move || {
        sitting.notify_one();
        leaving.notified().await;
        "up"
    };
    let health = get(async || "ok");
    let routes = Router::new().route("/sit", get(sit)).route("/healthz", health);
    let router = guard::around(routes, &app);
    let first = tokio::spawn({
        let router = router.clone();
        async move { answered(&router, "/sit").await.status() }
    });
    seated.notified().await;
    let second = answered(&router, "/sit").await;
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.headers()[header::RETRY_AFTER], "1");
    assert_eq!(answered(&router, "/healthz").await.status(), StatusCode::OK);
    leave.notify_one();
    assert_eq!(first.await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn too_long_paths_and_headers_are_refused() {
    let (_folder, app) = app(Limits::default()).await;
    let router = router::router(&app);
    let path = format!("/v1/videos?cursor={}", "x".repeat(app.limits.uri));
    assert_eq!(answered(&router, &path).await.status(), StatusCode::URI_TOO_LONG);
    let mut request = asking("/v1/videos");
    request.headers_mut().insert("x-long", "x".repeat(app.limits.headers).parse().unwrap());
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn another_name_is_served_only_where_remote_callers_are_allowed() {
    let rebound = || {
        let request = Request::get("/healthz").header(header::HOST, "rebound.example");
        request.body(Body::empty()).unwrap()
    };
    for (loopback_only, status) in [(true, StatusCode::FORBIDDEN), (false, StatusCode::OK)] {
        let (_folder, app) = app(Limits { loopback_only, ..Limits::default() }).await;
        let response = router::router(&app).oneshot(rebound()).await.unwrap();
        assert_eq!(response.status(), status, "loopback only: {loopback_only}");
    }
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused() {
    let (_folder, app) = app(Limits { body: 1000, ..Limits::default() }).await;
    let said = serde_json::json!({ "role": "user", "content": "x".repeat(1000) });
    let request = Request::post("/v1/videos/some.mp4/memory")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(said.to_string()))
        .unwrap();
    let response = router::router(&app).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(is_problem(&response));
}
