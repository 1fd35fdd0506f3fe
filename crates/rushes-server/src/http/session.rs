//! Whose reads a request makes: what is likely next is learned session by session.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::Response;

/// The header by which a client names its session; any text.
const NAME: &str = "x-rushes-session";

/// Runs the request as part of the session that its header names, else of its connection.
pub(super) async fn joined(request: Request, next: Next) -> Response {
    let named = request.headers().get(NAME).and_then(|name| name.to_str().ok());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    match named.map(str::to_owned).or_else(|| Some(peer?.0.to_string())) {
        Some(session) => rushes::in_session(&session, next.run(request)).await,
        None => next.run(request).await,
    }
}
