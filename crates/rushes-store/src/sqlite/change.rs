//! The commit counter, and what each commit touched.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, params};

use super::connection::{Access, SqliteOptions, open_reader};
use crate::change::{Change, ChangeSet, VIDEO};
use crate::error::Result;
use crate::model::{VideoId, Window};

/// Raises the commit counter and, in the same transaction, the generation of each touched thing.
pub(super) fn commit(transaction: &Transaction<'_>, changes: Vec<Change>) -> Result<ChangeSet> {
    let seq = transaction
        .prepare_cached("UPDATE library SET seq = seq + 1 RETURNING seq")?
        .query_row([], |row| row.get(0))?;
    for change in &changes {
        raise(transaction, change, seq)?;
    }
    Ok(ChangeSet { seq, changes })
}

fn raise(transaction: &Transaction<'_>, change: &Change, seq: u64) -> Result<()> {
    let (video, scope, span) = change.scope();
    let (low, high) = span.unzip();
    let mut statement = transaction.prepare_cached(
        "INSERT INTO generations VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
         SET seq = ?3, low = min(low, ?4), high = max(high, ?5)",
    )?;
    statement.execute(params![video.as_str(), scope, seq, low, high])?;
    Ok(())
}

/// Forgets the parts of a video that is being removed: its own row says all.
pub(super) fn forget_parts(transaction: &Transaction<'_>, video: &VideoId) -> Result<()> {
    let sql = "DELETE FROM generations WHERE video = ? AND scope <> ?";
    transaction.prepare_cached(sql)?.execute([video.as_str(), VIDEO])?;
    Ok(())
}

/// The commit counter.
pub(super) fn seq(db: &Connection) -> Result<u64> {
    let mut statement = db.prepare_cached("SELECT seq FROM library")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Tells what was changed since a commit, by a connection of its own: `PRAGMA data_version` moves
/// when any other connection, of this process or another, has committed.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    db: Connection,
    data_version: i64,
    seq: u64,
}

impl Watch {
    pub(super) fn open(path: &Path, options: &SqliteOptions, access: Access) -> Result<Self> {
        let db = open_reader(path, options, access)?;
        Ok(Self { seen: Mutex::new(Seen { db, data_version: -1, seq: 0 }) })
    }

    pub(super) fn since(&self, seq: u64) -> Result<ChangeSet> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.refresh()?;
        if seen.seq <= seq {
            return Ok(ChangeSet { seq: seen.seq, changes: Vec::new() });
        }
        changes_after(&seen.db, seq)
    }
}

impl Seen {
    /// Asks for the counter only if somebody has committed. The version is read first: a commit
    /// in between is then seen again by the next call, never missed.
    fn refresh(&mut self) -> Result<()> {
        let mut statement = self.db.prepare_cached("PRAGMA data_version")?;
        let data_version = statement.query_row([], |row| row.get(0))?;
        if data_version != self.data_version {
            self.seq = seq(&self.db)?;
            self.data_version = data_version;
        }
        Ok(())
    }
}

fn changes_after(db: &Connection, after: u64) -> Result<ChangeSet> {
    // One snapshot: a counter newer than the rows would hide the next change.
    let snapshot = db.unchecked_transaction()?;
    let seq = seq(&snapshot)?;
    let mut statement = snapshot.prepare_cached(
        "SELECT video, scope, low, high FROM generations WHERE seq > ? ORDER BY seq",
    )?;
    let mut rows = statement.query([after])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let video: String = row.get(0)?;
        let scope: String = row.get(1)?;
        let window = Window {
            from: row.get::<_, Option<f64>>(2)?.unwrap_or(Window::ALL.from),
            to: row.get::<_, Option<f64>>(3)?.unwrap_or(Window::ALL.to),
        };
        changes.push(Change::of_scope(&video, &scope, window)?);
    }
    Ok(ChangeSet { seq, changes })
}
