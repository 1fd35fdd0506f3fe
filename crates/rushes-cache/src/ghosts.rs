//! What would more memory give? Small copies of the memory tier, each of another capacity, follow a
//! sample of the keys without their values and count what they would have hit.
//!
//! Keys are sampled by their hash, so that all references to a sampled key are seen and none to any
//! other: a copy that is as much smaller as the sample is then behaves as the whole would
//! (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC Construction with SHARDS", FAST 2015;
//! Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using Miniature
//! Simulations", USENIX ATC 2017). The copies run the very policy of the memory tier, so loops and
//! scans show as they are. What was invalidated or expired is dropped from all of them: no capacity
//! would have kept it.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;

use quick_cache::Weighter;
use quick_cache::unsync;

use crate::key::Key;
use crate::shim::Mutex;

/// Capacities that are simulated, in units of the real one.
const FACTORS: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0];
/// Entries that the copy of the real capacity should hold.
const WANTED: u64 = 2_048;
/// Hit ratio against capacity since the cache was built, estimated from a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// One key in so many is followed.
    pub one_in: u32,
    /// References to these keys that were counted.
    pub references: u64,
    /// By capacity, the smallest first.
    pub points: Vec<CurvePoint>,
}

/// One capacity and what it would give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Bytes.
    pub capacity: u64,
    /// Share of references answered from memory.
    pub hit_ratio: f64,
}

/// The name of a sampled key.
pub(crate) type Tag = NonZeroU32;

pub(crate) struct Ghosts {
    one_in: u32,
    hasher: RandomState,
    copies: Mutex<Copies>,
}

struct Copies {
    references: u64,
    each: Vec<Miniature>,
}

/// A copy of the memory tier that holds names and weights.
struct Miniature {
    capacity: u64,
    map: unsync::Cache<u32, u64, ByValue>,
    hits: u64,
}

impl Ghosts {
    /// Copies of a tier of `capacity` bytes, `room` of them for entries, that holds about `entries`.
    pub(crate) fn new(capacity: u64, room: u64, entries: u64) -> Self {
        let one_in = u32::try_from(entries / WANTED).unwrap_or(u32::MAX).clamp(8, 1 << 16);
        let miniature = |factor: f64| {
            let whole = (capacity as f64 * factor) as u64;
            let small = ((room as f64 * factor) as u64 / u64::from(one_in)).max(1);
            let items = (entries as f64 * factor) as usize / one_in as usize;
            let map = unsync::Cache::with_weighter(items.max(16), small, ByValue);
            Miniature { capacity: whole, map, hits: 0 }
        };
        let each = FACTORS.into_iter().map(miniature).collect();
        let copies = Mutex::new(Copies { references: 0, each });
        Self { one_in, hasher: RandomState::new(), copies }
    }

    /// The name of the key, if it is one of the sample.
    pub(crate) fn tag(&self, key: &Key) -> Option<Tag> {
        let hash = self.hasher.hash_one(key);
        // The halves of the hash that choose and that name do not overlap.
        let chosen = (hash as u32).is_multiple_of(self.one_in);
        NonZeroU32::new((hash >> 32) as u32).filter(|_| chosen)
    }

    /// Notes a reference to a key whose entry weighs so many bytes. When somebody else is about
    /// to, this one is left out: it is a sample anyway.
    #[cold]
    pub(crate) fn refer(&self, tag: Tag, weight: u64) {
        let Some(mut copies) = self.copies.try_lock() else { return };
        copies.references += 1;
        for copy in &mut copies.each {
            copy.refer(tag.get(), weight);
        }
    }

    /// Notes that the entry is gone for another reason than want of room.
    #[cold]
    pub(crate) fn forget(&self, tag: Tag) {
        let mut copies = self.copies.lock();
        for copy in &mut copies.each {
            copy.map.remove(&tag.get());
        }
    }

    /// The curve, when there were `all` references to any key.
    ///
    /// Few keys have most of the references, and whether the hottest are among the sample is luck.
    /// What the sample has too few or too many of is taken to be hits of any capacity, as those of
    /// the hottest keys are (the correction of the paper on SHARDS, section 3).
    pub(crate) fn curve(&self, all: u64) -> Curve {
        let copies = self.copies.lock();
        let references = copies.references;
        let expected = all as f64 / f64::from(self.one_in);
        let point = |copy: &Miniature| {
            let hits = copy.hits as f64 + expected - references as f64;
            let hit_ratio = if expected > 0.0 { (hits / expected).clamp(0.0, 1.0) } else { 0.0 };
            CurvePoint { capacity: copy.capacity, hit_ratio }
        };
        Curve { one_in: self.one_in, references, points: copies.each.iter().map(point).collect() }
    }
}

impl Miniature {
    fn refer(&mut self, tag: u32, weight: u64) {
        match self.map.get(&tag) {
            Some(known) => {
                self.hits += 1;
                if *known != weight {
                    self.map.insert(tag, weight);
                }
            }
            None => self.map.insert(tag, weight),
        }
    }
}

#[derive(Clone)]
struct ByValue;

impl Weighter<u32, u64> for ByValue {
    fn weight(&self, _tag: &u32, weight: &u64) -> u64 {
        *weight
    }
}
