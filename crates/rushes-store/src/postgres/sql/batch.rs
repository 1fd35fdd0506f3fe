//! One statement for many rows, which are sent without waiting for one another's answers.

use deadpool_postgres::Transaction;
use futures::future::BoxFuture;
use futures::{FutureExt, poll};
use tokio_postgres::Statement;

use super::write::{Writers, begin, bound, by_position, explain, out_of_time, prepare};
use crate::error::{Error, Result};
use crate::sql::access::Progress;
use crate::sql::insertion::checked;
use crate::sql::{Batch, BatchDone, FailedRow, SqlParams, SqlValue};

/// Rows that are under way at a time.
const UNDER_WAY: usize = 100;

/// Executes a batch, chunk by chunk; a chunk that fails is undone.
pub(super) async fn execute(
    writers: &Writers,
    batch: Batch,
    progress: Option<Progress>,
) -> Result<BatchDone> {
    let size = checked(batch.size)?;
    let step = if batch.atomic { batch.rows.len().max(1) } else { size };
    let rows = batch.rows.iter().map(positional).collect::<Result<Vec<_>>>()?;
    let mut done = BatchDone::default();
    for chunk in rows.chunks(step) {
        let mut lent = writers.lend().await?;
        let start = usize::try_from(done.executed).unwrap_or(usize::MAX);
        let told = Told { progress: progress.as_ref(), size, start, end: start + chunk.len() };
        let work = async {
            let transaction = begin(lent.client()?, batch.timeout).await?;
            let statement = prepare(&transaction, &batch.sql).await?;
            let wrote = each(&transaction, &statement, chunk, &told).await?;
            if let Ok(changed) = wrote {
                writers.commit(transaction).await?;
                return Ok(Ok(changed));
            }
            Ok::<_, Error>(wrote)
        };
        // Given up in the middle, the connection is stopped and dropped.
        let wrote = match tokio::time::timeout(batch.timeout, work).await {
            Ok(wrote) => wrote,
            Err(_) => return Err(out_of_time(batch.timeout)),
        };
        lent.give_back();
        match wrote? {
            Ok(changed) => {
                done.changed += changed;
                done.executed += chunk.len() as u64;
            }
            Err(failed) => return Ok(BatchDone { failed: Some(failed), ..done }),
        }
    }
    Ok(done)
}

fn positional(params: &SqlParams) -> Result<&[SqlValue]> {
    match params {
        SqlParams::Positional(values) => Ok(values),
        SqlParams::Named(_) => Err(by_position()),
    }
}

/// Where rows stand in the batch, and whom to tell how far it is.
pub(super) struct Told<'a> {
    pub(super) progress: Option<&'a Progress>,
    pub(super) size: usize,
    /// The first of the rows.
    pub(super) start: usize,
    /// The one behind the last.
    pub(super) end: usize,
}

impl Told<'_> {
    /// Tells of the rows up to the one behind `done`, those that `before` were told of left out.
    pub(super) fn up_to(&self, before: usize, done: usize) {
        for row in before + 1..=done {
            crate::sql::insertion::report(self.progress, row, self.size, self.end);
        }
    }
}

/// Executes a statement for each row; the row that fails, if one does.
pub(super) async fn each(
    transaction: &Transaction<'_>,
    statement: &Statement,
    rows: &[impl AsRef<[SqlValue]> + Sync],
    told: &Told<'_>,
) -> Result<std::result::Result<u64, FailedRow>> {
    let (mut changed, mut index) = (0, told.start);
    for some in rows.chunks(UNDER_WAY) {
        let mut under_way: Vec<BoxFuture<'_, Result<u64>>> = Vec::with_capacity(some.len());
        for row in some {
            let row = row.as_ref();
            let execute = async move {
                let values = bound(statement, row)?;
                transaction.execute_raw(statement, values).await.map_err(explain)
            };
            let mut execute = execute.boxed();
            // Sends it, in the order of the rows.
            if let std::task::Poll::Ready(done) = poll!(&mut execute) {
                execute = std::future::ready(done).boxed();
            }
            under_way.push(execute);
        }
        for row in under_way {
            match row.await {
                Ok(rows) => changed += rows,
                Err(Error::Invalid(why)) => return Ok(Err(FailedRow { index, why })),
                Err(error) => return Err(error),
            }
            index += 1;
            told.up_to(index - 1, index);
        }
    }
    Ok(Ok(changed))
}
