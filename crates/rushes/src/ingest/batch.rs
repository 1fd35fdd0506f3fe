//! Rows are written some at a time, each batch in a transaction of its own.

use std::time::{Duration, Instant};

use rushes_store::{NewEntry, RunId, Store};

use crate::error::Result;

/// Rows of one transaction at most.
const ROWS: usize = 64;
/// A crash loses at most this much work.
const AGE: Duration = Duration::from_secs(2);

/// Gathers entries and writes them into a run.
pub(super) struct Batch<'a> {
    store: &'a dyn Store,
    run: RunId,
    rows: Vec<NewEntry>,
    begun: Instant,
}

impl<'a> Batch<'a> {
    pub(super) fn new(store: &'a dyn Store, run: RunId) -> Self {
        Self { store, run, rows: Vec::with_capacity(ROWS), begun: Instant::now() }
    }

    /// Adds an entry; writes when there are enough, or when the first has waited long enough.
    pub(super) async fn add(&mut self, entry: NewEntry) -> Result<()> {
        self.rows.push(entry);
        if self.rows.len() >= ROWS || self.begun.elapsed() >= AGE {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) async fn write(&mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.store.run_write(self.run, std::mem::take(&mut self.rows)).await?;
        }
        self.begun = Instant::now();
        Ok(())
    }
}
