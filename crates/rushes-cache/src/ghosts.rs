//! Small copies of the memory tier follow a sample of the keys without their values and count what
//! they would have hit: copies of other capacities (what would more memory give?), and copies that
//! go by other policies (by which one should memory?).
//!
//! Keys are sampled by their hash, so that all references to a sampled key are seen and none to any
//! other: a copy that is as much smaller as the sample is then behaves as the whole would
//! (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC Construction with SHARDS", FAST 2015;
//! Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using Miniature
//! Simulations", USENIX ATC 2017). The copies evict as the memory tier does, so loops and scans show
//! as they are. What was invalidated or expired is dropped from all of them: no capacity and no
//! policy would have kept it.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;

use crate::eviction::{Miniature, Name, Policy, Rivals, Tag};
use crate::key::Key;
use crate::shim::Mutex;
use crate::shim::atomic::{AtomicU8, Ordering};

/// Capacities that are simulated, in units of the real one.
const FACTORS: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0];
/// Entries that a copy of the real capacity should hold.
const WANTED: u64 = 2_048;
/// At most one key in so many is followed for the curve: there are more copies for that.
const CURVE_LEAST: u64 = 8;
/// At least one key in so many is followed.
const THINNEST: u64 = 1 << 16;
/// What the rivals may take is one in so many bytes of the tier, and what they take for an entry.
const RIVALS: u64 = 256;
const RIVALS_ENTRY: u64 = 256;

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

pub(crate) struct Ghosts {
    one_in: u32,
    /// Of the keys that are followed, one in so many is for the curve, and for the rivals.
    curve_every: u32,
    rivals_every: u32,
    hasher: RandomState,
    /// The number of the policy that memory goes by.
    policy: AtomicU8,
    copies: Mutex<Copies>,
}

struct Copies {
    rivals: Rivals,
    /// References that were counted for the curve.
    references: u64,
    curve: Vec<Point>,
}

/// A copy of memory of another capacity.
struct Point {
    capacity: u64,
    copy: Miniature,
    hits: u64,
}

impl Ghosts {
    /// Copies of a tier of `capacity` bytes, `room` of them for entries, that holds about `entries`.
    pub(crate) fn new(capacity: u64, room: u64, entries: u64) -> Self {
        let affordable = (entries * RIVALS_ENTRY).div_ceil((capacity / RIVALS).max(1));
        let by_rivals = (entries / WANTED).max(affordable).clamp(1, THINNEST) as u32;
        let by_curve = (entries / WANTED).clamp(CURVE_LEAST, THINNEST) as u32;
        let one_in = by_rivals.min(by_curve);
        let curve_every = by_curve.div_ceil(one_in);
        let rivals_every = by_rivals.div_ceil(one_in);
        let miniature = |factor: f64, one_in: u32| {
            let small = ((room as f64 * factor) as u64 / u64::from(one_in)).max(1);
            Miniature::new(small, (entries as f64 * factor) as usize / one_in as usize)
        };
        let point = |factor: f64| Point {
            capacity: (capacity as f64 * factor) as u64,
            copy: miniature(factor, one_in * curve_every),
            hits: 0,
        };
        let rivals = Rivals::new(|| miniature(1.0, one_in * rivals_every));
        let curve = FACTORS.into_iter().map(point).collect();
        Self {
            one_in,
            curve_every,
            rivals_every,
            hasher: RandomState::new(),
            policy: AtomicU8::new(Policy::default() as u8),
            copies: Mutex::new(Copies { rivals, references: 0, curve }),
        }
    }

    /// The policy that does best.
    pub(crate) fn policy(&self) -> Policy {
        Policy::numbered(self.policy.load(Ordering::Relaxed))
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
        let name = Name::new(tag, weight);
        if tag.get().is_multiple_of(self.rivals_every) {
            self.policy.store(copies.rivals.refer(name) as u8, Ordering::Relaxed);
        }
        if tag.get().is_multiple_of(self.curve_every) {
            copies.references += 1;
            let policy = self.policy();
            for point in &mut copies.curve {
                point.hits += u64::from(point.copy.refer(name, policy));
            }
        }
    }

    /// Notes that the entry is gone for another reason than want of room.
    #[cold]
    pub(crate) fn forget(&self, tag: Tag) {
        let mut copies = self.copies.lock();
        copies.rivals.forget(tag);
        copies.curve.iter_mut().for_each(|point| point.copy.forget(tag));
    }

    /// The curve, when there were `all` references to any key.
    ///
    /// Few keys have most of the references, and whether the hottest are among the sample is luck.
    /// What the sample has too few or too many of is taken to be hits of any capacity, as those of
    /// the hottest keys are (the correction of the paper on SHARDS, section 3).
    pub(crate) fn curve(&self, all: u64) -> Curve {
        let copies = self.copies.lock();
        let references = copies.references;
        let one_in = self.one_in * self.curve_every;
        let expected = all as f64 / f64::from(one_in);
        let point = |point: &Point| {
            let hits = point.hits as f64 + expected - references as f64;
            let hit_ratio = if expected > 0.0 { (hits / expected).clamp(0.0, 1.0) } else { 0.0 };
            CurvePoint { capacity: point.capacity, hit_ratio }
        };
        Curve { one_in, references, points: copies.curve.iter().map(point).collect() }
    }
}
