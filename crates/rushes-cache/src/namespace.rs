//! Namespaces: settings, statistics and one generation each.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use crate::generation::Counter;
use crate::key::Key;
use crate::stats::{Counters, NamespaceStats};
use crate::tier::memory::Memory;

/// How long a namespace's values may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a value may be served where its loader does not say; `None`: until invalidated
    /// or evicted.
    pub ttl: Option<Duration>,
    /// How long "known not to exist" may be served where its loader does not say.
    pub absent_ttl: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ttl: None, absent_ttl: Some(Duration::from_secs(30)) }
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
