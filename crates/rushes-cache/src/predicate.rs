//! Patterns that no counter covers, as long as entries they cover may still be in memory.
//!
//! A predicate is a pattern and the number of its invalidation: an entry born before that number
//! whose key matches is dead. Look-ups check the predicates there are; meanwhile a sweep walks once
//! through memory and drops what they cover, and then they are retired. Three things make that
//! exact:
//!
//! - A look-up takes the predicates *before* it takes the entry. So whatever was acknowledged before
//!   the look-up began is checked, or has been swept out of memory already.
//! - A load under way that a predicate covers is revoked before the invalidation is acknowledged: it
//!   cannot commit behind the sweep.
//! - A value that stands in was offered under the lock that revoking takes.

use std::sync::Arc;

use crate::pattern::Pattern;
use crate::shim::Mutex;
use crate::shim::atomic::{AtomicUsize, Ordering};

/// Checked one by one; with more at a time, whole namespaces are invalidated instead.
pub(crate) const MOST: usize = 256;

/// A pattern and the number of its invalidation.
#[derive(Clone, Debug)]
pub(crate) struct Predicate {
    number: u64,
    pattern: Pattern,
    /// Whether no load from before can commit any more, so that one sweep is enough.
    settled: bool,
}

/// Predicates at some moment.
pub(crate) type Snapshot = Arc<Vec<Predicate>>;

/// The predicates that look-ups check.
#[derive(Debug, Default)]
pub(crate) struct Predicates {
    /// How many there are: mostly none, and then this is all that a look-up reads.
    active: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    list: Snapshot,
    sweeping: bool,
}

impl Predicates {
    /// What a look-up that begins now has to check.
    #[inline]
    pub(crate) fn now(&self) -> Option<Snapshot> {
        if self.active.load(Ordering::Acquire) == 0 {
            return None;
        }
        Some(Arc::clone(&self.state.lock().list))
    }

    /// Adds a predicate, in place of an older one of the same pattern, and answers its number,
    /// which `next` takes; `None` when there are too many.
    pub(crate) fn add(&self, pattern: &Pattern, next: impl FnOnce() -> u64) -> Option<u64> {
        let mut state = self.state.lock();
        let others = state.list.iter().filter(|other| other.pattern != *pattern);
        let mut list: Vec<_> = others.cloned().collect();
        if list.len() >= MOST {
            return None;
        }
        let number = next();
        list.push(Predicate { number, pattern: pattern.clone(), settled: false });
        self.active.store(list.len(), Ordering::Release);
        state.list = Arc::new(list);
        Some(number)
    }

    /// Notes that the loads which this predicate covers are cut off; answers whether the caller
    /// shall start the sweep.
    pub(crate) fn settle(&self, number: u64) -> bool {
        let mut state = self.state.lock();
        let settled = |one: &Predicate| Predicate {
            settled: one.settled || one.number == number,
            ..one.clone()
        };
        state.list = Arc::new(state.list.iter().map(settled).collect());
        !std::mem::replace(&mut state.sweeping, true)
    }

    /// What the sweep that begins now has to drop; `None`, and the sweeping ends, when there is
    /// nothing.
    pub(crate) fn to_sweep(&self) -> Option<Vec<Predicate>> {
        let mut state = self.state.lock();
        let settled = state.list.iter().filter(|one| one.settled);
        let settled: Vec<_> = settled.cloned().collect();
        state.sweeping = !settled.is_empty();
        state.sweeping.then_some(settled)
    }

    /// Retires those that a sweep has dropped everything for.
    pub(crate) fn retire(&self, swept: &[Predicate]) {
        let mut state = self.state.lock();
        let is_swept = |one: &&Predicate| swept.iter().any(|other| other.number == one.number);
        let list: Vec<_> = state.list.iter().filter(|one| !is_swept(one)).cloned().collect();
        self.active.store(list.len(), Ordering::Release);
        state.list = Arc::new(list);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }
}

/// Whether one of the predicates covers an entry.
pub(crate) fn cover(predicates: &[Predicate], key: &[u8], born: u64) -> bool {
    predicates
        .iter()
        .any(|predicate| born < predicate.number && predicate.pattern.matches_bytes(key))
}
