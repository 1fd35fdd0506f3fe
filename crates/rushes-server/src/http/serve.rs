//! The loop that serves the router until it is told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use rushes::{Error, ErrorKind, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::app::App;
use super::router::router;

/// Longest time that requests under way have after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT, then lets requests under way end.
pub(crate) async fn serve(listener: TcpListener, app: App) -> Result<()> {
    let broken = |error: std::io::Error| {
        Error::caused(ErrorKind::Internal, format!("the server failed: {error}"), error)
    };
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        stop.send_replace(true);
    });
    let told = until(stopped.clone());
    let service = router(&app).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(told);
    tokio::select! {
        served = serving.into_future() => served.map_err(broken)?,
        () = patience(stopped) => {}
    }
    app.engine.close().await
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is the end as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn patience(stopped: watch::Receiver<bool>) {
    until(stopped).await;
    tokio::time::sleep(GRACE).await;
}
