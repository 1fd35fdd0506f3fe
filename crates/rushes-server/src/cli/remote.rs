//! Asking a running server.

use rushes::{Error, ErrorKind, Result};
use serde_json::Value;

/// What a GET of `path` answers.
pub(super) async fn get(server: &str, path: &str) -> Result<Value> {
    asked(server, path, None).await
}

/// What a GET of `path` answers, or a POST when there is a body.
pub(super) async fn asked(server: &str, path: &str, body: Option<Value>) -> Result<Value> {
    let url = format!("{}{path}", server.trim_end_matches('/'));
    let answer = tokio::task::spawn_blocking(move || fetched(&url, body)).await;
    answer.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?
}

fn fetched(url: &str, body: Option<Value>) -> Result<Value> {
    let away = |error: ureq::Error| {
        Error::new(ErrorKind::Unavailable, format!("cannot ask {url}: {error}; is the server up?"))
    };
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = match body {
        None => agent.get(url).call().map_err(away)?,
        Some(body) => agent.post(url).send_json(body).map_err(away)?,
    };
    let status = response.status().as_u16();
    let answer: Value = response.body_mut().read_json().map_err(away)?;
    if status < 400 {
        return Ok(answer);
    }
    let detail = answer.get("detail").and_then(Value::as_str).unwrap_or("it did not say why");
    let kind = match status {
        404 => ErrorKind::NotFound,
        400..500 => ErrorKind::Invalid,
        _ => ErrorKind::Internal,
    };
    Err(Error::new(kind, format!("{url}: {detail}")))
}

/// A text as a query of a URL takes it.
pub(super) fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~/:".contains(byte);
    text.bytes()
        .map(
            |byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") },
        )
        .collect()
}
