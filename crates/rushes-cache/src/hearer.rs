//! What a tier that several processes share tells the cache about the others.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::cache::{Origin, Shared};
use crate::invalidate::Cut;
use crate::key::{Key, Scope};

/// The cache's ear: given to a tier once, by [`Tier::attend`](crate::Tier::attend). It does not
/// keep the cache alive.
pub struct Hearer {
    shared: Weak<Shared>,
    /// Of the tier that tells: it knows what it tells.
    from: Origin,
}

impl Hearer {
    pub(crate) fn new(shared: &Arc<Shared>, from: Origin) -> Self {
        Self { shared: Arc::downgrade(shared), from }
    }

    /// Another process invalidated scopes. When this has returned, nothing that this process read
    /// before is served again.
    pub async fn scopes(&self, scopes: Vec<Scope>) {
        self.apply(Cut::Scopes(scopes)).await;
    }

    /// Another process removed a key.
    pub async fn key(&self, key: Key) {
        self.apply(Cut::Key(key)).await;
    }

    /// It cannot be known what other processes invalidated: everything is suspect.
    pub async fn missed(&self) {
        tracing::info!("some invalidations of other processes were missed: all is loaded anew");
        self.apply(Cut::Everything).await;
    }

    /// Other processes cannot be heard. Until [`Hearer::hears_again`] nothing is served that was
    /// loaded more than `at_most` ago, and no tier that only this process fills is read.
    pub fn hears_nothing(&self, at_most: Duration) {
        if let Some(shared) = self.shared.upgrade() {
            shared.set_deaf(Some(at_most));
        }
    }

    /// Other processes are heard again, and what they said meanwhile was told. What the tier is
    /// owed may be handed over now.
    pub async fn hears_again(&self) {
        let Some(shared) = self.shared.upgrade() else { return };
        shared.set_deaf(None);
        for tier in shared.tiers.iter().filter(|tier| tier.origin() == self.from) {
            tier.is_back().await;
        }
    }

    /// Whether the cache is gone.
    pub fn is_alone(&self) -> bool {
        self.shared.strong_count() == 0
    }

    async fn apply(&self, cut: Cut) {
        if let Some(shared) = self.shared.upgrade() {
            shared.apply_beside(cut, self.from).await;
        }
    }
}

impl fmt::Debug for Hearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hearer").field("from", &self.from).finish_non_exhaustive()
    }
}
