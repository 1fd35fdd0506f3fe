//! Look down the tiers, load once, fill back up, invalidate.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Clock;
use crate::flight::{Flight, Flights, Outcome, Seat};
use crate::generation::Generations;
use crate::key::{Key, Scope};
use crate::landing::Landing;
use crate::namespace::{Namespace, Namespaces, Settings};
use crate::shim::spawn;
use crate::stats::{Stats, count};
use crate::tier::memory::Memory;
use crate::value::{Stored, Value};

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
}

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
    load_deadline: Duration,
    clock: Clock,
    settings: HashMap<String, Settings>,
}

impl Default for CacheBuilder {
    fn default() -> Self {
        Self {
            memory_bytes: 0,
            load_deadline: Duration::from_secs(60),
            clock: Clock::system(),
            settings: HashMap::new(),
        }
    }
}

impl CacheBuilder {
    /// The memory tier's bound in bytes: keys, values and overhead. Zero: no memory tier.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
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

    /// The cache.
    pub fn build(self) -> Cache {
        let memory = (self.memory_bytes > 0)
            .then(|| Arc::new(Memory::new(self.memory_bytes, self.clock.clone())));
        let home = memory.as_ref().map(Arc::downgrade).unwrap_or_default();
        Cache(Arc::new(Shared {
            memory,
            flights: Flights::new(),
            generations: Generations::new(),
            namespaces: Namespaces::new(self.settings, home),
            load_deadline: self.load_deadline,
            clock: self.clock,
            invalidations: AtomicU64::new(0),
        }))
    }
}

/// The cache: a cheap handle to shared state.
#[derive(Clone)]
pub struct Cache(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) memory: Option<Arc<Memory>>,
    pub(crate) flights: Flights,
    pub(crate) generations: Generations,
    pub(crate) namespaces: Namespaces,
    pub(crate) load_deadline: Duration,
    pub(crate) clock: Clock,
    pub(crate) invalidations: AtomicU64,
}

impl Cache {
    /// Begins a cache.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Looks in the tiers, loads nothing.
    pub async fn get(&self, key: &Key) -> Lookup {
        let Some(stored) = self.0.look(key) else {
            count(&self.0.namespaces.of(key).counters.misses);
            return Lookup::Miss;
        };
        Value::of(stored).map_or(Lookup::Absent, Lookup::Hit)
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
        if let Some(stored) = self.0.look(key) {
            return Ok(fetched(stored, Origin::Memory));
        }
        let namespace = self.0.namespaces.of(key);
        let mut may_retry = true;
        loop {
            let flight = match self.0.board(key, scopes, &namespace) {
                Seat::Served(stored) => return Ok(fetched(stored, Origin::Memory)),
                Seat::Leader(flight) => return self.lead(key, &namespace, flight, load).await,
                Seat::Waiter(flight) => flight,
            };
            count(&namespace.counters.joins);
            match flight.landed(key).await {
                Outcome::Loaded(stored) => return Ok(fetched(stored, Origin::Source)),
                Outcome::Lost(_) if may_retry => may_retry = false,
                Outcome::Lost(lost) => return Err(Arc::new(lost)),
                Outcome::Failed(error) => return Err(error),
            }
        }
    }

    /// Drops everything that carries one of the scopes. When this has returned, no later read
    /// returns what it covered.
    pub async fn invalidate(&self, scopes: &[Scope]) {
        scopes.iter().for_each(|scope| self.0.generations.raise(scope));
        count(&self.0.invalidations);
    }

    /// Drops everything in a namespace, as [`Cache::invalidate`] does for a scope.
    pub async fn invalidate_namespace(&self, name: &str) {
        if let Some(namespace) = self.0.namespaces.find(name) {
            self.0.generations.raise_counter(&namespace.generation);
        }
        count(&self.0.invalidations);
    }

    /// Drops everything, as [`Cache::invalidate`] does for a scope.
    pub async fn clear(&self) {
        for namespace in self.0.namespaces.all() {
            self.0.generations.raise_counter(&namespace.generation);
        }
        count(&self.0.invalidations);
    }

    /// Drops one key. A load of it that is under way is handed to those who already waited, but
    /// not cached and not joined.
    pub async fn remove(&self, key: &Key) {
        self.0.flights.revoke(key, || {
            if let Some(memory) = &self.0.memory {
                memory.remove(key);
            }
        });
    }

    /// What the cache did and holds.
    pub fn stats(&self) -> Stats {
        Stats {
            memory: self.0.memory.as_ref().map(|memory| memory.stats()).unwrap_or_default(),
            namespaces: self.0.namespaces.stats(),
            invalidations: self.0.invalidations.load(Ordering::Relaxed),
            flights: self.0.flights.len(),
            scopes: self.0.generations.len(),
        }
    }

    /// Starts the load of a flight in a task of its own and waits for it.
    async fn lead<F, Fut>(
        &self,
        key: &Key,
        namespace: &Arc<Namespace>,
        flight: Arc<Flight>,
        load: F,
    ) -> Result<Fetched, LoadError>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded, LoadError>> + Send + 'static,
    {
        let landing = Landing {
            shared: Arc::clone(&self.0),
            key: key.clone(),
            namespace: Arc::clone(namespace),
            flight: Arc::clone(&flight),
            began: self.0.clock.now(),
            outcome: None,
        };
        count(&namespace.counters.misses);
        count(&namespace.counters.loads);
        spawn(landing.run(load));
        match flight.landed(key).await {
            Outcome::Loaded(stored) => Ok(fetched(stored, Origin::Source)),
            Outcome::Failed(error) => Err(error),
            Outcome::Lost(lost) => Err(Arc::new(lost)),
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("stats", &self.stats()).finish()
    }
}

fn fetched(stored: Arc<Stored>, origin: Origin) -> Fetched {
    Fetched { value: Value::of(stored), origin }
}

impl Shared {
    #[inline]
    fn look(&self, key: &Key) -> Option<Arc<Stored>> {
        self.memory.as_ref()?.get(key)
    }

    fn board(&self, key: &Key, scopes: &[Scope], namespace: &Namespace) -> Seat {
        let capture = || self.generations.fence(&namespace.generation, scopes);
        self.flights.board(key, || self.look(key), capture)
    }
}
