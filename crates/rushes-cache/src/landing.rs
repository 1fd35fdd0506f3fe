//! Runs a load in a task of its own and lands its flight, whatever happens to the loader.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::cache::{LoadError, Loaded, Origin, Shared};
use crate::clock::{Millis, millis};
use crate::entry::Entry;
use crate::flight::{Flight, Lost, Outcome};
use crate::generation::Fence;
use crate::key::{Key, Scope};
use crate::namespace::Namespace;
use crate::shim::within;
use crate::stats::count;
use crate::tier::Stamp;
use crate::value::Stored;
use crate::work::Working;

/// A load under way, held by its task. Dropping it lands the flight: with the outcome that was
/// come to, or as lost when the loader panicked or its runtime was shut down.
pub(crate) struct Landing {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: Key,
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) flight: Arc<Flight>,
    pub(crate) began: Millis,
    pub(crate) outcome: Option<Outcome>,
    /// Counts the task as long as it runs.
    pub(crate) _working: Working,
}

impl Landing {
    /// Looks in the tiers below memory, then runs the loader until its deadline; lands; then fills
    /// the tiers above the one that answered.
    pub(crate) async fn run<F, Fut>(mut self, scopes: Vec<Scope>, load: F)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Loaded, LoadError>>,
    {
        let mut stamps = Vec::new();
        let found = self.look_below(&scopes, &mut stamps).await;
        let (outcome, entry) = match found {
            Some((entry, origin)) => (self.loaded(entry.clone(), origin), Some(entry)),
            None => self.load(load).await,
        };
        self.outcome = Some(outcome);
        let (shared, key) = (Arc::clone(&self.shared), self.key.clone());
        let _working = shared.work.begin();
        drop(self);
        let Some(entry) = entry else { return };
        for (tier, stamp) in shared.tiers.iter().zip(stamps) {
            if let Some(stamp) = stamp {
                tier.put(&key, &entry, &stamp).await;
            }
        }
    }

    /// Asks one tier after the other. Each that has not the value tells its generations before it
    /// is asked, so that it can be filled afterwards.
    async fn look_below(
        &self,
        scopes: &[Scope],
        stamps: &mut Vec<Option<Stamp>>,
    ) -> Option<(Entry, Origin)> {
        if self.shared.tiers.is_empty() {
            return None;
        }
        let implied = [Scope::everything(), Scope::namespace(self.key.namespace())];
        let scopes = [&implied, scopes].concat();
        for tier in &self.shared.tiers {
            let stamp = tier.stamp(&self.key, &scopes).await;
            if let Some(entry) = tier.get(&self.key).await {
                count(self.namespace.counters.hits_from(tier.origin()));
                return Some((entry, tier.origin()));
            }
            stamps.push(stamp);
        }
        None
    }

    async fn load<F, Fut>(&self, load: F) -> (Outcome, Option<Entry>)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Loaded, LoadError>>,
    {
        count(&self.namespace.counters.misses);
        count(&self.namespace.counters.loads);
        let deadline = self.shared.load_deadline;
        match within(deadline, async { load().await }).await {
            Some(Ok(loaded)) => {
                let entry = self.entry(loaded);
                (self.loaded(entry.clone(), Origin::Source), Some(entry))
            }
            Some(Err(error)) => (Outcome::Failed(error), None),
            None => (Outcome::Lost(Lost::Hung { key: self.key.clone(), deadline }), None),
        }
    }

    fn entry(&self, loaded: Loaded) -> Entry {
        let settings = &self.namespace.settings;
        let default = if loaded.bytes.is_some() { settings.ttl } else { settings.absent_ttl };
        let ttl = loaded.ttl.or(default);
        let expires = ttl.map(|ttl| self.shared.clock.wall().saturating_add(millis(ttl)));
        Entry { bytes: loaded.bytes, expires }
    }

    fn loaded(&self, entry: Entry, origin: Origin) -> Outcome {
        let fence = self.flight.fence().clone();
        let stored = self.shared.stored(&self.key, entry, fence, &self.namespace);
        Outcome::Loaded(Arc::new(stored), origin)
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
