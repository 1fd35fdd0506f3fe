//! Failures as `application/problem+json` (RFC 9457).

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rushes::Error;
use serde::Serialize;
use utoipa::ToSchema;

use crate::fate;

/// A failure, as its caller is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status and `kind` say what sort of problem it is.
    #[serde(rename = "type")]
    about: &'static str,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong and what would be right.
    pub(super) detail: String,
    /// What to do about it: `invalid`, `not_found`, `gone`, `unsupported`, `too_large`, `busy`,
    /// `unavailable`, `corrupt`, `internal`, `forbidden`.
    kind: &'static str,
}

impl Problem {
    /// A problem of this status and kind.
    pub(super) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        let detail = rushes::bounded(&detail.into()).into_owned();
        Self {
            about: "about:blank",
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail,
            kind,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let fate = fate::of(error.kind());
        let status = StatusCode::from_u16(fate.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::error!(kind = fate.name, error = %error, "request failed");
        }
        Self::new(status, fate.name, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

macro_rules! rejections {
    ($($rejection:ty),*) => {$(
        impl From<$rejection> for Problem {
            fn from(rejection: $rejection) -> Self {
                let kind = match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => "too_large",
                    _ => "invalid",
                };
                // What cannot be read is an argument that is wrong, whatever part it came in.
                let status = match rejection.status() {
                    StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
                    status => status,
                };
                Self::new(status, kind, rejection.body_text())
            }
        }
    )*};
}

rejections!(JsonRejection, PathRejection, QueryRejection);
