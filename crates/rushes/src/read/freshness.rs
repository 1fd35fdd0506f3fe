//! How a library's handle learns what other processes committed to the same database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rushes_cache::Scope;
use rushes_store::ChangeSet;

use super::key::Scopes;
use crate::engine::Rushes;
use crate::error::Result;

/// The last commit whose changes this handle's cache has dropped, and when it last asked.
#[derive(Debug)]
pub(crate) struct Freshness {
    opened: Instant,
    seen: AtomicU64,
    /// Microseconds from `opened` to the last look, plus one; zero means never.
    looked: AtomicU64,
    /// How often changes were applied to the cache.
    applied: AtomicU64,
    bound: Duration,
}

impl Freshness {
    pub(crate) fn new(seq: u64, bound: Duration) -> Self {
        Self {
            opened: Instant::now(),
            seen: AtomicU64::new(seq),
            looked: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            bound,
        }
    }

    /// The last commit up to which all changes were applied.
    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// A number that grows with each change that is applied to the cache: what was read between
    /// two equal ones is of one state.
    pub(super) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Whether the changes of a commit, and of all before it, were applied.
    pub(crate) fn has_seen(&self, seq: u64) -> bool {
        self.seen.load(Ordering::Acquire) >= seq
    }

    /// Whether it is this caller's turn to look.
    fn is_due(&self) -> bool {
        let now = self.opened.elapsed().as_micros() as u64 + 1;
        let looked = self.looked.load(Ordering::Relaxed);
        let due = looked == 0 || now.saturating_sub(looked) > self.bound.as_micros() as u64;
        due && self
            .looked
            .compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

impl Rushes {
    /// Drops what other processes changed, at most once in the `staleness` setting. Every read
    /// begins here; own writes need no look, they are applied before they are acknowledged.
    pub(crate) async fn freshen(&self) -> Result<()> {
        if self.inner.freshness.is_due() {
            self.catch_up().await?;
        }
        Ok(())
    }

    /// Drops what was changed since the last look, whoever changed it.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        let freshness = &self.inner.freshness;
        let seen = freshness.seen.load(Ordering::Acquire);
        let change = self.inner.store.changes_since(seen).await?;
        self.drop_changed(&change).await;
        if freshness.seen.fetch_max(change.seq, Ordering::AcqRel) < change.seq {
            self.inner.cache.mark(change.seq);
        }
        Ok(())
    }

    /// Applies an own commit to the cache. When this has returned, no read of this process sees
    /// what the commit replaced.
    pub(crate) async fn applied(&self, change: &ChangeSet) {
        self.drop_changed(change).await;
        // Only if nobody else committed in between is everything up to this commit known.
        let seen = &self.inner.freshness.seen;
        let before = change.seq.saturating_sub(1);
        let next = seen.compare_exchange(before, change.seq, Ordering::AcqRel, Ordering::Relaxed);
        if next.is_ok() {
            self.inner.cache.mark(change.seq);
        }
    }

    async fn drop_changed(&self, change: &ChangeSet) {
        let scopes = scopes_of(change);
        if !scopes.is_empty() {
            self.inner.cache.invalidate(&scopes).await;
            self.inner.freshness.applied.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// What the changes of a commit make untrue.
pub(crate) fn scopes_of(change: &ChangeSet) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = change.changes.iter().flat_map(Scopes::touched).collect();
    scopes.sort_unstable_by(|a, b| a.name().cmp(b.name()));
    scopes.dedup();
    scopes
}
