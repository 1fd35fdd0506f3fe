//! One statement for many rows.

use std::sync::{Arc, Mutex, PoisonError};

use super::read::bind;
use super::write::{SqlWriter, step};
use crate::error::{Error, Result};
use crate::sql::access::Progress;
use crate::sql::insertion::{checked, report};
use crate::sql::{Batch, BatchDone, FailedRow, SqlParams};

/// Executes a batch, chunk by chunk; a chunk that fails is undone.
pub(super) async fn execute(
    writer: &SqlWriter,
    batch: Batch,
    progress: Option<Progress>,
) -> Result<BatchDone> {
    let size = checked(batch.size)?;
    let step = if batch.atomic { batch.rows.len().max(1) } else { size };
    let rows = Arc::new(batch.rows);
    let mut done = BatchDone::default();
    for start in (0..rows.len()).step_by(step) {
        let chunk = Chunk {
            sql: Arc::clone(&batch.sql),
            rows: Arc::clone(&rows),
            range: start..rows.len().min(start + step),
            size,
            progress: progress.clone(),
            failed: Arc::default(),
        };
        let failed = Arc::clone(&chunk.failed);
        let result = writer.run(batch.timeout, move |guard, db| chunk.execute(guard, db)).await;
        let row = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (result, row) {
            (Ok((changed, executed)), _) => {
                done.changed += changed;
                done.executed += executed;
            }
            (Err(_), Some(row)) => return Ok(BatchDone { failed: Some(row), ..done }),
            (Err(error), None) => return Err(error),
        }
    }
    Ok(done)
}

/// Rows that are one transaction.
struct Chunk {
    sql: Arc<str>,
    rows: Arc<Vec<SqlParams>>,
    range: std::ops::Range<usize>,
    size: usize,
    progress: Option<Progress>,
    failed: Arc<Mutex<Option<FailedRow>>>,
}

impl Chunk {
    fn execute(
        &self,
        guard: &super::guard::Guard,
        db: &rusqlite::Connection,
    ) -> Result<(u64, u64)> {
        let mut statement = guard.prepare(db, &self.sql)?;
        let mut changed = 0;
        for index in self.range.clone() {
            let Some(params) = self.rows.get(index) else { break };
            let row = bind(&mut statement, params)
                .and_then(|()| step(guard, db, &mut statement))
                .inspect_err(|error| self.note(index, error))?;
            changed += row;
            report(self.progress.as_ref(), index + 1, self.size, self.range.end);
        }
        Ok((changed, self.range.len() as u64))
    }

    fn note(&self, index: usize, error: &Error) {
        if matches!(error, Error::Invalid(_)) {
            let failed = FailedRow { index, why: error.to_string() };
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
        }
    }
}
