//! How the tools are reached.

use std::sync::Arc;

use rmcp::service::ServerInitializeError;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServiceExt, transport};
use rushes::{Error, ErrorKind, Result, Rushes};
use tokio::signal::unix::{SignalKind, signal};

use super::tools::Tools;

/// Origins of pages that this machine itself serves. Requests without an origin, which is what
/// programs send, always pass.
const OWN_ORIGINS: [&str; 3] = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];

/// Serves one client over standard input and output until it leaves or a signal says so.
pub(crate) async fn over_stdio(engine: Rushes) -> Result<()> {
    let broken = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Internal, format!("the MCP connection failed: {error}"))
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| broken(&error))?;
    let session = async {
        let service = match Tools::new(engine).serve(transport::stdio()).await {
            Ok(service) => service,
            // A client that leaves before it says hello wants nothing.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(broken(&error)),
        };
        service.waiting().await.map(|_| ()).map_err(|error| broken(&error))
    };
    tokio::select! {
        ended = session => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// The tools as a service for an HTTP router. Each request stands alone: there are no sessions to
/// lose or to fill memory.
pub(crate) fn over_http(
    engine: Rushes,
    loopback_only: bool,
) -> StreamableHttpService<Tools, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_origins(OWN_ORIGINS);
    let config = if loopback_only { config } else { config.disable_allowed_hosts() };
    let config = if loopback_only { config } else { config.disable_allowed_origins() };
    let tools = Tools::for_network(engine);
    let sessions = Arc::new(NeverSessionManager::default());
    StreamableHttpService::new(move || Ok(tools.clone()), sessions, config)
}
