//! `rushes serve`: HTTP, MCP and the page.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rushes::{Error, ErrorKind, Result};
use tokio::net::TcpListener;

use super::globals::Globals;
use super::output::Output;
use crate::http::{App, Limits, serve};

/// Serve the HTTP API, MCP (at /mcp) and the page (at /)
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address; port 0 picks a free one and prints it
    #[arg(long, default_value = "127.0.0.1:7878")]
    addr: SocketAddr,
    /// Allow an address that other machines reach. There is no authentication yet: whoever can
    /// connect can read, add and delete everything
    #[arg(long)]
    allow_remote: bool,
    /// Requests served at once; more are told to come again
    #[arg(long, default_value_t = NonZeroUsize::new(64).unwrap_or(NonZeroUsize::MIN), value_name = "N")]
    concurrency: NonZeroUsize,
    /// Write every read of a timeline into a new file, ids hashed: `rushes replay` runs it again
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Longest time for an answer, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
}

impl Serve {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<ExitCode> {
        self.check_addr()?;
        let engine = globals.open_or_make().await?;
        if let Some(file) = &self.record {
            engine.record(file)?;
        }
        let listener = TcpListener::bind(self.addr).await.map_err(|error| {
            let why = format!("cannot listen on {}: {error}", self.addr);
            Error::caused(ErrorKind::Invalid, why, error)
        })?;
        announce(&listener, out)?;
        engine.warm();
        let limits = Limits { upload: engine.settings().upload, ..self.limits() };
        let app = App::new(engine.clone(), limits);
        serve(listener, app).await?;
        engine.close().await?;
        Ok(ExitCode::SUCCESS)
    }

    fn check_addr(&self) -> Result<()> {
        if self.addr.ip().is_loopback() || self.allow_remote {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{} can be reached from other machines and no authentication exists yet: use a \
             loopback address, or --allow-remote behind something that guards it",
            self.addr
        )))
    }

    fn limits(&self) -> Limits {
        Limits {
            concurrency: self.concurrency.get(),
            timeout: Duration::from_secs(self.timeout),
            loopback_only: !self.allow_remote,
            ..Limits::default()
        }
    }
}

/// Says where the server is, at once: whoever started it with port 0 waits for this line.
fn announce(listener: &TcpListener, out: &Output) -> Result<()> {
    let addr = listener.local_addr().map_err(|error| {
        Error::caused(ErrorKind::Internal, format!("the socket has no address: {error}"), error)
    })?;
    let url = format!("http://{addr}");
    if out.json {
        return out.event(&serde_json::json!({ "listening": url }));
    }
    out.text(format!("listening on {url}"))
}
