//! What every handler holds, and what bounds it.

use std::sync::Arc;
use std::time::Duration;

use rushes::Rushes;

use super::metrics::Metrics;

/// What every handler holds. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// The engine.
    pub(crate) engine: Rushes,
    /// Bounds.
    pub(crate) limits: Limits,
    /// Counters of requests.
    pub(crate) metrics: Arc<Metrics>,
}

/// Bounds of what one caller, or all together, may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Requests served at once.
    pub(crate) concurrency: usize,
    /// Longest time for an answer.
    pub(crate) timeout: Duration,
    /// Longest time for an upload and its ingest, or for an import.
    pub(crate) writing: Duration,
    /// Greatest body of an upload or import, bytes.
    pub(crate) upload: u64,
    /// Greatest JSON body, bytes.
    pub(crate) body: usize,
    /// Longest path and query, bytes.
    pub(crate) uri: usize,
    /// All headers together, bytes.
    pub(crate) headers: usize,
    /// Whether only this machine may ask, under a loopback name.
    pub(crate) loopback_only: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 64,
            timeout: Duration::from_secs(60),
            writing: Duration::from_secs(3600),
            upload: 8 << 30,
            body: 1 << 20,
            uri: 8 << 10,
            headers: 32 << 10,
            loopback_only: true,
        }
    }
}

impl App {
    /// An app over an open engine.
    pub(crate) fn new(engine: Rushes, limits: Limits) -> Self {
        Self { engine, limits, metrics: Arc::default() }
    }
}
