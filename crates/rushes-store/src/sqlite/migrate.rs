//! Brings a library file to the present schema: numbered steps, forward only, each checked by its
//! hash so that a step that was altered after it was applied is noticed.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use crate::error::{Error, Result};
use crate::migrations::Step;

/// "Rush": tells our files from other SQLite databases.
const APPLICATION: i64 = 0x5275_7368;

const STEPS: &[Step] = &[
    Step {
        version: 1,
        name: "library",
        sql: include_str!("../migrations/sqlite/0001_library.sql"),
    },
    Step { version: 2, name: "sql", sql: include_str!("../migrations/sqlite/0002_sql.sql") },
];

/// The schema that this release writes.
pub(super) fn latest() -> i64 {
    STEPS.last().map_or(0, |step| step.version)
}

/// Makes the file at `path` a library of the present schema. Any number of processes may do this
/// at once: the first to get the write lock applies the steps, the others find them applied.
pub(super) fn migrate(db: &mut Connection, path: &Path, patience: Duration) -> Result<()> {
    if version(db)? < latest() {
        recognise(db, path)?;
        log_ahead(db, patience)?;
        apply(db, path)?;
    }
    verify(db, path)
}

/// Refuses a file that is to be read as it is and is not of the present schema.
pub(super) fn verify_present(db: &Connection, path: &Path) -> Result<()> {
    if version(db)? < latest() {
        recognise(db, path)?;
        return Err(Error::Invalid(format!(
            "{} was made by an older release: open it once where it may be written",
            path.display()
        )));
    }
    verify(db, path)
}

fn version(db: &Connection) -> Result<i64> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Refuses a database that is somebody else's.
fn recognise(db: &Connection, path: &Path) -> Result<()> {
    // Tables first: another process may be making the library, and commits its mark with them.
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application == APPLICATION || tables == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Error::Invalid(format!(
        "{path} is a database, but not a Rushes library; name another file"
    )))
}

/// Switches to WAL. SQLite does not wait for another process that is just doing the same, so ask
/// again for as long as a write would wait.
fn log_ahead(db: &Connection, patience: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        match db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < patience =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            other => return Ok(other?),
        }
    }
}

fn apply(db: &mut Connection, path: &Path) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again under the lock: another process may have been first.
    recognise(&transaction, path)?;
    let present = version(&transaction)?;
    if present == 0 {
        transaction.execute_batch(
            "CREATE TABLE migrations (
                version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
            ) STRICT",
        )?;
    }
    for step in STEPS.iter().filter(|step| step.version > present) {
        transaction.execute_batch(step.sql)?;
        transaction.execute(
            "INSERT INTO migrations VALUES (?, ?, ?)",
            params![step.version, step.name, step.checksum()],
        )?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", latest().max(present))?;
    Ok(transaction.commit()?)
}

/// Refuses a file that is no library, or one of a newer release; one of an older release will do.
pub(super) fn verify_known(db: &Connection, path: &Path) -> Result<()> {
    recognise(db, path)?;
    let (present, path) = (version(db)?, path.display());
    if present == 0 {
        return Err(Error::Invalid(format!("{path} is no Rushes library; name another file")));
    }
    if present > latest() {
        return Err(Error::TooNew(format!(
            "{path} has schema {present}, this release knows up to {}; use a newer release",
            latest()
        )));
    }
    Ok(())
}

fn verify(db: &Connection, path: &Path) -> Result<()> {
    verify_known(db, path)?;
    let path = path.display();
    for step in STEPS {
        let applied: Option<String> = db
            .query_row("SELECT checksum FROM migrations WHERE version = ?", [step.version], |row| {
                row.get(0)
            })
            .optional()?;
        if applied.as_deref() != Some(&step.checksum()) {
            return Err(Error::Corrupt(format!(
                "{path}: schema step {} ({}) is not the one this release has; restore a backup",
                step.version, step.name
            )));
        }
    }
    Ok(())
}
