//! Namespaces: settings, statistics and one generation each.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use crate::generation::Counter;
use crate::key::Key;
use crate::stats::{Counters, NamespaceStats};
use crate::tier::memory::Memory;

/// How long a namespace's values may be served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How long a value may be served where its loader does not say; `None`: until invalidated
    /// or evicted. Times are kept to 10 ms, never exceeded.
    pub ttl: Option<Duration>,
    /// How long "known not to exist" may be served where its loader does not say.
    pub absent_ttl: Option<Duration>,
    /// By how much of it, from 0 to 1, each of these times is shortened at most, at random: values
    /// that were loaded together are not all missed together.
    pub jitter: f64,
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
        let share = self.jitter.clamp(0.0, 1.0) * (random as f64 / u64::MAX as f64);
        let shortened = Duration::try_from_secs_f64(ttl.as_secs_f64() * (1.0 - share));
        Some(shortened.map_or(ttl, |shortened| shortened.min(ttl)))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { ttl: None, absent_ttl: Some(Duration::from_secs(30)), jitter: 0.05 }
    }
}

/// One namespace of one cache.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) name: Box<str>,
    pub(crate) settings: Settings,
    pub(crate) counters: Counters,
    /// Raised to invalidate the namespace as a whole.
    pub(crate) generation: Arc<Counter>,
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
                generation: Arc::default(),
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
        let settings = Settings { ttl: Some(minute), absent_ttl: Some(second), jitter: 0.5 };
        assert_eq!(settings.time(None, false, 0), Some(minute));
        assert_eq!(settings.time(None, false, u64::MAX), Some(minute / 2));
        assert_eq!(settings.time(None, true, u64::MAX), Some(second / 2));
        assert_eq!(settings.time(Some(second), false, u64::MAX), Some(second));
        let wild = Settings { jitter: f64::NAN, ttl: Some(Duration::MAX), ..settings };
        assert_eq!(wild.time(None, false, 7), Some(Duration::MAX));
    }
}
