//! Answers as JSON, with who served them.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use rushes::read::Served;
use serde::Serialize;

use crate::facts;

/// The tier that answered: `memory`, `redis`, `disk`, `store` or `video`.
pub(super) const SERVED: HeaderName = HeaderName::from_static("rushes-served");
/// What an image costs, by model family, as JSON.
pub(super) const TOKENS: HeaderName = HeaderName::from_static("rushes-tokens");
const TIMING: HeaderName = HeaderName::from_static("server-timing");

/// A JSON answer; the headers say who served it, so that equal answers are equal bytes.
#[derive(Debug)]
pub(super) struct Answer<T>(T, Served);

impl<T> Answer<T> {
    /// The answer, which keeps at `served` who gave it.
    pub(super) fn of(mut answer: T, served: impl Fn(&mut T) -> &mut Served) -> Self {
        let place = served(&mut answer);
        let by = *place;
        place.tell_apart();
        Self(answer, by)
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        served(response.headers_mut(), &self.1);
        response
    }
}

/// Says who served an answer and how long it took.
pub(super) fn served(headers: &mut HeaderMap, served: &Served) {
    let tier = facts::tier(served);
    headers.insert(SERVED, HeaderValue::from_static(tier));
    let timing = format!("{tier};dur={:.3}", served.micros as f64 / 1000.0);
    set(headers, TIMING, &timing);
}

/// Sets a header, if its text may be one.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
