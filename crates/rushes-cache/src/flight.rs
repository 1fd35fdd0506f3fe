//! One load per key, shared by all who wait for it.
//!
//! A flight is entered in the table under a shard's lock and leaves it under the same lock,
//! together with the commit of its value. So a removal, which takes that lock too, comes either
//! before the commit (which then does not happen) or after it (and drops what it left).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;

use crate::cache::{LoadError, Origin};
use crate::clock::Millis;
use crate::generation::Fence;
use crate::key::Key;
use crate::pattern::Pattern;
use crate::shim::Mutex;
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::stored::Stored;
use crate::tier::memory::{Aging, Look};

const SHARDS: usize = 16;

/// How a load ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// With a value, or the knowledge that there is none, and who had it.
    Loaded(Stored, Origin),
    /// With a failure, for which an older value stands in.
    Stale(Stored, Origin),
    /// With the loader's own error: all who waited get it.
    Failed(LoadError),
    /// By panic, by its deadline or by the end of its runtime: one who waited may try again.
    Lost(Lost),
}

/// How a load ended without an answer of its loader.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Lost {
    /// The loader took longer than the cache's load deadline.
    #[error("the load of {key} was given up after {deadline:?}")]
    Hung {
        /// What was loaded.
        key: Key,
        /// How long it was waited for.
        deadline: Duration,
    },
    /// The loader panicked, or the runtime it ran on was shut down.
    #[error("the loader of {key} panicked or its runtime was shut down")]
    Panicked {
        /// What was loaded.
        key: Key,
    },
}

/// A load under way.
#[derive(Debug)]
pub(crate) struct Flight {
    fence: Fence,
    outcome: watch::Sender<Option<Outcome>>,
    /// What is answered when the load fails, and who had it.
    stand_in: OnceLock<(Stored, Origin)>,
    /// Whether the key was removed since the load began: then nothing stands in.
    revoked: AtomicBool,
    /// Whether its value was current and true when it landed.
    kept: AtomicBool,
}

impl Flight {
    fn new(fence: Fence) -> Self {
        Self {
            fence,
            outcome: watch::Sender::new(None),
            stand_in: OnceLock::new(),
            revoked: AtomicBool::new(false),
            kept: AtomicBool::new(false),
        }
    }

    /// Notes that its value was current and true when it landed.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Ordering::Release);
    }

    /// Whether its value was current and true when it landed.
    pub(crate) fn was_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// Offers an older value to stand in; the first one offered counts.
    pub(crate) fn offer(&self, stored: Stored, origin: Origin) {
        // An offer that comes second is not needed.
        self.stand_in.set((stored, origin)).ok();
    }

    /// What may be answered instead of this load's value at the moment `now`.
    pub(crate) fn stand_in(&self, now: Millis) -> Option<(&Stored, Origin)> {
        let (stored, origin) = self.stand_in.get()?;
        let may = !self.revoked.load(Ordering::Acquire) && stored.stands_in(now);
        may.then_some((stored, *origin))
    }

    /// The generations captured before the load began.
    pub(crate) fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Waits for the end of the load.
    pub(crate) async fn landed(&self, key: &Key) -> Outcome {
        let mut outcome = self.outcome.subscribe();
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            // The sender lives in `self`, so the channel cannot close before.
            Ok(None) | Err(_) => Outcome::Lost(Lost::Panicked { key: key.clone() }),
        }
    }
}

/// The seat that a caller gets.
pub(crate) enum Seat {
    /// The value arrived in the meantime; whether it is stale.
    Served(Stored, bool),
    /// The caller starts the load.
    Leader(Arc<Flight>),
    /// Another caller's load is under way.
    Waiter(Arc<Flight>),
}

/// All loads under way.
pub(crate) struct Flights {
    shards: [Mutex<HashMap<Key, Arc<Flight>>>; SHARDS],
    hasher: RandomState,
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
            hasher: RandomState::new(),
        }
    }

    /// Joins the load of `key` that is under way, unless it began before an invalidation; else
    /// takes what `look` finds now, or begins a load behind the fence that `capture` brings.
    pub(crate) fn board(
        &self,
        key: &Key,
        look: impl FnOnce() -> Look,
        capture: impl FnOnce() -> Fence,
    ) -> Seat {
        let mut flights = self.shard(key).lock();
        if let Some(flight) = flights.get(key).filter(|flight| flight.fence.holds()) {
            return Seat::Waiter(Arc::clone(flight));
        }
        // A load may have landed between the caller's look-up and this lock.
        let stand_in = match look() {
            Look::Hit(stored) => return Seat::Served(stored, false),
            // Whoever meets it next refreshes it.
            Look::Aging(Aging { stored, stale, .. }) => return Seat::Served(stored, stale),
            Look::StandIn(stored) => return Seat::Served(stored, true),
            Look::Expired(stored) => Some(stored),
            Look::Miss => None,
        };
        let flight = Flight::new(capture());
        stand_in.into_iter().for_each(|stored| flight.offer(stored, Origin::Memory));
        let flight = Arc::new(flight);
        flights.insert(key.clone(), Arc::clone(&flight));
        Seat::Leader(flight)
    }

    /// Begins a flight in place of the one under way, which is cut off as by [`Flights::revoke`].
    pub(crate) fn take_over(
        &self,
        key: &Key,
        capture: impl FnOnce() -> Fence,
        and: impl FnOnce(),
    ) -> Arc<Flight> {
        let mut flights = self.shard(key).lock();
        let flight = Arc::new(Flight::new(capture()));
        if let Some(before) = flights.insert(key.clone(), Arc::clone(&flight)) {
            before.revoked.store(true, Ordering::Release);
        }
        and();
        flight
    }

    /// Begins a load that replaces `stored`, unless one is under way or it `is_gone` by now.
    pub(crate) fn refresh(
        &self,
        stored: &Stored,
        is_gone: impl FnOnce() -> bool,
        capture: impl FnOnce() -> Fence,
    ) -> Option<Arc<Flight>> {
        let key = Key::from_bytes(stored.key());
        let mut flights = self.shard(&key).lock();
        if flights.get(&key).is_some_and(|flight| flight.fence.holds()) || is_gone() {
            return None;
        }
        let flight = Flight::new(capture());
        flight.offer(stored.clone(), Origin::Memory);
        let flight = Arc::new(flight);
        flights.insert(key, Arc::clone(&flight));
        Some(flight)
    }

    /// Ends a load: `settle` is told whether the key was neither removed nor its flight replaced
    /// since, commits what there is to commit, and answers what all who wait are told.
    pub(crate) fn land(
        &self,
        key: &Key,
        flight: &Arc<Flight>,
        settle: impl FnOnce(bool) -> Outcome,
    ) {
        let mut flights = self.shard(key).lock();
        let current = flights.get(key).is_some_and(|entered| Arc::ptr_eq(entered, flight));
        if current {
            flights.remove(key);
        }
        let outcome = settle(current);
        drop(flights);
        flight.outcome.send_replace(Some(outcome));
    }

    /// Cuts the load of `key` off from the cache: its waiters still get its value, nobody else.
    pub(crate) fn revoke(&self, key: &Key, and: impl FnOnce()) {
        let mut flights = self.shard(key).lock();
        if let Some(flight) = flights.remove(key) {
            flight.revoked.store(true, Ordering::Release);
        }
        and();
    }

    /// Cuts the loads off whose keys the pattern matches.
    pub(crate) fn revoke_matching(&self, pattern: &Pattern) {
        for shard in &self.shards {
            shard.lock().retain(|key, flight| {
                let covered = pattern.matches(key);
                if covered {
                    flight.revoked.store(true, Ordering::Release);
                }
                !covered
            });
        }
    }

    /// How many loads are under way.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    fn shard(&self, key: &Key) -> &Mutex<HashMap<Key, Arc<Flight>>> {
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        // The index is below SHARDS, so the first is never taken for want of another.
        self.shards.get(index).unwrap_or(&self.shards[0])
    }
}
