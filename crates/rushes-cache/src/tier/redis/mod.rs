//! Values in Redis or Valkey, shared by many processes, and the log by which these tell each other
//! what was invalidated.
//!
//! A generation here is a name, not a number: invalidating writes a fresh random one, and a record
//! is alive as long as each generation that it saw is still there and the same. So nothing comes
//! back to life when Redis loses a generation by eviction, expiry or a restart: lost is different
//! from seen. A look reads the record and its generations in one exchange, so it is right for what
//! Redis knows, whatever this process has heard of. A put compares once more, in a script.
//!
//! Invalidating raises generations first and appends to the log then: who hears of it and looks
//! again finds nothing old. The log is a stream whose lines are numbered without gaps, so a reader
//! knows when it was cut off or lost; then everything is suspect.

mod event;
mod exchange;
mod link;
mod log;
mod names;
mod place;
mod servers;
mod shared;
mod tier;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;

use self::names::Names;
use self::place::Place;
use self::servers::Servers;
use self::shared::{Shared, Tasks};
use super::TierError;
use crate::clock::Clock;
use crate::stats::TierCounters;

/// How the Redis tier behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisOptions {
    /// What all names in Redis begin with: 1 to 64 printable ASCII characters without `{}*?[]\`.
    /// Caches of different prefixes know nothing of each other.
    pub prefix: String,
    /// The longest time a record is kept, whatever its own time; generations are kept as long.
    pub longest: Duration,
    /// How many invalidations the log keeps; a process that missed more drops everything.
    pub log: usize,
    /// How old a value may be that is served while the log cannot be read; `None`: as old as its
    /// own time allows, for caches whose source tells them of changes by another way.
    pub deaf: Option<Duration>,
    /// For how long a process that loads a value keeps others from loading it, without a sign of
    /// life; zero: they are not kept.
    pub lease: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "rushes:".to_owned(),
            longest: Duration::from_secs(7 * 24 * 3600),
            log: 100_000,
            deaf: Some(Duration::from_secs(1)),
            lease: Duration::from_secs(1),
        }
    }
}

/// The Redis tier. Cloning gives a handle to the same one.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

impl Redis {
    /// The tier at `url`: `redis://[user:password@]host[:port][,host:port…][/database]`,
    /// `rediss://` for TLS with the system's certificates, `redis+sentinel://host,host/name` to ask
    /// sentinels. Whether the servers are a cluster is seen from their answers; any of them will do
    /// as a host. It connects in the background, again and again: a server that is away is a miss.
    ///
    /// # Errors
    /// When the URL or the prefix cannot be read, or outside of a tokio runtime. The message does
    /// not hold the URL, which may hold a password.
    pub fn open(url: &str, options: RedisOptions) -> Result<Self, TierError> {
        Self::open_with(url, options, Clock::system())
    }

    /// The same by another clock, of which only the wall time is used.
    ///
    /// # Errors
    /// As [`Redis::open`].
    pub fn open_with(url: &str, options: RedisOptions, clock: Clock) -> Result<Self, TierError> {
        let names = Names::new(&options.prefix).ok_or_else(|| {
            let wanted = "1 to 64 printable ASCII characters without {}*?[]\\";
            TierError::Other(format!("the prefix {:?} should be {wanted}", options.prefix))
        })?;
        let servers = Arc::new(Servers::new(Place::parse(url)?));
        let runtime = Handle::try_current()
            .map_err(|_| TierError::Other("open Redis within a tokio runtime".to_owned()))?;
        let keeping = Arc::clone(&servers);
        let keeper = runtime.spawn(async move { keeping.keep().await });
        Ok(Self(Arc::new(Shared {
            names,
            options,
            servers,
            clock,
            counters: TierCounters::default(),
            origin: RandomState::new().hash_one(0),
            cursor: Arc::default(),
            mark: AtomicU64::new(0),
            tasks: Mutex::new(Tasks { running: vec![keeper], closed: false }),
        })))
    }

    /// Waits until it is connected; for those who would rather wait than miss.
    ///
    /// # Errors
    /// When it was closed.
    pub async fn connected(&self) -> Result<(), TierError> {
        self.0.servers.up().await.map(drop)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("servers", &self.0.servers).finish_non_exhaustive()
    }
}
