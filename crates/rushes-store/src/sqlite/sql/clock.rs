//! Has anybody committed? Asked before every answer from the cache.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::Result;
use crate::sql::Freshness;

/// Counts the moments between which something was committed, by whomever. `PRAGMA data_version`
/// tells this connection when another one, of this process or not, has committed.
#[derive(Debug)]
pub(super) struct Clock {
    /// Commits of this process; counted before they are acknowledged.
    own: Arc<AtomicU64>,
    bound: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    db: Connection,
    data_version: i64,
    own: u64,
    looked: Option<Instant>,
    tick: u64,
}

impl Clock {
    pub(super) fn new(db: Connection, own: Arc<AtomicU64>, bound: Duration) -> Self {
        let seen = Seen { db, data_version: -1, own: 0, looked: None, tick: 0 };
        Self { own, bound, seen: Mutex::new(seen) }
    }

    /// The number of the present moment: larger whenever something was committed since.
    pub(super) fn now(&self, freshness: Freshness) -> Result<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let own = self.own.load(Ordering::Acquire);
        let near = freshness == Freshness::Near && own == seen.own;
        if near && seen.looked.is_some_and(|looked| looked.elapsed() < self.bound) {
            return Ok(seen.tick);
        }
        seen.look()?;
        seen.own = own;
        Ok(seen.tick)
    }
}

impl Seen {
    fn look(&mut self) -> Result<()> {
        let mut statement = self.db.prepare_cached("PRAGMA data_version")?;
        let data_version = statement.query_row([], |row| row.get(0))?;
        self.looked = Some(Instant::now());
        if data_version != self.data_version {
            self.data_version = data_version;
            self.tick += 1;
        }
        Ok(())
    }
}
