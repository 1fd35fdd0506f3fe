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

use crate::cache::{Cache, Origin, Shared};
use crate::clock::{Millis, millis};
use crate::key::{Implied, Key, Scope};
use crate::pattern::{Pattern, Where};
use crate::shim::spawn;
use crate::stats::count;
use crate::stored::Stored;

/// What is invalidated.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    Scopes(Vec<Scope>),
    Namespace(Box<str>),
    Everything,
    Key(Key),
    Keys(Vec<Key>),
    Pattern(Pattern),
}

impl Cut {
    /// What a pattern invalidates: the cheapest of these that covers the same.
    fn matching(pattern: &Pattern) -> Self {
        match pattern.parts() {
            (Where::Like(namespaces), true) if namespaces.is_all() => Self::Everything,
            (Where::In(name), true) => Self::Namespace(name.clone()),
            _ => match pattern.only_key() {
                Some(key) => Self::Key(key),
                None => Self::Pattern(pattern.clone()),
            },
        }
    }
}

impl Cache {
    /// Drops everything that carries one of the scopes. A tag is a scope: name an entry's tags
    /// among the scopes it is loaded with, and invalidate them here. When this has returned, no
    /// later read returns what it covered. It goes on to its end when the caller does not wait for
    /// it. It costs the same however many entries it covers.
    pub async fn invalidate(&self, scopes: &[Scope]) {
        count(&self.0.invalidations);
        self.0.apply(Cut::Scopes(scopes.to_vec())).await;
    }

    /// Drops everything in a namespace, as [`Cache::invalidate`] does for a scope.
    pub async fn invalidate_namespace(&self, name: &str) {
        count(&self.0.invalidations);
        self.0.apply(Cut::Namespace(name.into())).await;
    }

    /// Drops every key that the pattern matches, as [`Cache::invalidate`] does for a scope and for
    /// about the same price: what no counter covers is checked by reads until a sweep in the
    /// background has dropped it.
    pub async fn invalidate_matching(&self, pattern: &Pattern) {
        count(&self.0.invalidations);
        self.0.apply(Cut::matching(pattern)).await;
    }

    /// Drops everything, as [`Cache::invalidate`] does for a scope.
    pub async fn clear(&self) {
        count(&self.0.invalidations);
        self.0.apply(Cut::Everything).await;
    }

    /// Drops one key. A load of it that is under way is handed to those who already waited, but
    /// not cached and not joined.
    pub async fn remove(&self, key: &Key) {
        self.0.apply(Cut::Key(key.clone())).await;
    }

    /// Drops many keys, as [`Cache::remove`] drops one.
    pub async fn remove_many(&self, keys: &[Key]) {
        self.0.apply(Cut::Keys(keys.to_vec())).await;
    }

    /// How many entries in memory an invalidation of the pattern would drop. Walks through all of
    /// them.
    pub fn covered(&self, pattern: &Pattern) -> usize {
        let is_covered = |stored: &Stored| pattern.matches_bytes(stored.key());
        self.0.memory.as_ref().map_or(0, |memory| memory.count(is_covered))
    }

    /// How many entries in memory carry the scope. Walks through all of them.
    pub fn covered_by(&self, scope: &Scope) -> usize {
        let (Some(memory), Some(counter)) = (&self.0.memory, self.0.generations.find(scope)) else {
            return 0;
        };
        memory.count(|stored| stored.carries(&counter))
    }
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
            Cut::Key(key) => self.cut_key(key),
            Cut::Keys(keys) => keys.iter().for_each(|key| self.cut_key(key)),
            Cut::Pattern(pattern) => self.cut_matching(pattern),
        }
    }

    fn cut_key(&self, key: &Key) {
        self.flights.revoke(key, || {
            self.memory.iter().for_each(|memory| memory.remove(key));
        });
    }

    /// Adds the predicate first, so that no look-up takes what it covers, then cuts off the loads
    /// that may still bring it, then starts the sweep.
    fn cut_matching(&self, pattern: &Pattern) {
        let generations = &self.generations;
        let Some(memory) = &self.memory else { return self.flights.revoke_matching(pattern) };
        let added = memory.predicates.add(pattern, || generations.next());
        if added.is_none() {
            let all = self.namespaces.all();
            let covered = all.iter().filter(|space| pattern.covers_namespace(&space.name));
            covered.for_each(|space| generations.raise_counter(&space.generation));
        }
        self.flights.revoke_matching(pattern);
        if added.is_some_and(|number| memory.predicates.settle(number)) {
            let (memory, working) = (Arc::clone(memory), self.work.begin());
            spawn(async move {
                let _working = working;
                memory.sweep().await;
            });
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
                Cut::Key(key) => tier.remove(std::slice::from_ref(key)).await,
                Cut::Keys(keys) => tier.remove(keys).await,
                Cut::Pattern(pattern) => tier.invalidate_matching(pattern).await,
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
