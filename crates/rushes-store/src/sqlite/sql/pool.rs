//! Connections for statements that read: a few, handed out in order of asking, each bounded in time
//! and memory.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, InterruptHandle};
use serde_json::{Value, json};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::guard::{Guard, Mode};
use crate::error::{Error, Result};
use crate::sql::SqlOptions;
use crate::sqlite::SqliteOptions;
use crate::sqlite::connection::{Access, open_only_to_read};

/// Longest text or blob that a statement may make, bytes.
const VALUE: i32 = 64 << 20;
/// Longest statement, bytes.
const SQL: i32 = 1 << 20;
/// Memory of one connection's page cache, KiB.
const CACHE_KIB: i64 = 8 << 10;
/// Instructions of SQLite's machine between two looks at the clock: some tens of microseconds.
const INSTRUCTIONS: i32 = 2000;

/// When the running statement must end.
#[derive(Debug)]
pub(super) struct Deadline {
    opened: Instant,
    /// Microseconds after `opened`.
    at: AtomicU64,
}

impl Deadline {
    /// Has statements of a connection end in time.
    pub(super) fn on(db: &mut Connection) -> Result<Arc<Self>> {
        let deadline = Arc::new(Self { opened: Instant::now(), at: AtomicU64::new(u64::MAX) });
        let seen = Arc::clone(&deadline);
        db.progress_handler(INSTRUCTIONS, Some(move || seen.is_over()))?;
        Ok(deadline)
    }

    pub(super) fn set(&self, after: Duration) {
        let at = self.opened.elapsed().saturating_add(after).as_micros();
        self.at.store(u64::try_from(at).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn lift(&self) {
        self.at.store(u64::MAX, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        at != u64::MAX && self.opened.elapsed().as_micros() >= u128::from(at)
    }
}

/// A connection that reads.
pub(super) struct Reader {
    pub(super) db: Connection,
    pub(super) guard: Guard,
    pub(super) deadline: Arc<Deadline>,
}

impl Reader {
    fn open(pool: &Pool) -> Result<Self> {
        let mut db = open_only_to_read(&pool.path, pool.access)?;
        db.busy_timeout(pool.patience)?;
        db.pragma_update(None, "query_only", true)?;
        db.pragma_update(None, "cache_size", -CACHE_KIB)?;
        db.pragma_update(None, "temp_store", "MEMORY")?;
        db.pragma_update(None, "trusted_schema", false)?;
        for (limit, most) in [
            (Limit::SQLITE_LIMIT_LENGTH, VALUE),
            (Limit::SQLITE_LIMIT_SQL_LENGTH, SQL),
            (Limit::SQLITE_LIMIT_ATTACHED, 0),
            (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
        ] {
            db.set_limit(limit, most)?;
        }
        // As for the library's own connections: plans hang on the statement only.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        db.set_prepared_statement_cache_capacity(pool.options.statements);
        let guard = Guard::before(&mut db, Mode::Read)?;
        let deadline = Deadline::on(&mut db)?;
        Ok(Self { db, guard, deadline })
    }

    /// Several reads as of one moment.
    pub(super) fn snapshot<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.guard.allow(Mode::Trust);
        let snapshot = self.db.unchecked_transaction()?;
        let value = work(self);
        self.guard.allow(Mode::Trust);
        drop(snapshot);
        self.guard.allow(Mode::Read);
        value
    }
}

/// The connections.
pub(super) struct Pool {
    path: PathBuf,
    access: Access,
    patience: Duration,
    options: SqlOptions,
    idle: Mutex<Vec<Reader>>,
    permits: Arc<Semaphore>,
    waiting: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
    opened: AtomicU64,
    pub(super) reused: AtomicU64,
    pub(super) prepared: AtomicU64,
}

impl Pool {
    pub(super) fn new(path: &Path, options: &SqliteOptions, access: Access) -> Self {
        let connections = options.sql.connections.max(1);
        Self {
            path: path.to_owned(),
            access,
            patience: options.busy_timeout,
            options: SqlOptions { connections, ..options.sql.clone() },
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(connections)),
            waiting: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            prepared: AtomicU64::new(0),
        }
    }

    /// Does some reading with a connection: in place when it is `quick` (and the runtime has other
    /// threads), else on a thread for long work, interrupted when nobody waits for it any more.
    pub(super) async fn run<T, F>(self: &Arc<Self>, quick: bool, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    {
        let permit = self.permit().await?;
        if quick && Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
            return tokio::task::block_in_place(|| self.with(permit, work));
        }
        let running = Running::default();
        let seen = running.0.clone();
        let pool = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            pool.with(permit, |reader| {
                if !seen.begin(reader.db.get_interrupt_handle()) {
                    return Err(Error::invalid("nobody waits for the answer any more"));
                }
                let value = work(reader);
                seen.end();
                value
            })
        });
        let value = done.await.map_err(|error| Error::Database(Box::new(error)))?;
        drop(running);
        value
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        self.taken.fetch_add(1, Ordering::Relaxed);
        // Those who wait go first: a permit that is free has nobody waiting for it.
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::begin(&self.waiting);
        let permit = Arc::clone(&self.permits).acquire_owned();
        match tokio::time::timeout(self.options.wait, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(Error::Busy(format!(
                    "all {} connections for SQL were busy for {:.1} s; try again, ask for less at \
                     once, or raise sql_connections",
                    self.options.connections,
                    self.options.wait.as_secs_f64()
                )))
            }
        }
    }

    /// A connection that breaks off half-way is not used again: a new one takes its place.
    fn with<T>(
        &self,
        _permit: OwnedSemaphorePermit,
        work: impl FnOnce(&mut Reader) -> Result<T>,
    ) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => {
                self.opened.fetch_add(1, Ordering::Relaxed);
                Reader::open(self)?
            }
        };
        let value = work(&mut reader);
        reader.deadline.lift();
        if reader.db.is_autocommit()
            && !matches!(value, Err(Error::Corrupt(_) | Error::Database(_)))
        {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        }
        value
    }

    pub(super) fn figures(&self) -> Value {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (reused, prepared) = (count(&self.reused), count(&self.prepared));
        let asked = reused + prepared;
        json!({
            "connections": self.options.connections,
            "in_use": self.options.connections.saturating_sub(self.permits.available_permits()),
            "waiting": count(&self.waiting),
            "taken": count(&self.taken),
            "refused": count(&self.refused),
            "opened": count(&self.opened),
            "statements_reused": reused,
            "statements_prepared": prepared,
            "statement_hit_ratio": (asked > 0).then(|| reused as f64 / asked as f64),
        })
    }
}

/// Counts one who waits, until it is dropped.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicU64) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Interrupts the statement that runs elsewhere, if it still does, when it is dropped.
#[derive(Default)]
struct Running(Arc<Interrupt>);

#[derive(Default)]
struct Interrupt(Mutex<Stage>);

#[derive(Default)]
enum Stage {
    #[default]
    Waiting,
    Runs(InterruptHandle),
    Over,
}

impl Interrupt {
    fn stage(&self) -> std::sync::MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody still waits for what is about to begin.
    fn begin(&self, handle: InterruptHandle) -> bool {
        let mut stage = self.stage();
        let wanted = !matches!(*stage, Stage::Over);
        if wanted {
            *stage = Stage::Runs(handle);
        }
        wanted
    }

    /// From now on the connection may be somebody else's.
    fn end(&self) {
        *self.stage() = Stage::Over;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut stage = self.0.stage();
        if let Stage::Runs(handle) = &*stage {
            handle.interrupt();
        }
        *stage = Stage::Over;
    }
}
