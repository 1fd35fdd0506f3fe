//! Runs a load in a task of its own and lands its flight, whatever happens to the loader.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::cache::{LoadError, Loaded, Shared};
use crate::clock::Millis;
use crate::flight::{Flight, Lost, Outcome};
use crate::key::Key;
use crate::namespace::Namespace;
use crate::shim::within;
use crate::stats::count;
use crate::value::Stored;

/// A load under way, held by its task. Dropping it lands the flight: with the outcome that the
/// loader came to, or as lost when the loader panicked or its runtime was shut down.
pub(crate) struct Landing {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: Key,
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) flight: Arc<Flight>,
    pub(crate) began: Millis,
    pub(crate) outcome: Option<Outcome>,
}

impl Landing {
    /// Runs the loader until its deadline.
    pub(crate) async fn run<F, Fut>(mut self, load: F)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Loaded, LoadError>>,
    {
        let deadline = self.shared.load_deadline;
        let loaded = within(deadline, async { load().await }).await;
        self.outcome = Some(match loaded {
            Some(Ok(loaded)) => Outcome::Loaded(self.store(loaded)),
            Some(Err(error)) => Outcome::Failed(error),
            None => Outcome::Lost(Lost::Hung { key: self.key.clone(), deadline }),
        });
    }

    fn store(&self, loaded: Loaded) -> Arc<Stored> {
        let settings = &self.namespace.settings;
        let default = if loaded.bytes.is_some() { settings.ttl } else { settings.absent_ttl };
        let ttl = loaded.ttl.or(default);
        let expires = ttl.map_or(Millis::MAX, |ttl| self.shared.clock.deadline(ttl));
        let (fence, namespace) = (self.flight.fence().clone(), Arc::clone(&self.namespace));
        Arc::new(Stored::new(self.key.clone(), loaded.bytes, expires, fence, namespace))
    }

    fn keep(&self, stored: &Arc<Stored>) {
        let Some(memory) = &self.shared.memory else { return };
        memory.put(stored);
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let panicked = || Outcome::Lost(Lost::Panicked { key: self.key.clone() });
        let outcome = self.outcome.take().unwrap_or_else(panicked);
        let counters = &self.namespace.counters;
        match &outcome {
            Outcome::Loaded(stored) if !stored.valid() => count(&counters.discarded),
            Outcome::Loaded(_) => {}
            Outcome::Failed(_) | Outcome::Lost(_) => count(&counters.load_errors),
        }
        let took = self.shared.clock.now().saturating_sub(self.began);
        counters.load_millis.fetch_add(took, Ordering::Relaxed);
        let flights = &self.shared.flights;
        flights.land(&self.key, &self.flight, outcome, |stored| self.keep(stored));
    }
}
