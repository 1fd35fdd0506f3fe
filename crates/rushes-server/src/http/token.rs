//! Writes answer a token; a read that shows it sees the write, whichever server answers.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rushes::{Error, Result, Rushes};

use super::app::App;
use super::problem::Problem;

/// The header, in the answers of writes and in requests.
const TOKEN: HeaderName = HeaderName::from_static("rushes-token");

/// Lets a request wait for what its token stands for; gives a write's answer a token.
pub(super) async fn exchange(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(error) = honour(&app.engine, request.headers()).await {
        return Problem::from(error).into_response();
    }
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let mut response = next.run(request).await;
    if writes && response.status().is_success() {
        match app.engine.token().await.map(HeaderValue::try_from) {
            Ok(Ok(token)) => drop(response.headers_mut().insert(TOKEN, token)),
            // The write is done; only who asks another server at once may have to wait for it.
            problem => tracing::warn!(?problem, "a write was answered without a token"),
        }
    }
    response
}

async fn honour(engine: &Rushes, headers: &HeaderMap) -> Result<()> {
    let Some(token) = headers.get(TOKEN) else { return Ok(()) };
    let token = token.to_str();
    let token = token.map_err(|_| Error::invalid("the header Rushes-Token is not text"))?;
    engine.after(token).await
}
