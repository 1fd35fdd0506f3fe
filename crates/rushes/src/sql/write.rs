//! Statements that write to tables of the user's own in the library's database.

use std::sync::Arc;
use std::time::Instant;

use rushes_store::{Batch, BatchDone, Executed, Outcome, Progress, SqlParams, Upsert};

use crate::engine::Rushes;
use crate::error::Result;

impl Rushes {
    /// Executes one statement that writes, or makes or alters a table, in a transaction of its
    /// own, which has happened, durably, when this returns. The library's own tables change by
    /// ingest, import, memory and removal only. No cached answer needs to be named: those that the
    /// write made untrue are not served again.
    pub async fn execute(&self, sql: &str, params: &SqlParams) -> Result<Executed> {
        let timeout = self.inner.settings.sql_timeout;
        let began = Instant::now();
        let done = self.inner.store.sql().execute(sql, params, timeout).await;
        let rows = done.as_ref().ok().map(|done| done.rows);
        self.note_write(&sql.into(), began, rows);
        Ok(done?)
    }

    /// Executes one statement for many rows of values: in one transaction, or in one a batch of
    /// `size` rows. Tells `progress` how many rows are done. The row that the database refused is
    /// part of the answer, not an error.
    pub async fn execute_batch(
        &self,
        batch: Batch,
        progress: Option<Progress>,
    ) -> Result<BatchDone> {
        let (sql, began) = (Arc::clone(&batch.sql), Instant::now());
        let done = self.inner.store.sql().execute_batch(batch, progress).await;
        let rows = done.as_ref().ok().filter(|done| done.failed.is_none());
        self.note_write(&sql, began, rows.map(|done| done.changed));
        Ok(done?)
    }

    /// Inserts many rows into a table, or updates those whose keys are there.
    pub async fn upsert(&self, upsert: Upsert, progress: Option<Progress>) -> Result<BatchDone> {
        let sql = format!("INSERT INTO {} (upsert)", upsert.table).into();
        let began = Instant::now();
        let done = self.inner.store.sql().upsert(upsert, progress).await;
        let rows = done.as_ref().ok().filter(|done| done.failed.is_none());
        self.note_write(&sql, began, rows.map(|done| done.changed));
        Ok(done?)
    }

    fn note_write(&self, sql: &Arc<str>, began: Instant, rows: Option<u64>) {
        let outcome = match rows {
            Some(rows) => Outcome::Done(began.elapsed(), rows),
            None => Outcome::Failed(began.elapsed()),
        };
        self.note_statement(sql, &SqlParams::NONE, &outcome);
    }
}
