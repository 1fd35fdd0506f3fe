//! Which invalidations an entry was born after, and which it has not survived.
//!
//! All invalidations of one cache are numbered by a single sequence. A load notes the number
//! before it begins (its birth), and takes handles to the counters of its scopes. An invalidation
//! takes the next number and writes it into the scope's counter. An entry is dead as soon as one
//! of its counters holds a number above its birth: the load may have read what was replaced.
//! Whether the entry is already cached or still loading makes no difference, and the check is one
//! relaxed-priced load per scope, without a look-up by name.
//!
//! A counter that only the registry holds governs no entry and no load, so it may be dropped; the
//! next load that names the scope gets a fresh one. That revives nothing: whoever held the old
//! counter would have kept it from being dropped.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::key::Scope;
use crate::shim::Mutex;
use crate::shim::atomic::{AtomicU64, Ordering};

const SHARDS: usize = 16;
/// A shard with fewer counters than this is not worth sweeping; schedules are explored with a
/// sweep at each new counter.
const SWEEP_FROM: usize = if cfg!(feature = "shuttle") { 1 } else { 64 };

/// The number of the latest invalidation that covered something.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    fn raise(&self, sequence: u64) {
        self.0.fetch_max(sequence, Ordering::AcqRel);
    }

    #[inline]
    fn read(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Scopes beside the namespace that fit into an entry itself; more go into a second allocation,
/// which a hit pays for.
const INLINE: usize = 3;

/// What a load captured before it began.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    born: u64,
    whole: Arc<Counter>,
    scopes: [Option<Arc<Counter>>; INLINE],
    more: Option<Box<[Arc<Counter>]>>,
}

impl Fence {
    /// Whether nothing that covers it was invalidated since.
    #[inline]
    pub(crate) fn holds(&self) -> bool {
        let survived = |counter: &Arc<Counter>| counter.read() <= self.born;
        survived(&self.whole)
            && self.scopes.iter().flatten().all(survived)
            && self.more.as_deref().unwrap_or_default().iter().all(survived)
    }

    /// Bytes allocated beside the fence itself.
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.more.as_deref().map_or(0, |more| size_of_val(more) as u64)
    }
}

/// The sequence of invalidations and the counters of all scopes that something refers to.
pub(crate) struct Generations {
    sequence: AtomicU64,
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

#[derive(Default)]
struct Shard {
    counters: HashMap<Scope, Arc<Counter>>,
    sweep_at: usize,
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self {
            sequence: AtomicU64::new(0),
            shards: std::array::from_fn(|_| Mutex::new(Shard::default())),
            hasher: RandomState::new(),
        }
    }

    /// Captures the scopes' generations and `whole` (the namespace's counter); call it before the
    /// load begins. The birth is read first: an invalidation in between makes the fence stricter
    /// than needed, never laxer.
    pub(crate) fn fence(&self, whole: &Arc<Counter>, scopes: &[Scope]) -> Fence {
        let born = self.sequence.load(Ordering::Acquire);
        let mut counters = scopes.iter().map(|scope| self.shard(scope).lock().counter(scope));
        let scopes = std::array::from_fn(|_| counters.next());
        let more: Box<[_]> = counters.collect();
        let more = (!more.is_empty()).then_some(more);
        Fence { born, whole: Arc::clone(whole), scopes, more }
    }

    /// Kills every entry and load that carries the scope and was born before.
    pub(crate) fn raise(&self, scope: &Scope) {
        let shard = self.shard(scope).lock();
        // Unknown means that nothing carries it: a load that is about to will look it up under
        // this lock, and begins after that.
        if let Some(counter) = shard.counters.get(scope) {
            self.raise_counter(counter);
        }
    }

    /// The same for a counter at hand.
    pub(crate) fn raise_counter(&self, counter: &Counter) {
        counter.raise(self.sequence.fetch_add(1, Ordering::AcqRel) + 1);
    }

    /// How many counters are kept.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().counters.len()).sum()
    }

    fn shard(&self, scope: &Scope) -> &Mutex<Shard> {
        let index = self.hasher.hash_one(scope) as usize % SHARDS;
        // The index is below SHARDS, so the first is never taken for want of another.
        self.shards.get(index).unwrap_or(&self.shards[0])
    }
}

impl Shard {
    fn counter(&mut self, scope: &Scope) -> Arc<Counter> {
        if let Some(counter) = self.counters.get(scope) {
            return Arc::clone(counter);
        }
        self.sweep();
        let counter = Arc::new(Counter::default());
        self.counters.insert(scope.clone(), Arc::clone(&counter));
        counter
    }

    /// Drops what only this map holds, each time the map has doubled since the last sweep.
    fn sweep(&mut self) {
        if self.counters.len() < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        self.counters.retain(|_, counter| Arc::strong_count(counter) > 1);
        self.sweep_at = self.counters.len() * 2;
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;

    fn scope(n: usize) -> Scope {
        Scope::new(format!("video/{n}"))
    }

    #[test]
    fn a_fence_falls_by_each_of_its_scopes_and_by_no_other() {
        let generations = Generations::new();
        let whole = Arc::new(Counter::default());
        let fence = |scopes: &[Scope]| generations.fence(&whole, scopes);
        let (both, second, none) = (fence(&[scope(1), scope(2)]), fence(&[scope(2)]), fence(&[]));
        generations.raise(&scope(1));
        assert_eq!((both.holds(), second.holds(), none.holds()), (false, true, true));
        let later = fence(&[scope(1), scope(2)]);
        generations.raise_counter(&whole);
        assert_eq!((later.holds(), second.holds(), none.holds()), (false, false, false));
        assert!(fence(&[scope(1), scope(2)]).holds());
    }

    #[test]
    fn a_fence_of_many_scopes_checks_them_all() {
        let generations = Generations::new();
        let scopes: Vec<_> = (0..10).map(scope).collect();
        for raised in &scopes {
            let fence = generations.fence(&Arc::default(), &scopes);
            assert!(fence.holds());
            generations.raise(raised);
            assert!(!fence.holds(), "{raised:?} was not checked");
        }
    }

    #[test]
    fn counters_nobody_refers_to_are_dropped_and_revive_nothing() {
        let generations = Generations::new();
        let whole = Arc::new(Counter::default());
        let kept = generations.fence(&whole, &[scope(0)]);
        generations.raise(&scope(0));
        for n in 1..100_000 {
            drop(generations.fence(&whole, &[scope(n)]));
        }
        assert!(generations.len() <= SHARDS * SWEEP_FROM, "{} counters", generations.len());
        assert!(!kept.holds(), "the raised counter outlived the sweeps");
        assert!(generations.fence(&whole, &[scope(0)]).holds());
    }
}
