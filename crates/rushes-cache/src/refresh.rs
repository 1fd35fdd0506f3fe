//! Serving while loading: what is due is refreshed in the background, what is past its time stands
//! in when its load fails. A refresh is a flight like any other and commits through the same door.

use std::future::Future;
use std::sync::Arc;

use crate::cache::{Answer, Cache, LoadError, Loaded, Origin, Shared, answered};
use crate::flight::{Flight, Outcome};
use crate::key::{Key, Scope};
use crate::landing::{Landing, Purpose};
use crate::namespace::Namespace;
use crate::shim::{spawn, within};
use crate::tier::memory::Aging;

impl Cache {
    /// Answers with an entry that is in memory and, when it is this caller's turn, refreshes it in
    /// the background.
    pub(crate) fn serve_aging<F, Fut>(&self, aging: Aging, scopes: &[Scope], load: F) -> Answer
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded, LoadError>> + Send + 'static,
    {
        if aging.audit {
            self.audit(aging.stored.clone(), load);
        } else if let Some(landing) = self.0.begin_refresh(&aging, scopes) {
            spawn(landing.run(load));
        }
        answered(aging.stored, Origin::Memory, aging.stale)
    }
}

impl Shared {
    /// The load that is to replace an entry, when it is this caller's turn to make it.
    pub(crate) fn begin_refresh(
        self: &Arc<Self>,
        aging: &Aging,
        scopes: &[Scope],
    ) -> Option<Landing> {
        let stored = aging.refresh.then_some(&aging.stored)?;
        let (memory, namespace) = (self.memory.as_ref()?, stored.namespace());
        let capture = || self.generations.fence(namespace, scopes);
        let flight = self.flights.refresh(stored, || !memory.has(stored), capture)?;
        let purpose = Purpose::Refresh(stored.life()?.created);
        Some(Landing::new(
            self,
            &Key::from_bytes(stored.key()),
            scopes,
            namespace,
            &flight,
            purpose,
        ))
    }

    /// What a load comes to, or the value that stands in when it takes too long.
    pub(crate) async fn landed(
        &self,
        key: &Key,
        namespace: &Namespace,
        flight: &Flight,
    ) -> Outcome {
        let Some(patience) = namespace.settings.soft_timeout else {
            return flight.landed(key).await;
        };
        if let Some(outcome) = within(patience, flight.landed(key)).await {
            return outcome;
        }
        match flight.stand_in(self.clock.now()) {
            Some((stored, origin)) => Outcome::Stale(stored.clone(), origin),
            None => flight.landed(key).await,
        }
    }
}
