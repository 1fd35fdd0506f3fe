//! Which invalidations an entry was born after, and which it has not survived.
//!
//! All invalidations of one cache are numbered by a single sequence. A load notes the number
//! before it begins (its birth), and takes handles to the counters of its scopes. An invalidation
//! takes the next number and writes it into the scope's counter. An entry is dead as soon as one
//! of its counters holds a number above its birth: the load may have read what was replaced.
//! Whether the entry is already cached or still loading makes no difference, and the check is one
//! relaxed-priced load per scope, without a look-up by name.
//!
//! A counter that no entry and no load refers to governs nothing, so it may be dropped; the next
//! load that names the scope gets a fresh one. That revives nothing: whoever held the old counter
//! would have kept it from being dropped.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use crate::key::Scope;
use crate::namespace::Namespace;
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

/// What entries of one namespace with the same scopes share: one for all of them, so that an entry
/// carries its fence in two words and the counters it asks stay in the processor's cache.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) namespace: Arc<Namespace>,
    scopes: Box<[Arc<Counter>]>,
}

/// Scopes by the place of their counters.
pub(crate) type Names = HashMap<usize, Scope>;

/// What a load captured before it began.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    born: u64,
    home: Arc<Home>,
}

impl Fence {
    /// Whether nothing that covers it was invalidated since.
    #[inline]
    pub(crate) fn holds(&self) -> bool {
        let survived = |counter: &Counter| counter.read() <= self.born;
        survived(&self.home.namespace.generation)
            && self.home.scopes.iter().all(|counter| survived(counter))
    }

    /// The number of the latest invalidation when it was captured.
    pub(crate) fn born(&self) -> u64 {
        self.born
    }

    /// Whether the scope of this counter is among its own.
    pub(crate) fn carries(&self, counter: &Arc<Counter>) -> bool {
        self.home.scopes.iter().any(|own| Arc::ptr_eq(own, counter))
    }

    /// The scopes, by the names that [`Generations::names`] gave.
    pub(crate) fn scopes(&self, names: &Names) -> Vec<Scope> {
        let name = |counter: &Arc<Counter>| names.get(&Arc::as_ptr(counter).addr()).cloned();
        self.home.scopes.iter().filter_map(name).collect()
    }

    /// The namespace that it belongs to.
    #[inline]
    pub(crate) fn namespace(&self) -> &Arc<Namespace> {
        &self.home.namespace
    }
}

/// The sequence of invalidations and the counters of all scopes that something refers to.
pub(crate) struct Generations {
    sequence: AtomicU64,
    /// Locked before `counters`, never after.
    homes: [Mutex<Homes>; SHARDS],
    counters: [Mutex<Counters>; SHARDS],
    hasher: RandomState,
}

/// Homes of one namespace.
type ByScopes = HashMap<Box<[Scope]>, Arc<Home>>;

#[derive(Default)]
struct Homes {
    /// By the namespace's name.
    known: HashMap<Box<str>, ByScopes>,
    len: usize,
    sweep_at: usize,
}

#[derive(Default)]
struct Counters {
    known: HashMap<Scope, Arc<Counter>>,
    sweep_at: usize,
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self {
            sequence: AtomicU64::new(0),
            homes: std::array::from_fn(|_| Mutex::default()),
            counters: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }

    /// Captures the generations of the scopes and of the namespace; call it before the load
    /// begins. The birth is read first: an invalidation in between makes the fence stricter than
    /// needed, never laxer.
    pub(crate) fn fence(&self, namespace: &Arc<Namespace>, scopes: &[Scope]) -> Fence {
        let born = self.sequence.load(Ordering::Acquire);
        let mut homes = self.shard(&self.homes, scopes).lock();
        if let Some(home) = homes.find(namespace, scopes) {
            return Fence { born, home };
        }
        let counters = scopes.iter().map(|scope| self.counters_of(scope).lock().counter(scope));
        let home = Home { namespace: Arc::clone(namespace), scopes: counters.collect() };
        Fence { born, home: homes.learn(scopes, home) }
    }

    /// Kills every entry and load that carries the scope and was born before.
    pub(crate) fn raise(&self, scope: &Scope) {
        let counters = self.counters_of(scope).lock();
        // Unknown means that nothing carries it: a load that is about to will look it up under
        // this lock, and begins after that.
        if let Some(counter) = counters.known.get(scope) {
            self.raise_counter(counter);
        }
    }

    /// The same for a counter at hand.
    pub(crate) fn raise_counter(&self, counter: &Counter) {
        counter.raise(self.next());
    }

    /// The number of an invalidation that begins now.
    pub(crate) fn next(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The counter of a scope, if something carries it.
    pub(crate) fn find(&self, scope: &Scope) -> Option<Arc<Counter>> {
        self.counters_of(scope).lock().known.get(scope).cloned()
    }

    /// Which scope each counter is of.
    pub(crate) fn names(&self) -> Names {
        let mut names = Names::new();
        for shard in &self.counters {
            let counters = shard.lock();
            let named = counters.known.iter();
            names.extend(named.map(|(scope, own)| (Arc::as_ptr(own).addr(), scope.clone())));
        }
        names
    }

    /// How many counters are kept.
    pub(crate) fn len(&self) -> usize {
        self.counters.iter().map(|shard| shard.lock().known.len()).sum()
    }

    fn counters_of(&self, scope: &Scope) -> &Mutex<Counters> {
        self.shard(&self.counters, scope)
    }

    fn shard<'a, T>(&self, shards: &'a [T; SHARDS], of: impl Hash) -> &'a T {
        let index = self.hasher.hash_one(of) as usize % SHARDS;
        // The index is below SHARDS, so the first is never taken for want of another.
        shards.get(index).unwrap_or(&shards[0])
    }
}

impl Homes {
    fn find(&self, namespace: &Arc<Namespace>, scopes: &[Scope]) -> Option<Arc<Home>> {
        self.known.get(&*namespace.name)?.get(scopes).cloned()
    }

    fn learn(&mut self, scopes: &[Scope], home: Home) -> Arc<Home> {
        self.sweep();
        let home = Arc::new(home);
        let known = self.known.entry(home.namespace.name.clone()).or_default();
        known.insert(scopes.into(), Arc::clone(&home));
        self.len += 1;
        home
    }

    /// Drops what only this map holds, each time the map has doubled since the last sweep.
    fn sweep(&mut self) {
        if self.len < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        let mut len = 0;
        self.known.retain(|_, homes| {
            homes.retain(|_, home| Arc::strong_count(home) > 1);
            len += homes.len();
            !homes.is_empty()
        });
        (self.len, self.sweep_at) = (len, len * 2);
    }
}

impl Counters {
    fn counter(&mut self, scope: &Scope) -> Arc<Counter> {
        if let Some(counter) = self.known.get(scope) {
            return Arc::clone(counter);
        }
        self.sweep();
        let counter = Arc::new(Counter::default());
        self.known.insert(scope.clone(), Arc::clone(&counter));
        counter
    }

    /// Drops what only this map holds, each time the map has doubled since the last sweep.
    fn sweep(&mut self) {
        if self.known.len() < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        self.known.retain(|_, counter| Arc::strong_count(counter) > 1);
        self.sweep_at = self.known.len() * 2;
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use std::sync::Weak;

    use super::*;
    use crate::key::Key;
    use crate::namespace::Namespaces;

    fn namespace() -> Arc<Namespace> {
        Namespaces::new(HashMap::new(), Weak::new()).of(&Key::new("n", "k"))
    }

    fn scope(n: usize) -> Scope {
        Scope::new(format!("video/{n}"))
    }

    #[test]
    fn a_fence_falls_by_each_of_its_scopes_and_by_no_other() {
        let generations = Generations::new();
        let space = namespace();
        let fence = |scopes: &[Scope]| generations.fence(&space, scopes);
        let (both, second, none) = (fence(&[scope(1), scope(2)]), fence(&[scope(2)]), fence(&[]));
        generations.raise(&scope(1));
        assert_eq!((both.holds(), second.holds(), none.holds()), (false, true, true));
        let later = fence(&[scope(1), scope(2)]);
        generations.raise_counter(&space.generation);
        assert_eq!((later.holds(), second.holds(), none.holds()), (false, false, false));
        assert!(fence(&[scope(1), scope(2)]).holds());
    }

    #[test]
    fn a_fence_of_many_scopes_checks_them_all() {
        let generations = Generations::new();
        let scopes: Vec<_> = (0..10).map(scope).collect();
        for raised in &scopes {
            let fence = generations.fence(&namespace(), &scopes);
            assert!(fence.holds());
            generations.raise(raised);
            assert!(!fence.holds(), "{raised:?} was not checked");
        }
    }

    #[test]
    fn counters_nobody_refers_to_are_dropped_and_revive_nothing() {
        let generations = Generations::new();
        let space = namespace();
        let kept = generations.fence(&space, &[scope(0)]);
        generations.raise(&scope(0));
        for n in 1..100_000 {
            drop(generations.fence(&space, &[scope(n)]));
        }
        // Those of homes that are not swept yet, and as many again until the next sweep.
        assert!(generations.len() <= 4 * SHARDS * SWEEP_FROM, "{} counters", generations.len());
        assert!(!kept.holds(), "the raised counter outlived the sweeps");
        assert!(generations.fence(&space, &[scope(0)]).holds());
    }
}
