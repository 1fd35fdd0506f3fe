//! One statement for many rows.

use std::sync::{Arc, Mutex, PoisonError};

use sqlparser::ast::{Expr, SetExpr, Statement, TableObject, Value};
use sqlparser::dialect::SQLiteDialect;

use super::read::bind;
use super::write::{SqlWriter, step};
use crate::error::{Error, Result};
use crate::sql::access::Progress;
use crate::sql::narrow::{parse, plain};
use crate::sql::{Batch, BatchDone, FailedRow, SqlParams, SqlValue, Upsert};

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

pub(super) fn checked(size: usize) -> Result<usize> {
    if size == 0 {
        return Err(Error::invalid("a batch has at least one row: size must be 1 or more"));
    }
    Ok(size)
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

/// Tells how many rows are done, each `size` rows and at the end.
pub(super) fn report(progress: Option<&Progress>, done: usize, size: usize, end: usize) {
    if let Some(progress) = progress.filter(|_| done.is_multiple_of(size) || done == end) {
        progress(done as u64);
    }
}

/// A batch that only inserts plain rows, which can be written faster; the batch itself where it
/// is anything else.
pub(super) fn as_insertion(batch: Batch) -> std::result::Result<Upsert, Batch> {
    let Some((table, columns)) = insertion(&batch.sql) else { return Err(batch) };
    let fits = |params: &SqlParams| match params {
        SqlParams::Positional(values) => values.len() == columns.len(),
        SqlParams::Named(_) => false,
    };
    if !batch.rows.iter().all(fits) {
        return Err(batch);
    }
    let rows = batch.rows.into_iter().map(|params| match params {
        SqlParams::Positional(values) => values,
        SqlParams::Named(_) => Vec::<SqlValue>::new(),
    });
    let rows = rows.collect();
    let (size, atomic) = (batch.size, batch.atomic);
    Ok(Upsert { table, columns, keys: Vec::new(), rows, size, atomic })
}

/// The table and columns of `INSERT INTO table (column, …) VALUES (?, …)`.
fn insertion(sql: &str) -> Option<(String, Vec<String>)> {
    let (_, Statement::Insert(insert)) = parse(sql, &SQLiteDialect {})? else { return None };
    let special = insert.or.is_some()
        || insert.on.is_some()
        || insert.returning.is_some()
        || insert.replace_into
        || insert.ignore
        || insert.columns.is_empty();
    let TableObject::TableName(name) = &insert.table else { return None };
    let source = insert.source.as_ref()?;
    let SetExpr::Values(values) = source.body.as_ref() else { return None };
    let [row] = values.rows.as_slice() else { return None };
    let plain_place = |value: &Expr| {
        matches!(value, Expr::Value(value)
            if matches!(&value.value, Value::Placeholder(text) if text == "?"))
    };
    let row: &[Expr] = row;
    let all_places = row.len() == insert.columns.len() && row.iter().all(plain_place);
    if special || !all_places || source.with.is_some() {
        return None;
    }
    let columns = insert.columns.iter().map(plain).collect::<Option<_>>()?;
    Some((plain(name)?, columns))
}
