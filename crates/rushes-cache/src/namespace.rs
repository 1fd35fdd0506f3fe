//! Namespaces: settings, statistics and one generation each.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use crate::cache::Origin;
use crate::clock::{Millis, millis};
use crate::entry::Entry;
use crate::generation::Counter;
use crate::key::Key;
use crate::life::random;
use crate::stats::{Counters, NamespaceStats};
use crate::tier::memory::Memory;

/// How long a namespace's values may be served, and where they are kept. Times in memory are kept
/// to 10 ms, never exceeded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How long a value may be served as fresh where its loader does not say; `None`: until
    /// invalidated or evicted.
    pub ttl: Option<Duration>,
    /// How long "known not to exist" may be served where its loader does not say.
    pub absent_ttl: Option<Duration>,
    /// By how much of it, from 0 to 1, each of these times is shortened at most, at random: values
    /// that were loaded together are not all missed together.
    pub jitter: f64,
    /// After how long without use a value is dropped from memory. Below memory it counts from the
    /// load, as uses are not noted there.
    pub idle: Option<Duration>,
    /// After how long whoever meets a value gets it as stale while it is refreshed in the
    /// background (stale-while-revalidate).
    pub soft_ttl: Option<Duration>,
    /// For how long beyond its time to live a value stands in, as stale, when its load fails, hangs
    /// or takes longer than `soft_timeout` (fail-safe). What was invalidated or removed never does.
    pub stand_in: Option<Duration>,
    /// After how long a caller who waits for a load is answered with the stand-in, if there is
    /// one, while the load goes on.
    pub soft_timeout: Option<Duration>,
    /// After how long a load is given up; `None`: the cache's load deadline.
    pub hard_timeout: Option<Duration>,
    /// How long after a failed load or refresh the stale value is served without another attempt.
    pub retry: Duration,
    /// For how long a loader's error is remembered in memory and answered again; `None`: errors
    /// are not cached.
    pub error_ttl: Option<Duration>,
    /// How eagerly values are refreshed before their time is up, at random and the more likely the
    /// longer they took to load (XFetch): 0 never, 1 as its paper recommends, more is earlier.
    pub eagerness: f64,
    /// Of so many hits in memory about one is compared with the source, by the loader of the caller
    /// who was answered, in the background; 0: none. Only for values that every write invalidates:
    /// those that may be out of date until their time is up would be found stale.
    pub audit: u32,
    /// Whether memory keeps the values.
    pub memory: Keep,
    /// Whether Redis does.
    pub redis: Keep,
    /// Whether the disk does.
    pub disk: Keep,
}

/// Whether a tier keeps the values of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It does not, and is not asked for them. Invalidations reach it all the same.
    No,
    /// As long as they may be served.
    Yes,
    /// Not longer than this after it took them.
    AtMost(Duration),
}

impl Settings {
    /// How long an entry may be served, by what its loader said and a random number.
    pub(crate) fn time(
        &self,
        said: Option<Duration>,
        absent: bool,
        random: u64,
    ) -> Option<Duration> {
        if said.is_some() {
            return said;
        }
        let ttl = if absent { self.absent_ttl } else { self.ttl }?;
        Some(self.shortened(ttl, random))
    }

    fn shortened(&self, time: Duration, random: u64) -> Duration {
        let share = self.jitter.clamp(0.0, 1.0) * (random as f64 / u64::MAX as f64);
        let shortened = Duration::try_from_secs_f64(time.as_secs_f64() * (1.0 - share));
        shortened.map_or(time, |shortened| shortened.min(time))
    }

    /// Notes in an entry that was loaded just now how long it may be served.
    pub(crate) fn limit(&self, entry: &mut Entry, said: Option<Duration>, wall: Millis) {
        let random = random();
        let after = |time: Duration| wall.saturating_add(millis(time));
        let absent = entry.bytes.is_none();
        entry.expires = self.time(said, absent, random).map(after);
        entry.soft = self.soft_ttl.map(|soft| after(self.shortened(soft, random)));
        entry.kept =
            entry.expires.map(|expires| expires.saturating_add(self.stand_in.map_or(0, millis)));
    }

    /// Whether a tier keeps the values.
    pub(crate) fn keep(&self, tier: Origin) -> Keep {
        match tier {
            Origin::Memory => self.memory,
            Origin::Redis => self.redis,
            Origin::Disk => self.disk,
            Origin::Source => Keep::Yes,
        }
    }

    /// The entry as a tier below memory gets it; `None` when it does not.
    pub(crate) fn for_tier(&self, tier: Origin, entry: &Entry, wall: Millis) -> Option<Entry> {
        let keep = match self.keep(tier) {
            Keep::No => return None,
            Keep::Yes => None,
            Keep::AtMost(time) => Some(time),
        };
        let bounds = keep.into_iter().chain(self.idle);
        Some(
            bounds.fold(entry.clone(), |entry, time| {
                entry.at_most(wall.saturating_add(millis(time)))
            }),
        )
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ttl: None,
            absent_ttl: Some(Duration::from_secs(30)),
            jitter: 0.05,
            idle: None,
            soft_ttl: None,
            stand_in: None,
            soft_timeout: None,
            hard_timeout: None,
            retry: Duration::from_secs(1),
            error_ttl: None,
            eagerness: 0.0,
            audit: 0,
            memory: Keep::Yes,
            redis: Keep::Yes,
            disk: Keep::Yes,
        }
    }
}

/// One namespace of one cache.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) name: Box<str>,
    pub(crate) settings: Settings,
    pub(crate) counters: Counters,
    /// Raised to invalidate the namespace as a whole.
    pub(crate) generation: Counter,
    /// Where its entries live, for those that change their weight.
    pub(crate) memory: Weak<Memory>,
}

/// The namespaces asked for so far.
pub(crate) struct Namespaces {
    settings: HashMap<String, Settings>,
    known: RwLock<HashMap<Box<str>, Arc<Namespace>>>,
    memory: Weak<Memory>,
}

impl Namespaces {
    pub(crate) fn new(settings: HashMap<String, Settings>, memory: Weak<Memory>) -> Self {
        Self { settings, known: RwLock::default(), memory }
    }

    /// The namespace of a key.
    pub(crate) fn of(&self, key: &Key) -> Arc<Namespace> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = known.get(key.namespace()) {
            return Arc::clone(namespace);
        }
        drop(known);
        self.learn(key.namespace())
    }

    /// The namespace of this name, when some key in it was ever asked for.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Namespace>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All namespaces, sorted by name.
    pub(crate) fn all(&self) -> Vec<Arc<Namespace>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = known.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// All counters, sorted by name.
    pub(crate) fn stats(&self) -> Vec<NamespaceStats> {
        let read =
            |namespace: &Arc<Namespace>| NamespaceStats::read(&namespace.name, &namespace.counters);
        self.all().iter().map(read).collect()
    }

    fn learn(&self, name: &str) -> Arc<Namespace> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let namespace = known.entry(name.into()).or_insert_with(|| {
            Arc::new(Namespace {
                name: name.into(),
                settings: self.settings.get(name).copied().unwrap_or_default(),
                counters: Counters::default(),
                generation: Counter::default(),
                memory: self.memory.clone(),
            })
        });
        Arc::clone(namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_shortens_a_setting_and_leaves_alone_what_a_loader_said() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let settings = Settings {
            ttl: Some(minute),
            absent_ttl: Some(second),
            jitter: 0.5,
            ..Settings::default()
        };
        assert_eq!(settings.time(None, false, 0), Some(minute));
        assert_eq!(settings.time(None, false, u64::MAX), Some(minute / 2));
        assert_eq!(settings.time(None, true, u64::MAX), Some(second / 2));
        assert_eq!(settings.time(Some(second), false, u64::MAX), Some(second));
        let wild = Settings { jitter: f64::NAN, ttl: Some(Duration::MAX), ..settings };
        assert_eq!(wild.time(None, false, 7), Some(Duration::MAX));
    }
}
