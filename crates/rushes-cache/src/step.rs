//! Keeps what processes share in step with a source that numbers its changes.
//!
//! A process that dies between a change of the source and the invalidation leaves old values in
//! the tiers that outlive it. So whoever numbers the changes of his source marks up to where they
//! were invalidated, and whoever begins does not read a shared tier before what came after the
//! mark is invalidated, too.

use crate::cache::Cache;
use crate::tier::TierError;
use crate::tier::guard::Guard;

impl Cache {
    /// Whether there is a tier that other processes use as well.
    pub fn is_shared(&self) -> bool {
        self.0.tiers.iter().any(|tier| tier.tier().is_shared())
    }

    /// Keeps shared tiers from being read and filled until [`Cache::in_step`].
    pub fn out_of_step(&self) {
        self.shut(true);
    }

    /// Lets shared tiers be read: all changes of the source up to `at` were invalidated.
    pub async fn in_step(&self, at: u64) {
        self.mark(at);
        self.shut(false);
        for tier in self.0.tiers.iter().filter(|tier| tier.tier().is_shared()) {
            // Brings the mark and nothing else; without it the next one only does more.
            drop(tier.tier().invalidate(&[]).await);
        }
    }

    /// Notes that all changes of the source up to `at` were invalidated.
    pub fn mark(&self, at: u64) {
        self.0.tiers.iter().for_each(|tier| tier.mark(at));
    }

    /// Up to where the changes of the source are known to have been invalidated in shared tiers;
    /// `None`: nobody knows.
    ///
    /// # Errors
    /// When a shared tier cannot be asked now.
    pub async fn marked(&self) -> Result<Option<u64>, TierError> {
        let mut lowest = Some(u64::MAX);
        for tier in self.0.tiers.iter().filter(|tier| tier.tier().is_shared()) {
            lowest = lowest.min(tier.tier().marked().await?);
        }
        Ok(lowest)
    }

    /// Whether every tier was handed all invalidations.
    pub fn owes_nothing(&self) -> bool {
        self.0.tiers.iter().all(Guard::owes_nothing)
    }

    fn shut(&self, shut: bool) {
        let shared = self.0.tiers.iter().filter(|tier| tier.tier().is_shared());
        shared.for_each(|tier| tier.shut(shut));
    }
}
