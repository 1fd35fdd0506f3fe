//! Look down the tiers, load once, fill back up, invalidate.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Clock;
use crate::flight::{Flight, Flights, Outcome, Seat};
use crate::generation::Generations;
use crate::hearer::Hearer;
use crate::key::{Key, Scope};
use crate::landing::{Landing, Purpose};
use crate::namespace::{Keep, Namespace, Namespaces, Settings};
use crate::shim::spawn;
use crate::stats::{Stats, count};
use crate::stored::Stored;
use crate::tier::guard::{Guard, Patience};
use crate::tier::memory::{Aging, Look, Memory};
use crate::tier::{Tier, TierError};
use crate::value::Value;
use crate::work::Work;

/// Why a load failed; shared by all who waited for it.
pub type LoadError = Arc<dyn Error + Send + Sync>;

/// What a loader brings.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The bytes; `None` when the thing is known not to exist.
    pub bytes: Option<Bytes>,
    /// How long it may be served; `None`: as the namespace's setting says.
    pub ttl: Option<Duration>,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The memory tier.
    Memory,
    /// The Redis tier.
    Redis,
    /// The disk tier.
    Disk,
    /// The source: this caller's load, or one it waited for.
    Source,
}

/// A value and who answered it; `value` is `None` when the thing is known not to exist.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The value.
    pub value: Option<Value>,
    /// Who answered.
    pub origin: Origin,
    /// Whether the value is past its soft time, or past its time to live and standing in for a
    /// load that failed or takes long. Never set where the namespace asks for neither.
    pub stale: bool,
}

/// What a caller gets.
pub(crate) type Answer = Result<Fetched, LoadError>;

/// What a look-up without a load finds.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// A value.
    Hit(Value),
    /// Known not to exist.
    Absent,
    /// Nothing is cached.
    Miss,
}

/// Builds a [`Cache`].
#[derive(Debug)]
pub struct CacheBuilder {
    memory_bytes: u64,
    memory_entries: Option<usize>,
    load_deadline: Duration,
    clock: Clock,
    settings: HashMap<String, Settings>,
    tiers: Vec<(Arc<dyn Tier>, Patience)>,
}

impl Default for CacheBuilder {
    fn default() -> Self {
        Self {
            memory_bytes: 0,
            memory_entries: None,
            load_deadline: Duration::from_secs(60),
            clock: Clock::system(),
            settings: HashMap::new(),
            tiers: Vec::new(),
        }
    }
}

impl CacheBuilder {
    /// The memory tier's bound in bytes: keys, values and overhead. Zero: no memory tier.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// The memory tier's bound in entries, beside the one in bytes: an entry weighs at least its
    /// share of the bytes, so that neither bound is exceeded.
    pub fn entries(mut self, entries: usize) -> Self {
        self.memory_entries = Some(entries.max(1));
        self
    }

    /// After how long a load that hangs is given up and its key freed; a minute by default.
    pub fn load_deadline(mut self, deadline: Duration) -> Self {
        self.load_deadline = deadline;
        self
    }

    /// Another clock than the machine's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The settings of one namespace.
    pub fn namespace(mut self, name: impl Into<String>, settings: Settings) -> Self {
        self.settings.insert(name.into(), settings);
        self
    }

    /// A tier below memory and below the tiers named before. A failure or delay in it is a miss.
    pub fn tier(self, tier: impl Tier + 'static) -> Self {
        self.patient_tier(tier, Patience::default())
    }

    /// The same with other limits to the trouble that the tier may make.
    pub fn patient_tier(mut self, tier: impl Tier + 'static, patience: Patience) -> Self {
        self.tiers.push((Arc::new(tier), patience));
        self
    }

    /// The cache.
    pub fn build(self) -> Cache {
        let memory = (self.memory_bytes > 0).then(|| {
            Arc::new(Memory::new(self.memory_bytes, self.memory_entries, self.clock.clone()))
        });
        let guarded = |(tier, patience)| Guard::new(tier, patience, self.clock.clone());
        let tiers = self.tiers.into_iter().map(guarded).collect();
        let home = memory.as_ref().map(Arc::downgrade).unwrap_or_default();
        let shared = Arc::new(Shared {
            memory,
            tiers,
            work: Arc::default(),
            flights: Flights::new(),
            generations: Generations::new(),
            namespaces: Namespaces::new(self.settings, home),
            load_deadline: self.load_deadline,
            clock: self.clock,
            invalidations: AtomicU64::new(0),
            deaf: AtomicU64::new(0),
            id: RandomState::new().hash_one(0),
        });
        for tier in &shared.tiers {
            tier.tier().attend(Hearer::new(&shared, tier.origin()));
        }
        Cache(shared)
    }
}

/// The cache: a cheap handle to shared state.
#[derive(Clone)]
pub struct Cache(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) memory: Option<Arc<Memory>>,
    pub(crate) tiers: Vec<Guard>,
    pub(crate) work: Arc<Work>,
    pub(crate) flights: Flights,
    pub(crate) generations: Generations,
    pub(crate) namespaces: Namespaces,
    pub(crate) load_deadline: Duration,
    pub(crate) clock: Clock,
    pub(crate) invalidations: AtomicU64,
    /// Milliseconds for which values are served while other processes are not heard; 0: they are.
    pub(crate) deaf: AtomicU64,
    /// Tells this cache from those of other processes.
    pub(crate) id: u64,
}

impl Cache {
    /// Begins a cache.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Looks in the tiers, loads nothing and moves nothing upward.
    pub async fn get(&self, key: &Key) -> Lookup {
        match self.0.look(key) {
            Look::Hit(stored) | Look::Aging(Aging { stored, .. }) => return looked_up(stored),
            Look::StandIn(_) | Look::Expired(_) | Look::Miss => {}
        }
        let namespace = self.0.namespaces.of(key);
        for tier in &self.0.tiers {
            if namespace.settings.keep(tier.origin()) == Keep::No {
                continue;
            }
            let fence = self.0.generations.fence(&namespace, &[]);
            let found = tier.get(key).await;
            if let Some(entry) = found.filter(|entry| entry.is_fresh(self.0.clock.wall())) {
                count(namespace.counters.hits_from(tier.origin()));
                return looked_up(self.0.stored(key, entry, fence));
            }
        }
        count(&namespace.counters.misses);
        Lookup::Miss
    }

    /// What the memory tier has that needs no refresh, at once: nothing is waited for, looked for
    /// below, or loaded. Answers `None` for anything else, a remembered error included.
    pub fn peek(&self, key: &Key) -> Option<Fetched> {
        match self.0.look(key) {
            Look::Hit(stored) => answered(stored, Origin::Memory, false).ok(),
            Look::Aging(Aging { stored, stale: false, refresh: false, .. }) => {
                answered(stored, Origin::Memory, false).ok()
            }
            _ => None,
        }
    }

    /// The value of `key`, loaded once for all concurrent callers when no tier has it. The value
    /// may be invalidated by any of `scopes` (the same ones whoever asks for the key); a load that
    /// began before such an invalidation is handed to those who already waited but never cached.
    /// The loader runs in a task of its own, so a cancelled caller does not stop it.
    ///
    /// # Errors
    /// What the loader answered, handed to all who waited for it and not cached. When the loader
    /// panicked or ran into its deadline, those who waited try once more with a loader of their
    /// own, again one for all.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
    pub async fn get_or_load<F, Fut>(
        &self,
        key: &Key,
        scopes: &[Scope],
        load: F,
    ) -> Result<Fetched, LoadError>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded, LoadError>> + Send + 'static,
    {
        match self.0.look(key) {
            Look::Hit(stored) => return answered(stored, Origin::Memory, false),
            Look::Aging(aging) => return self.serve_aging(aging, scopes, load),
            Look::StandIn(stored) => return answered(stored, Origin::Memory, true),
            Look::Expired(_) | Look::Miss => {}
        }
        let namespace = self.0.namespaces.of(key);
        let mut may_retry = true;
        loop {
            let flight = match self.0.board(key, scopes, &namespace) {
                Seat::Served(stored, stale) => return answered(stored, Origin::Memory, stale),
                Seat::Leader(flight) => {
                    return self.lead(key, scopes, &namespace, flight, load).await;
                }
                Seat::Waiter(flight) => flight,
            };
            count(&namespace.counters.joins);
            match self.0.landed(key, &namespace, &flight).await {
                Outcome::Lost(_) if may_retry => may_retry = false,
                outcome => return self.0.told(outcome),
            }
        }
    }

    /// Waits for loads and writes under way, then closes the tiers below memory in peace. Call it
    /// last: afterwards these tiers answer nothing, and memory goes on.
    ///
    /// # Errors
    /// Of the first tier that could not be closed; the others are closed all the same.
    pub async fn close(&self) -> Result<(), TierError> {
        self.0.work.idle().await;
        let mut closed = Ok(());
        for tier in &self.0.tiers {
            closed = closed.and(tier.close().await);
        }
        closed
    }

    /// What the cache did and holds.
    pub fn stats(&self) -> Stats {
        Stats {
            memory: self.0.memory.as_ref().map(|memory| memory.stats()).unwrap_or_default(),
            tiers: self.0.tiers.iter().map(|tier| (tier.origin(), tier.stats())).collect(),
            namespaces: self.0.namespaces.stats(),
            invalidations: self.0.invalidations.load(Ordering::Relaxed),
            flights: self.0.flights.len(),
            scopes: self.0.generations.len(),
            patterns: self.0.memory.as_ref().map_or(0, |memory| memory.predicates.len()),
        }
    }

    /// Starts the load of a flight in a task of its own and waits for it.
    async fn lead<F, Fut>(
        &self,
        key: &Key,
        scopes: &[Scope],
        namespace: &Arc<Namespace>,
        flight: Arc<Flight>,
        load: F,
    ) -> Result<Fetched, LoadError>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded, LoadError>> + Send + 'static,
    {
        let landing = Landing::new(&self.0, key, scopes, namespace, &flight, Purpose::Miss);
        spawn(landing.run(load));
        self.0.told(self.0.landed(key, namespace, &flight).await)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("stats", &self.stats()).finish()
    }
}

/// What an entry answers to those who would load it.
#[inline]
pub(crate) fn answered(stored: Stored, origin: Origin, stale: bool) -> Answer {
    match stored.error() {
        Some(error) => Err(Arc::clone(error)),
        None => Ok(Fetched { value: Value::of(stored), origin, stale }),
    }
}

/// What an entry answers to those who only look: an error that is remembered is no value.
fn looked_up(stored: Stored) -> Lookup {
    if stored.error().is_some() {
        return Lookup::Miss;
    }
    Value::of(stored).map_or(Lookup::Absent, Lookup::Hit)
}

impl Shared {
    #[inline]
    pub(crate) fn look(&self, key: &Key) -> Look {
        self.memory.as_ref().map_or(Look::Miss, |memory| memory.get(key))
    }

    /// What those who waited for a load are told.
    pub(crate) fn told(&self, outcome: Outcome) -> Answer {
        match outcome {
            Outcome::Loaded(stored, origin) => {
                let stale = stored.is_stale(self.clock.coarse());
                answered(stored, origin, stale)
            }
            Outcome::Stale(stored, origin) => {
                count(&stored.namespace().counters.stale_hits);
                answered(stored, origin, true)
            }
            Outcome::Failed(error) => Err(error),
            Outcome::Lost(lost) => Err(Arc::new(lost)),
        }
    }

    pub(crate) fn board(&self, key: &Key, scopes: &[Scope], namespace: &Arc<Namespace>) -> Seat {
        let capture = || self.generations.fence(namespace, scopes);
        self.flights.board(key, || self.look(key), capture)
    }
}
