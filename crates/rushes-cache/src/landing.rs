//! Runs a load in a task of its own and lands its flight, whatever happens to the loader.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::batch::Wanted;
use crate::cache::{LoadError, Loaded, Origin, Shared};
use crate::clock::{Millis, millis};
use crate::entry::Entry;
use crate::flight::{Flight, Lost, Outcome};
use crate::generation::Fence;
use crate::key::{Key, Scope};
use crate::life::Life;
use crate::namespace::{Keep, Namespace};
use crate::shim::within;
use crate::stats::count;
use crate::stored::Stored;
use crate::tier::guard::Looked;
use crate::tier::{Put, Stamp};
use crate::turn::Awaited;
use crate::work::Working;

/// Why a load is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// No tier has the value.
    Miss,
    /// Memory has it and serves it meanwhile; it was loaded at this moment of 1970's clock.
    Refresh(Millis),
}

/// A load under way, held by its task. Dropping it lands the flight: with the outcome that was
/// come to, or as lost when the loader panicked or its runtime was shut down.
pub(crate) struct Landing {
    shared: Arc<Shared>,
    pub(crate) key: Key,
    scopes: Vec<Scope>,
    namespace: Arc<Namespace>,
    flight: Arc<Flight>,
    purpose: Purpose,
    /// When the loader was called.
    began: Option<Millis>,
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
        purpose: Purpose,
    ) -> Self {
        Self {
            key: key.clone(),
            scopes: scopes.to_vec(),
            namespace: Arc::clone(namespace),
            flight: Arc::clone(flight),
            purpose,
            began: None,
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
    /// is asked, so that it can be filled afterwards. One that has it past its time offers it to
    /// stand in.
    pub(crate) async fn look_below(&mut self) -> Option<(Entry, Origin)> {
        if self.shared.tiers.is_empty() {
            return None;
        }
        let (shared, scopes) = (self.shared(), self.all_scopes());
        for tier in &shared.tiers {
            if self.skips(tier.origin()) {
                self.stamps.push(None);
                continue;
            }
            let look = tier.look(&self.key, &scopes).await;
            if let Some(entry) = self.looked(tier.origin(), look) {
                return Some((entry, tier.origin()));
            }
        }
        None
    }

    /// Whether values of this namespace are not kept in a tier.
    pub(crate) fn skips(&self, origin: Origin) -> bool {
        self.namespace.settings.keep(origin) == Keep::No
    }

    /// Takes what a tier answered; notes what it told of its generations when it has nothing that
    /// spares the load.
    pub(crate) fn looked(&mut self, origin: Origin, look: Looked) -> Option<Entry> {
        let Looked { stamp, entry } = look;
        let wanted = entry.and_then(|entry| self.wanted(entry, origin));
        if wanted.is_none() {
            self.stamps.push(stamp);
        }
        wanted
    }

    /// An entry found below, if it spares the load. Else it may stand in for the source.
    fn wanted(&self, entry: Entry, origin: Origin) -> Option<Entry> {
        if self.is_wanted(&entry) {
            count(self.namespace.counters.hits_from(origin));
            return Some(entry);
        }
        self.flight.offer(self.stored(entry), origin);
        None
    }

    /// Whether an entry found below spares the load: to a refresh one that is no newer does not.
    fn is_wanted(&self, entry: &Entry) -> bool {
        let wall = self.shared.clock.wall();
        match self.purpose {
            Purpose::Miss => entry.is_fresh(wall),
            Purpose::Refresh(created) => {
                let due = entry.soft.is_some_and(|soft| wall >= soft);
                entry.is_fresh(wall) && !due && entry.created > created
            }
        }
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
        let look = tier.look(&self.key, &self.all_scopes()).await;
        Some((self.looked_again(at, tier.origin(), look)?, tier.origin()))
    }

    /// Takes what a second look into a tier answered.
    pub(crate) fn looked_again(
        &mut self,
        at: usize,
        origin: Origin,
        look: Looked,
    ) -> Option<Entry> {
        let Looked { stamp, entry } = look;
        if let Some(place) = self.stamps.get_mut(at) {
            *place = stamp;
        }
        let entry = entry.and_then(|entry| self.wanted(entry, origin))?;
        // Only those above it are to be filled.
        self.stamps.truncate(at);
        Some(entry)
    }

    /// Takes what a tier told of its generations, without a look.
    pub(crate) fn stamped(&mut self, stamp: Option<Stamp>) {
        self.stamps.push(stamp);
    }

    /// What a tier told before the load, by the tier's place.
    pub(crate) fn stamp(&self, at: usize) -> Option<&Stamp> {
        self.stamps.get(at)?.as_ref()
    }

    /// What the turn to load it is asked for by, in the tier at a place.
    pub(crate) fn claimed(&self, at: usize) -> Option<(Key, Stamp)> {
        Some((self.key.clone(), self.stamp(at)?.clone()))
    }

    /// What a tier is asked for.
    pub(crate) fn as_wanted(&self) -> Wanted {
        Wanted { key: self.key.clone(), scopes: self.all_scopes() }
    }

    /// The cache.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// How long the loader may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.namespace.settings.hard_timeout.unwrap_or(self.shared.load_deadline)
    }

    /// Counts the load that begins now.
    pub(crate) fn begins_load(&mut self) {
        let counters = &self.namespace.counters;
        count(match self.purpose {
            Purpose::Miss => &counters.misses,
            Purpose::Refresh(_) => &counters.refreshes,
        });
        count(&counters.loads);
        self.began = Some(self.shared.clock.now());
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
        let deadline = self.deadline();
        self.outcome = Some(Outcome::Lost(Lost::Hung { key: self.key.clone(), deadline }));
    }

    /// Lands with an entry; the tiers that had it not are to be filled after that.
    pub(crate) fn land(mut self, entry: Entry, origin: Origin) -> Filling {
        self.outcome = Some(Outcome::Loaded(self.stored(entry.clone()), origin));
        Filling {
            shared: Arc::clone(&self.shared),
            namespace: Arc::clone(&self.namespace),
            key: self.key.clone(),
            entry,
            stamps: std::mem::take(&mut self.stamps),
            _working: self.shared.work.begin(),
        }
    }

    fn entry(&self, loaded: Loaded) -> Entry {
        let wall = self.shared.clock.wall();
        let took = self.took();
        let mut entry = Entry {
            created: wall.saturating_sub(took),
            cost: u32::try_from(took.saturating_mul(1_000)).unwrap_or(u32::MAX),
            ..Entry::new(loaded.bytes)
        };
        self.namespace.settings.limit(&mut entry, loaded.ttl, wall);
        entry
    }

    /// Milliseconds since the loader was called.
    fn took(&self) -> Millis {
        self.began.map_or(0, |began| self.shared.clock.now().saturating_sub(began))
    }

    fn stored(&self, entry: Entry) -> Stored {
        self.shared.stored(&self.key, entry, self.flight.fence().clone())
    }

    /// Commits what the load came to and says what those who wait are told. `current` tells
    /// whether the key was neither removed nor loaded anew since the load began.
    fn settle(&mut self, current: bool) -> Outcome {
        let panicked = || Outcome::Lost(Lost::Panicked { key: self.key.clone() });
        let outcome = self.outcome.take().unwrap_or_else(panicked);
        let counters = &self.namespace.counters;
        if let Outcome::Loaded(stored, origin) = &outcome {
            if !stored.valid() {
                count(&counters.discarded);
            } else if current {
                self.flight.keep();
                if self.shared.keep(stored) && *origin != Origin::Source {
                    count(&counters.promotions);
                }
            }
            return outcome;
        }
        count(&counters.load_errors);
        if !current {
            return outcome;
        }
        self.stand_in().unwrap_or_else(|| self.remember(outcome))
    }

    /// The older value in place of a failure, for a while without another attempt.
    fn stand_in(&self) -> Option<Outcome> {
        let now = self.shared.clock.now();
        let (stored, origin) = self.flight.stand_in(now)?;
        let pause = millis(self.namespace.settings.retry);
        stored.life()?.postpone(now.saturating_add(pause));
        if origin != Origin::Memory {
            self.shared.keep(stored);
        }
        Some(Outcome::Stale(stored.clone(), origin))
    }

    /// Keeps a loader's error, where that was asked for.
    fn remember(&self, outcome: Outcome) -> Outcome {
        let ttl = self.namespace.settings.error_ttl;
        if let (Outcome::Failed(error), Some(ttl)) = (&outcome, ttl) {
            let expires = self.shared.clock.deadline(millis(ttl));
            let fence = self.flight.fence().clone();
            let failed = Stored::failed(&self.key, Arc::clone(error), fence, expires);
            self.shared.keep(&failed);
        }
        outcome
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let took = self.took();
        self.namespace.counters.load_millis.fetch_add(took, Ordering::Relaxed);
        let (shared, key) = (Arc::clone(&self.shared), self.key.clone());
        let flight = Arc::clone(&self.flight);
        shared.flights.land(&key, &flight, |current| self.settle(current));
    }
}

/// What the tiers below memory are still to be given.
pub(crate) struct Filling {
    shared: Arc<Shared>,
    namespace: Arc<Namespace>,
    key: Key,
    entry: Entry,
    stamps: Vec<Option<Stamp>>,
    _working: Working,
}

impl Filling {
    /// Puts the entry into each tier that told its generations before it was loaded.
    pub(crate) async fn fill(self) {
        for (tier, stamp) in self.shared.tiers.iter().zip(&self.stamps) {
            let wall = self.shared.clock.wall();
            let entry = self.namespace.settings.for_tier(tier.origin(), &self.entry, wall);
            if let (Some(stamp), Some(entry)) = (stamp, entry) {
                tier.put(&self.key, &entry, stamp).await;
            }
        }
    }

    /// The same for many, in one go for each tier.
    pub(crate) async fn fill_all(mut fillings: Vec<Self>) {
        let Some(shared) = fillings.first().map(|first| Arc::clone(&first.shared)) else { return };
        for (at, tier) in shared.tiers.iter().enumerate() {
            let put = |filling: &mut Self| filling.put(at, tier.origin());
            tier.put_many(&fillings.iter_mut().filter_map(put).collect::<Vec<_>>()).await;
        }
    }

    fn put(&mut self, at: usize, origin: Origin) -> Option<Put> {
        let stamp = self.stamps.get_mut(at)?.take()?;
        let wall = self.shared.clock.wall();
        let entry = self.namespace.settings.for_tier(origin, &self.entry, wall)?;
        Some(Put { key: self.key.clone(), entry, stamp })
    }
}

impl Shared {
    /// An entry as memory keeps it, with the times that are left to it.
    pub(crate) fn stored(&self, key: &Key, entry: Entry, fence: Fence) -> Stored {
        let (wall, settings) = (self.clock.wall(), &fence.namespace().settings);
        let own = match settings.memory {
            Keep::AtMost(time) => Some(millis(time)),
            Keep::Yes | Keep::No => None,
        };
        let entry = match own.into_iter().chain(self.while_deaf()).min() {
            Some(most) => entry.at_most(wall.saturating_add(most)),
            None => entry,
        };
        let reach = |moment: Option<Millis>| {
            moment.map_or(Millis::MAX, |at| self.clock.deadline(at.saturating_sub(wall)))
        };
        let life = Life {
            soft: reach(entry.soft),
            expires: reach(entry.expires),
            kept: reach(entry.kept),
            idle: settings.idle.map_or(Millis::MAX, millis),
            eager: settings.eagerness.max(0.0) * f64::from(entry.cost) / 1_000.0,
            ..Life::new(self.clock.coarse(), entry.created)
        };
        let tag = self.memory.as_ref().and_then(|memory| memory.ghosts.tag(key));
        Stored::new(key, entry.bytes.as_deref(), fence, life, tag)
    }

    /// Takes an entry into memory, if its namespace is kept there.
    fn keep(&self, stored: &Stored) -> bool {
        let wanted = stored.namespace().settings.memory != Keep::No;
        self.memory.as_ref().is_some_and(|memory| wanted && memory.put(stored))
    }
}
