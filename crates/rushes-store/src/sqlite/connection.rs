//! Connections: how they are set up, the thread that writes, and those that read.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::error::{Error, Result};
use crate::sql::SqlOptions;

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A kill of the process at any instruction (`synchronous = NORMAL`). After a power cut the
    /// library is sound, but the last commits may be missing.
    #[default]
    Process,
    /// A power cut too (`synchronous = FULL`): each commit waits for the disk.
    Power,
}

/// How a library file is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Connections for reading, at least 2; opened when first needed.
    pub readers: usize,
    /// Page cache of the writing connection, bytes. Reading connections get an eighth each: they
    /// share the system's file cache.
    pub cache_bytes: u64,
    /// How long a write waits for another process that writes.
    pub busy_timeout: Duration,
    /// How SQL is run.
    pub sql: SqlOptions,
}

/// What a connection may do with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Read and write.
    Whole,
    /// Read, beside others who write, a file that this process may not write.
    Read,
    /// Read what nobody can write: no lock is taken and no log looked for.
    Frozen,
}

/// How a file that this process may not write is opened. SQLite reads its log where that lies, by
/// the index beside it, which it could not make.
pub(super) fn access_to_read(path: &Path) -> Result<Access> {
    let log = std::fs::metadata(beside(path, "-wal"));
    if !log.is_ok_and(|log| log.len() > 0) {
        return Ok(Access::Frozen);
    }
    if beside(path, "-shm").exists() {
        return Ok(Access::Read);
    }
    Err(Error::Invalid(format!(
        "{} has a log beside it that is still to be applied: open it once where it may be written",
        path.display()
    )))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Process,
            readers: 4,
            cache_bytes: 64 << 20,
            busy_timeout: Duration::from_secs(10),
            sql: SqlOptions::default(),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy("another process is writing to the library; try again".to_owned())
            }
            Some(ErrorCode::ReadOnly) => only_read(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(format!("the library's database file is damaged: {error}"))
            }
            _ => Self::Database(Box::new(error)),
        }
    }
}

/// Pages of 4096 bytes that the log may hold before a commit copies them into the database.
const CHECKPOINT_PAGES: i64 = 4000;
/// Prepared statements kept by each connection.
const STATEMENTS: usize = 96;

/// Visible entries that an open run wrote again. Forgotten with the process, as is the need for
/// them: only a run that is finished by the process that opened it asks.
const AGAIN: &str = "CREATE TEMP TABLE again (
    run INTEGER, entry INTEGER, PRIMARY KEY (run, entry)
) WITHOUT ROWID";

/// Opens the connection for the library's own writes. These raise what they touch once a commit;
/// the triggers, which do it for everybody else's, would cost as much as the rows themselves.
pub(super) fn open_writer(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let db = open(path, options, Access::Whole, options.cache_bytes)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    db.execute_batch(AGAIN)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    Ok(db)
}

/// Opens the connection for statements that somebody else wrote: triggers are on.
pub(super) fn open_sql_writer(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let db = open(path, options, Access::Whole, options.cache_bytes / 8)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(db)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(
    path: &Path,
    options: &SqliteOptions,
    access: Access,
) -> Result<Connection> {
    let db = open(path, options, access, options.cache_bytes / 8)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

/// Opens a connection on which SQLite itself refuses to write.
pub(super) fn open_only_to_read(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    match access {
        Access::Whole | Access::Read => Connection::open_with_flags(path, flags),
        Access::Frozen => {
            let address = format!("{}?immutable=1", address(path));
            Connection::open_with_flags(address, flags | OpenFlags::SQLITE_OPEN_URI)
        }
    }
}

fn open(
    path: &Path,
    options: &SqliteOptions,
    access: Access,
    cache_bytes: u64,
) -> Result<Connection> {
    let db = match access {
        Access::Whole => Connection::open(path)?,
        Access::Read | Access::Frozen => open_only_to_read(path, access)?,
    };
    db.busy_timeout(options.busy_timeout)?;
    let synchronous = match options.durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    let kibibytes = i64::try_from(cache_bytes / 1024).unwrap_or(i64::MAX);
    db.pragma_update(None, "synchronous", synchronous)?;
    db.pragma_update(None, "cache_size", -kibibytes)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // Plans must not depend on bound values: otherwise a cached statement over a table that has
    // partial indexes is prepared anew each time its bindings are cleared (40 us instead of 5).
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

/// A path as the address that SQLite reads options from.
fn address(path: &Path) -> String {
    let escaped = path.as_os_str().as_encoded_bytes().iter().map(|&byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02x}"),
    });
    format!("file:{}", escaped.collect::<String>())
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The thread that owns the writing connection. Ends, after the writes under way, when dropped.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Counts the commits of this process, before they are acknowledged.
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// How many writes may wait; more callers than that wait to be let in.
    const QUEUE: usize = 64;

    pub(super) fn start(mut db: Connection, commits: Arc<AtomicU64>) -> Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(Self::QUEUE);
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut db);
            }
        };
        let thread = std::thread::Builder::new().name("rushes-writer".to_owned()).spawn(work);
        let thread = thread.map_err(Error::io("start the writing thread"))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), commits })
    }

    /// No thread and no writing: every write is refused.
    pub(super) fn none() -> Self {
        Self { jobs: None, thread: None, commits: Arc::default() }
    }

    pub(super) fn may_write(&self) -> bool {
        self.jobs.is_some()
    }

    /// Does `work` in one transaction, which has happened, durably, when this returns `Ok`. Once
    /// handed over it is done whether or not the caller still waits.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.try_run(move |transaction| work(transaction).map(Ok)).await
    }

    /// As [`Writer::run`] for work that may think better of it: what it answers as `Err` within
    /// `Ok` is answered too, after everything was undone.
    pub(super) async fn try_run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<std::result::Result<T, T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let commits = Arc::clone(&self.commits);
        let job: Job = Box::new(move |db| {
            let done = in_transaction(db, work);
            commits.fetch_add(1, Ordering::Release);
            // Nobody may be listening any more: the work is done all the same.
            let _ = reply.send(done);
        });
        let jobs = self.jobs.as_ref().ok_or_else(only_read)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported to the one whose write it was.
            let _ = thread.join();
        }
    }
}

pub(super) fn only_read() -> Error {
    Error::invalid("the library can only be read here: its files may not be written")
}

fn stopped() -> Error {
    Error::Database("the writing thread has stopped; open the library again".into())
}

/// Takes the write lock at once, so that no transaction fails half-way because it came second.
fn in_transaction<T>(
    db: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<std::result::Result<T, T>>,
) -> Result<T> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match work(&transaction)? {
        Ok(value) => transaction.commit().map(|()| value).map_err(Error::from),
        Err(undone) => transaction.rollback().map(|()| undone).map_err(Error::from),
    }
}

/// Connections that read. At most `readers` work at a time; the rest wait without blocking.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    options: SqliteOptions,
    access: Access,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
    /// Long reads leave one connection to the short ones.
    long_permits: Semaphore,
}

impl Readers {
    pub(super) fn new(path: &Path, options: &SqliteOptions, access: Access) -> Self {
        let readers = options.readers.max(2);
        Self {
            path: path.to_owned(),
            options: options.clone(),
            access,
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(readers),
            long_permits: Semaphore::new(readers - 1),
        }
    }

    /// A read of microseconds: on this thread, telling the runtime where it has others.
    pub(super) async fn short<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let _permit = self.permits.acquire().await.map_err(|_| stopped())?;
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => self.read(work),
            _ => tokio::task::block_in_place(|| self.read(work)),
        }
    }

    /// A read that may take milliseconds or more: on a thread for such work.
    pub(super) async fn long<T, F>(self: &Arc<Self>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let _long = self.long_permits.acquire().await.map_err(|_| stopped())?;
        let _permit = self.permits.acquire().await.map_err(|_| stopped())?;
        let readers = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || readers.read(work)).await;
        done.map_err(|error| Error::Database(Box::new(error)))?
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match idle {
            Some(db) => db,
            None => open_reader(&self.path, &self.options, self.access)?,
        };
        let value = work(&db);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        value
    }
}
