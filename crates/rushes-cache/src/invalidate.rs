//! Invalidation through all tiers, in the order that lets nothing slip through.
//!
//! Memory is cut first, so that readers see it at once, then the tiers below, then memory again:
//! a load that began in between may have found the old value below and carried it up. A load that
//! begins after the second cut finds no tier that still has it. Among the tiers below the lowest
//! goes first, for the same reason: values are carried upward only.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::cache::{Origin, Shared};
use crate::clock::{Millis, millis};
use crate::key::{Implied, Key, Scope};
use crate::shim::spawn;

/// What is invalidated.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    Scopes(Vec<Scope>),
    Namespace(Box<str>),
    Everything,
    Key(Key),
}

impl Shared {
    /// Invalidates through all tiers, to the end even when the caller goes away.
    pub(crate) async fn apply(self: &Arc<Self>, cut: Cut) {
        self.apply_where(cut, |_| true).await;
    }

    /// The same for what a tier told: it knows already.
    pub(crate) async fn apply_beside(self: &Arc<Self>, cut: Cut, from: Origin) {
        self.apply_where(cut, move |origin| origin != from).await;
    }

    async fn apply_where(
        self: &Arc<Self>,
        cut: Cut,
        chosen: impl Fn(Origin) -> bool + Send + Sync + 'static,
    ) {
        self.cut_memory(&cut);
        if self.tiers.is_empty() {
            return;
        }
        let (done, is_done) = oneshot::channel();
        let shared = Arc::clone(self);
        let working = self.work.begin();
        spawn(async move {
            let _working = working;
            shared.cut_below(&cut, &chosen).await;
            shared.cut_memory(&cut);
            // The caller may be gone.
            done.send(()).ok();
        });
        is_done.await.ok();
    }

    fn cut_memory(&self, cut: &Cut) {
        let generations = &self.generations;
        match cut {
            Cut::Scopes(scopes) => scopes.iter().for_each(|scope| self.raise(scope)),
            Cut::Namespace(name) => {
                let known = self.namespaces.find(name);
                known.iter().for_each(|known| generations.raise_counter(&known.generation));
            }
            Cut::Everything => {
                let all = self.namespaces.all();
                all.iter().for_each(|known| generations.raise_counter(&known.generation));
            }
            Cut::Key(key) => self.flights.revoke(key, || {
                self.memory.iter().for_each(|memory| memory.remove(key));
            }),
        }
    }

    /// Raises a scope in memory. Another process names a namespace, or everything, as a scope.
    fn raise(&self, scope: &Scope) {
        match scope.implied() {
            None => self.generations.raise(scope),
            Some(Implied::Namespace(name)) => self.cut_memory(&Cut::Namespace(name.into())),
            Some(Implied::Everything) => self.cut_memory(&Cut::Everything),
        }
    }

    async fn cut_below(&self, cut: &Cut, chosen: &(dyn Fn(Origin) -> bool + Send + Sync)) {
        for tier in self.tiers.iter().rev().filter(|tier| chosen(tier.origin())) {
            match cut {
                Cut::Scopes(scopes) => tier.invalidate(scopes).await,
                Cut::Namespace(name) => tier.invalidate(&[Scope::namespace(name)]).await,
                Cut::Everything => tier.invalidate(&[Scope::everything()]).await,
                Cut::Key(key) => tier.remove(key).await,
            }
        }
    }

    /// Notes that other processes cannot be heard, so that nothing is served which was loaded more
    /// than so long ago; or that they are heard again.
    pub(crate) fn set_deaf(&self, at_most: Option<Duration>) {
        let at_most = at_most.map_or(0, |at_most| millis(at_most).max(1));
        let was = self.deaf.swap(at_most, Ordering::SeqCst);
        let own = self.tiers.iter().filter(|tier| !tier.tier().is_shared());
        own.for_each(|tier| tier.shut(at_most > 0));
        if was == 0 && at_most > 0 {
            tracing::warn!("other processes are not heard: values are kept for {at_most} ms only");
            self.cut_memory(&Cut::Everything);
        }
    }

    /// How long a value may be served while other processes are not heard; `None`: they are.
    pub(crate) fn while_deaf(&self) -> Option<Millis> {
        let at_most = self.deaf.load(Ordering::SeqCst);
        (at_most > 0).then_some(at_most)
    }
}
