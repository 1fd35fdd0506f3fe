//! Statements that write, and the watching of tables: one connection on which triggers are on.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction};

use super::guard::{Guard, Mode};
use super::pool::Deadline;
use super::read::{bind, is_interrupted};
use super::watch;
use crate::error::{Error, Result};
use crate::sql::{Executed, SqlParams};
use crate::sqlite::SqliteOptions;
use crate::sqlite::connection::{Access, Writer, only_read, open_sql_writer};

/// The writing connection for SQL, opened when first needed.
pub(super) struct SqlWriter {
    path: PathBuf,
    options: SqliteOptions,
    access: Access,
    commits: Arc<AtomicU64>,
    started: Mutex<Option<Arc<Started>>>,
}

pub(super) struct Started {
    writer: Writer,
    guard: Guard,
    deadline: Arc<Deadline>,
}

impl SqlWriter {
    pub(super) fn new(
        path: &Path,
        options: &SqliteOptions,
        access: Access,
        commits: Arc<AtomicU64>,
    ) -> Self {
        let (path, options) = (path.to_owned(), options.clone());
        Self { path, options, access, commits, started: Mutex::default() }
    }

    pub(super) fn started(&self) -> Result<Arc<Started>> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(started) = &*started {
            return Ok(Arc::clone(started));
        }
        if self.access != Access::Whole {
            return Err(only_read());
        }
        let mut db = open_sql_writer(&self.path, &self.options)?;
        let guard = Guard::before(&mut db, Mode::Trust)?;
        let deadline = Deadline::on(&mut db)?;
        let writer = Writer::start(db, Arc::clone(&self.commits))?;
        let new = Arc::new(Started { writer, guard, deadline });
        *started = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Has tables watched.
    pub(super) async fn watch(&self, tables: Vec<String>) -> Result<()> {
        let work = move |transaction: &Transaction<'_>| {
            tables.iter().try_for_each(|table| watch::watch(transaction, table))
        };
        self.started()?.writer.run(work).await
    }

    /// Executes one statement.
    pub(super) async fn execute(
        &self,
        sql: &str,
        params: &SqlParams,
        timeout: Duration,
    ) -> Result<Executed> {
        let (sql, params) = (sql.to_owned(), params.clone());
        self.run(timeout, move |guard, transaction| {
            let mut statement = guard.prepare(transaction, &sql)?;
            if statement.readonly() && statement.column_count() > 0 {
                return Err(Error::invalid("this statement only reads: ask it as a query"));
            }
            bind(&mut statement, &params)?;
            Ok(Executed { rows: step(guard, transaction, &mut statement)? })
        })
        .await
    }

    /// Does some writing with the guard up and the clock running.
    pub(super) async fn run<T, F>(&self, timeout: Duration, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Guard, &Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let started = self.started()?;
        let seen = Arc::clone(&started);
        let done = started.writer.run(move |transaction| {
            seen.deadline.set(timeout);
            let done = work(&seen.guard, transaction);
            let over = seen.deadline.is_over();
            seen.deadline.lift();
            seen.guard.allow(Mode::Trust);
            done.map_err(|error| in_time(error, over, timeout))
        });
        done.await
    }
}

fn in_time(error: Error, over: bool, timeout: Duration) -> Error {
    if over && is_interrupted(&error) {
        let seconds = timeout.as_secs_f64();
        return Error::TooLarge(format!("stopped after {seconds:.1} s; nothing was written"));
    }
    error
}

impl Guard {
    /// Prepares a statement of somebody else's, never one that was prepared on trust.
    pub(super) fn prepare<'t>(
        &self,
        db: &'t Connection,
        sql: &str,
    ) -> Result<rusqlite::Statement<'t>> {
        self.allow(Mode::Write);
        let prepared = db.prepare(sql).map_err(|error| self.explain(error));
        self.allow(Mode::Write);
        prepared
    }
}

/// Executes a bound statement to its end; returns how many rows it changed itself.
pub(super) fn step(
    guard: &Guard,
    db: &Connection,
    statement: &mut rusqlite::Statement<'_>,
) -> Result<u64> {
    let before = db.total_changes();
    let mut rows = statement.raw_query();
    while rows.next().map_err(|error| guard.explain(error))?.is_some() {}
    drop(rows);
    Ok(if db.total_changes() > before { db.changes() } else { 0 })
}
