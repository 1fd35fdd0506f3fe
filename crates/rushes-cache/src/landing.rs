//! Runs a load in a task of its own and lands its flight, whatever happens to the loader.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::cache::{LoadError, Loaded, Origin, Shared};
use crate::clock::{Millis, millis};
use crate::entry::Entry;
use crate::flight::{Flight, Lost, Outcome};
use crate::generation::Fence;
use crate::key::{Key, Scope};
use crate::namespace::Namespace;
use crate::shim::within;
use crate::stats::count;
use crate::tier::guard::Look;
use crate::tier::{Put, Stamp};
use crate::turn::Awaited;
use crate::value::Stored;
use crate::work::Working;

/// A load under way, held by its task. Dropping it lands the flight: with the outcome that was
/// come to, or as lost when the loader panicked or its runtime was shut down.
pub(crate) struct Landing {
    shared: Arc<Shared>,
    pub(crate) key: Key,
    scopes: Vec<Scope>,
    namespace: Arc<Namespace>,
    flight: Arc<Flight>,
    began: Millis,
    outcome: Option<Outcome>,
    /// Of the tiers that have not the value, from the top; `None` where a tier could not tell.
    stamps: Vec<Option<Stamp>>,
    /// Counts the task as long as it runs.
    _working: Working,
}

impl Landing {
    /// Takes the lead of a flight.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        key: &Key,
        scopes: &[Scope],
        namespace: &Arc<Namespace>,
        flight: &Arc<Flight>,
    ) -> Self {
        Self {
            key: key.clone(),
            scopes: scopes.to_vec(),
            namespace: Arc::clone(namespace),
            flight: Arc::clone(flight),
            began: shared.clock.now(),
            outcome: None,
            stamps: Vec::new(),
            _working: shared.work.begin(),
            shared: Arc::clone(shared),
        }
    }

    /// Looks in the tiers below memory, then runs the loader until its deadline; lands; then fills
    /// the tiers above the one that answered.
    pub(crate) async fn run<F, Fut>(mut self, load: F)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Loaded, LoadError>>,
    {
        if let Some((entry, origin)) = self.look_below().await {
            return self.land(entry, origin).fill().await;
        }
        let turn = match self.await_turn().await {
            Awaited::Found(entry, origin) => return self.land(entry, origin).fill().await,
            Awaited::Turn(turn) => turn,
        };
        self.begins_load();
        let deadline = self.deadline();
        match turn.held_during(within(deadline, async { load().await })).await {
            Some(answer) => {
                if let Some(filling) = self.answered(answer) {
                    filling.fill().await;
                }
            }
            None => self.hung(),
        }
        turn.give_back().await;
    }

    /// Asks one tier after the other. Each that has not the value tells its generations before it
    /// is asked, so that it can be filled afterwards.
    pub(crate) async fn look_below(&mut self) -> Option<(Entry, Origin)> {
        if self.shared.tiers.is_empty() {
            return None;
        }
        let (shared, scopes) = (self.shared(), self.all_scopes());
        for tier in &shared.tiers {
            let look = tier.look(&self.key, &scopes).await;
            if let Some(entry) = self.looked(tier.origin(), look) {
                return Some((entry, tier.origin()));
            }
        }
        None
    }

    /// Takes what a tier answered; notes what it told of its generations when it has not the value.
    pub(crate) fn looked(&mut self, origin: Origin, look: Look) -> Option<Entry> {
        let Look { stamp, entry } = look;
        let fresh = entry.filter(|entry| entry.is_fresh(self.shared.clock.wall()));
        match &fresh {
            Some(_) => count(self.namespace.counters.hits_from(origin)),
            None => self.stamps.push(stamp),
        }
        fresh
    }

    /// The scopes with those that every entry carries.
    pub(crate) fn all_scopes(&self) -> Vec<Scope> {
        let implied = [Scope::everything(), Scope::namespace(self.key.namespace())];
        [&implied, self.scopes.as_slice()].concat()
    }

    /// Looks once more into a tier that has not the value: what it tells now is what counts.
    pub(crate) async fn look_again(&mut self, at: usize) -> Option<(Entry, Origin)> {
        let shared = Arc::clone(&self.shared);
        let tier = shared.tiers.get(at)?;
        let Look { stamp, entry } = tier.look(&self.key, &self.all_scopes()).await;
        if let Some(place) = self.stamps.get_mut(at) {
            *place = stamp;
        }
        let entry = entry.filter(|entry| entry.is_fresh(shared.clock.wall()))?;
        count(self.namespace.counters.hits_from(tier.origin()));
        // Only those above it are to be filled.
        self.stamps.truncate(at);
        Some((entry, tier.origin()))
    }

    /// What a tier told before the load, by the tier's place.
    pub(crate) fn stamp(&self, at: usize) -> Option<&Stamp> {
        self.stamps.get(at)?.as_ref()
    }

    /// The cache.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// How long the loader may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.shared.load_deadline
    }

    /// Counts the load that begins now.
    pub(crate) fn begins_load(&self) {
        count(&self.namespace.counters.misses);
        count(&self.namespace.counters.loads);
    }

    /// Lands with what the loader answered.
    pub(crate) fn answered(mut self, answer: Result<Loaded, LoadError>) -> Option<Filling> {
        match answer {
            Ok(loaded) => {
                let entry = self.entry(loaded);
                Some(self.land(entry, Origin::Source))
            }
            Err(error) => {
                self.outcome = Some(Outcome::Failed(error));
                None
            }
        }
    }

    /// Lands without an answer, as the deadline is over.
    pub(crate) fn hung(mut self) {
        let deadline = self.shared.load_deadline;
        self.outcome = Some(Outcome::Lost(Lost::Hung { key: self.key.clone(), deadline }));
    }

    /// Lands with an entry; the tiers that had it not are to be filled after that.
    pub(crate) fn land(mut self, entry: Entry, origin: Origin) -> Filling {
        self.outcome = Some(self.loaded(entry.clone(), origin));
        Filling {
            shared: Arc::clone(&self.shared),
            key: self.key.clone(),
            entry,
            stamps: std::mem::take(&mut self.stamps),
            _working: self.shared.work.begin(),
        }
    }

    fn entry(&self, loaded: Loaded) -> Entry {
        let random = RandomState::new().hash_one(self.began);
        let ttl = self.namespace.settings.time(loaded.ttl, loaded.bytes.is_none(), random);
        let wall = self.shared.clock.wall();
        let took = self.shared.clock.now().saturating_sub(self.began);
        let expires = ttl.map(|ttl| wall.saturating_add(millis(ttl)));
        Entry {
            bytes: loaded.bytes,
            created: wall.saturating_sub(took),
            soft: None,
            expires,
            kept: expires,
            cost: u32::try_from(took.saturating_mul(1_000)).unwrap_or(u32::MAX),
        }
    }

    fn loaded(&self, entry: Entry, origin: Origin) -> Outcome {
        let fence = self.flight.fence().clone();
        let stored = self.shared.stored(&self.key, entry, fence, &self.namespace);
        Outcome::Loaded(Arc::new(stored), origin)
    }
}

/// What the tiers below memory are still to be given.
pub(crate) struct Filling {
    shared: Arc<Shared>,
    key: Key,
    entry: Entry,
    stamps: Vec<Option<Stamp>>,
    _working: Working,
}

impl Filling {
    /// Puts the entry into each tier that told its generations before it was loaded.
    pub(crate) async fn fill(self) {
        for (tier, stamp) in self.shared.tiers.iter().zip(&self.stamps) {
            if let Some(stamp) = stamp {
                tier.put(&self.key, &self.entry, stamp).await;
            }
        }
    }

    /// The same for many, in one go for each tier.
    pub(crate) async fn fill_all(mut fillings: Vec<Self>) {
        let Some(shared) = fillings.first().map(|first| Arc::clone(&first.shared)) else { return };
        for (at, tier) in shared.tiers.iter().enumerate() {
            let puts =
                fillings.iter_mut().filter_map(|filling| filling.put(at)).collect::<Vec<_>>();
            tier.put_many(&puts).await;
        }
    }

    fn put(&mut self, at: usize) -> Option<Put> {
        let stamp = self.stamps.get_mut(at)?.take()?;
        Some(Put { key: self.key.clone(), entry: self.entry.clone(), stamp })
    }
}

impl Shared {
    /// An entry as memory keeps it, with the time that is left to it.
    pub(crate) fn stored(
        &self,
        key: &Key,
        entry: Entry,
        fence: Fence,
        namespace: &Arc<Namespace>,
    ) -> Stored {
        let left = entry.expires.map(|expires| expires.saturating_sub(self.clock.wall()));
        let left = left.into_iter().chain(self.while_deaf()).min();
        let expires = left.map_or(Millis::MAX, |left| self.clock.deadline(left));
        Stored::new(key.clone(), entry.bytes, expires, fence, Arc::clone(namespace))
    }

    fn keep(&self, stored: &Arc<Stored>) {
        if let Some(memory) = &self.memory {
            memory.put(stored);
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let panicked = || Outcome::Lost(Lost::Panicked { key: self.key.clone() });
        let outcome = self.outcome.take().unwrap_or_else(panicked);
        let counters = &self.namespace.counters;
        match &outcome {
            Outcome::Loaded(stored, _) if !stored.valid() => count(&counters.discarded),
            Outcome::Loaded(..) => {}
            Outcome::Failed(_) | Outcome::Lost(_) => count(&counters.load_errors),
        }
        let took = self.shared.clock.now().saturating_sub(self.began);
        counters.load_millis.fetch_add(took, Ordering::Relaxed);
        let flights = &self.shared.flights;
        flights.land(&self.key, &self.flight, outcome, |stored| self.shared.keep(stored));
    }
}
