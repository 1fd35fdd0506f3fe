//! Invalidation through all tiers, in the order that lets nothing slip through.
//!
//! Memory is cut first, so that readers see it at once, then the tiers below, then memory again:
//! a load that began in between may have found the old value below and carried it up. A load that
//! begins after the second cut finds no tier that still has it. Among the tiers below the lowest
//! goes first, for the same reason: values are carried upward only.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::cache::Shared;
use crate::key::{Key, Scope};
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
        self.cut_memory(&cut);
        if self.tiers.is_empty() {
            return;
        }
        let (done, is_done) = oneshot::channel();
        let shared = Arc::clone(self);
        let working = self.work.begin();
        spawn(async move {
            let _working = working;
            shared.cut_below(&cut).await;
            shared.cut_memory(&cut);
            // The caller may be gone.
            done.send(()).ok();
        });
        is_done.await.ok();
    }

    fn cut_memory(&self, cut: &Cut) {
        let generations = &self.generations;
        match cut {
            Cut::Scopes(scopes) => scopes.iter().for_each(|scope| generations.raise(scope)),
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

    async fn cut_below(&self, cut: &Cut) {
        for tier in self.tiers.iter().rev() {
            match cut {
                Cut::Scopes(scopes) => tier.invalidate(scopes).await,
                Cut::Namespace(name) => tier.invalidate(&[Scope::namespace(name)]).await,
                Cut::Everything => tier.invalidate(&[Scope::everything()]).await,
                Cut::Key(key) => tier.remove(key).await,
            }
        }
    }
}
