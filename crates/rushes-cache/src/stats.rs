//! Counters per namespace and per tier, and the snapshot that is read from them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::cache::Origin;
use crate::tier::TierStats;

/// Threads spread over so many cells, so that counting does not make cores wait for each other.
const STRIPES: usize = 8;

/// A counter that is written on every hit and read now and then.
#[derive(Debug, Default)]
pub(crate) struct Striped([Cell; STRIPES]);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Cell(AtomicU64);

thread_local! {
    static STRIPE: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES
    };
}

impl Striped {
    /// Adds one; answers how many this thread's cell had before.
    #[inline]
    pub(crate) fn add_one(&self) -> u64 {
        let stripe = STRIPE.try_with(|stripe| *stripe).unwrap_or_default();
        self.0.get(stripe).map_or(0, |cell| cell.0.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|cell| cell.0.load(Ordering::Relaxed)).sum()
    }
}

/// What one namespace counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Striped,
    pub(crate) redis_hits: AtomicU64,
    pub(crate) disk_hits: AtomicU64,
    pub(crate) other_hits: AtomicU64,
    pub(crate) stale_hits: AtomicU64,
    pub(crate) promotions: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) joins: AtomicU64,
    pub(crate) loads: AtomicU64,
    pub(crate) load_errors: AtomicU64,
    pub(crate) load_millis: AtomicU64,
    pub(crate) discarded: AtomicU64,
    pub(crate) evictions: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) invalidated: AtomicU64,
    pub(crate) removed: AtomicU64,
    pub(crate) audits: AtomicU64,
    pub(crate) stale: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Counters {
    /// The counter of hits in a tier below memory.
    pub(crate) fn hits_from(&self, origin: Origin) -> &AtomicU64 {
        match origin {
            Origin::Redis => &self.redis_hits,
            Origin::Disk => &self.disk_hits,
            Origin::Memory | Origin::Source => &self.other_hits,
        }
    }
}

/// What one tier below memory counts.
#[derive(Debug, Default)]
pub(crate) struct TierCounters {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) puts: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) corrupt: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) slow: AtomicU64,
    pub(crate) skipped: AtomicU64,
}

impl TierCounters {
    pub(crate) fn read(&self) -> TierStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TierStats {
            hits: read(&self.hits),
            misses: read(&self.misses),
            puts: read(&self.puts),
            refused: read(&self.refused),
            corrupt: read(&self.corrupt),
            errors: read(&self.errors),
            slow: read(&self.slow),
            skipped: read(&self.skipped),
            ..TierStats::default()
        }
    }
}

/// Adds one to a counter that is not on the hit path.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What a cache did since it was built, and what it holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// What the memory tier holds.
    pub memory: MemoryStats,
    /// What the tiers below memory did and hold, in their order.
    pub tiers: Vec<(Origin, TierStats)>,
    /// One for each namespace that was asked for, sorted by name.
    pub namespaces: Vec<NamespaceStats>,
    /// Calls that invalidated scopes, namespaces or everything.
    pub invalidations: u64,
    /// Loads that run now.
    pub flights: usize,
    /// Scopes whose generation is kept because an entry or a load refers to them (or did lately).
    pub scopes: usize,
    /// Invalidated patterns that look-ups still check, as the sweep has not passed yet.
    pub patterns: usize,
}

/// What the memory tier holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// Entries, the invalidated ones that nobody has met yet included.
    pub entries: usize,
    /// Bytes of keys, values, decoded values and overhead; at least its share for each entry where
    /// entries are bounded, too.
    pub bytes: u64,
    /// The bound of `bytes`.
    pub capacity: u64,
}

/// What one namespace did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceStats {
    /// The namespace.
    pub name: String,
    /// Look-ups answered from memory.
    pub hits: u64,
    /// Look-ups answered from Redis.
    pub redis_hits: u64,
    /// Look-ups answered from disk.
    pub disk_hits: u64,
    /// Look-ups answered from a tier that is neither.
    pub other_hits: u64,
    /// Look-ups answered with a value past its soft time or its time to live.
    pub stale_hits: u64,
    /// Entries copied up into memory from a tier below.
    pub promotions: u64,
    /// Loads begun to replace a value that was served meanwhile.
    pub refreshes: u64,
    /// Look-ups that no tier answered.
    pub misses: u64,
    /// Look-ups that waited for another caller's load.
    pub joins: u64,
    /// Loads begun.
    pub loads: u64,
    /// Loads that failed, panicked or ran into their deadline.
    pub load_errors: u64,
    /// Milliseconds that loads took, all together.
    pub load_millis: u64,
    /// Loads whose value was not cached because it was invalidated meanwhile.
    pub discarded: u64,
    /// Entries dropped to make room.
    pub evictions: u64,
    /// Entries met after their time was up.
    pub expired: u64,
    /// Entries dropped because an invalidation covered them, when they were met or swept out.
    pub invalidated: u64,
    /// Entries dropped because their key was removed.
    pub removed: u64,
    /// Served values that were compared with the source.
    pub audits: u64,
    /// Of these, the ones that were stale. Anything but zero means that a write went by the cache.
    pub stale: u64,
    /// Entries alive: in memory, or evicted and still in a reader's hands.
    pub entries: u64,
    /// Bytes of their keys, values and decoded values.
    pub bytes: u64,
}

impl NamespaceStats {
    pub(crate) fn read(name: &str, counters: &Counters) -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            name: name.to_owned(),
            hits: counters.hits.sum(),
            redis_hits: read(&counters.redis_hits),
            disk_hits: read(&counters.disk_hits),
            other_hits: read(&counters.other_hits),
            stale_hits: read(&counters.stale_hits),
            promotions: read(&counters.promotions),
            refreshes: read(&counters.refreshes),
            misses: read(&counters.misses),
            joins: read(&counters.joins),
            loads: read(&counters.loads),
            load_errors: read(&counters.load_errors),
            load_millis: read(&counters.load_millis),
            discarded: read(&counters.discarded),
            evictions: read(&counters.evictions),
            expired: read(&counters.expired),
            invalidated: read(&counters.invalidated),
            removed: read(&counters.removed),
            audits: read(&counters.audits),
            stale: read(&counters.stale),
            entries: read(&counters.entries),
            bytes: read(&counters.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_add_up_over_threads() {
        let counter = Striped::default();
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        counter.add_one();
                    }
                });
            }
        });
        assert_eq!(counter.sum(), 10_000);
    }
}
