//! Bodies that nobody reads to the end are taken in a little longer.
//!
//! A refusal is often known before the body has arrived. Were the connection closed then, the
//! caller, still sending, would see a broken pipe and never read why it was refused.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt};

/// Most bytes that are taken in and thrown away. Who sends more after a refusal is cut off.
const MOST: usize = 64 << 20;

/// Longest time for that.
const LONGEST: Duration = Duration::from_secs(5);

/// Lets the bodies of writes linger.
pub(super) async fn linger(request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = Body::from_stream(Lingering(Some(body.into_data_stream())));
    next.run(Request::from_parts(parts, body)).await
}

/// A body that, dropped before its end, is drained in the background.
struct Lingering(Option<BodyDataStream>);

impl Stream for Lingering {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let chunk = std::task::ready!(body.poll_next_unpin(context));
        if !matches!(chunk, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(chunk)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let (Some(rest), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(tokio::time::timeout(LONGEST, drained(rest)));
    }
}

async fn drained(mut rest: BodyDataStream) {
    let mut taken = 0;
    while let Some(Ok(chunk)) = rest.next().await {
        taken += chunk.len();
        if taken > MOST {
            return;
        }
    }
}
