//! Has anybody committed? Asked before every answer from the cache.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::line::Line;
use crate::error::Result;
use crate::sql::Freshness;

/// Which transactions are over: whenever one that wrote anything commits, the answer is another one,
/// and never again that which it was.
const LOOK: &str = "SELECT pg_catalog.pg_current_snapshot()::text";

/// Counts the moments between which something was committed, by whomever.
pub(super) struct Clock {
    /// Commits of this process; counted before they are acknowledged.
    own: Arc<AtomicU64>,
    bound: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    snapshot: String,
    own: u64,
    looked: Option<Instant>,
    tick: u64,
}

impl Clock {
    pub(super) fn new(own: Arc<AtomicU64>, bound: Duration) -> Self {
        Self { own, bound, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the present moment: another one whenever something was committed since.
    pub(super) async fn now(&self, line: &Line, freshness: Freshness) -> Result<u64> {
        let (began, own) = (Instant::now(), self.own.load(Ordering::Acquire));
        if freshness == Freshness::Near {
            let seen = self.seen();
            let recent = seen.looked.is_some_and(|looked| looked.elapsed() < self.bound);
            if recent && seen.own == own {
                return Ok(seen.tick);
            }
        }
        let snapshot: String = line.ask(LOOK, &[]).await?.try_get(0)?;
        let mut seen = self.seen();
        // Of looks that overlap the older may be told last: the number is another one again then,
        // and what was known is asked for anew.
        if seen.snapshot != snapshot || seen.tick == 0 {
            seen.tick += 1;
            seen.snapshot = snapshot;
        }
        (seen.own, seen.looked) = (own, Some(began));
        Ok(seen.tick)
    }
}
