//! Values in this process, bounded by bytes, evicted by the policy that suits what is asked for.

use std::fmt;
use std::sync::atomic::AtomicU64;

use crate::clock::Clock;
use crate::eviction::Weighed;
use crate::ghosts::Ghosts;
use crate::hot::{Hot, SAMPLE};
use crate::key::Key;
use crate::life::Age;
use crate::predicate::Predicates;
use crate::shim::yield_now;
use crate::stats::{MemoryStats, count};
use crate::stored::Stored;
use crate::tier::map::Map;

/// The copies that foretell the curve and choose the policy take one in so many bytes of the tier, at most so many.
const CURVE: u64 = 32;
const CURVE_MOST: u64 = 2 * 1024 * 1024;

/// What a value is taken to weigh when the map is first sized; it grows as needed.
const TYPICAL_ENTRY: u64 = 4 * 1024;

/// One of fewer entries evicts unevenly.
const SMALLEST_SHARD_ENTRIES: usize = 1_024;

/// A shard smaller than this could not hold one big value.
const SMALLEST_SHARD: u64 = 8 * 1024 * 1024;

/// What a look into memory finds.
pub(crate) enum Look {
    /// A fresh entry.
    Hit(Stored),
    /// An entry that may be served and should be refreshed.
    Aging(Aging),
    /// An entry past its time that stands in, as its load failed just now.
    StandIn(Stored),
    /// An entry that may stand in when its load fails.
    Expired(Stored),
    /// Nothing.
    Miss,
}

/// An entry to be served while it is refreshed.
pub(crate) struct Aging {
    pub(crate) stored: Stored,
    /// Whether it is past its soft time or its time to live.
    pub(crate) stale: bool,
    /// Whether this caller may refresh it.
    pub(crate) refresh: bool,
    /// Whether this caller shall compare it with the source.
    pub(crate) audit: bool,
}

/// The memory tier.
pub(crate) struct Memory {
    map: Map,
    capacity: u64,
    /// What of it is for entries.
    room: u64,
    /// What an entry weighs at least.
    least: u64,
    clock: Clock,
    pub(crate) predicates: Predicates,
    pub(crate) hot: Hot,
    pub(crate) ghosts: Ghosts,
    /// Entries taken in.
    pub(crate) fills: AtomicU64,
}

impl Memory {
    /// A tier bounded by `capacity` bytes, and by `entries`.
    pub(crate) fn new(capacity: u64, entries: Option<usize>, clock: Clock) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let by_bytes = usize::try_from(capacity / SMALLEST_SHARD).unwrap_or(usize::MAX);
        let by_entries = entries.map_or(usize::MAX, |entries| entries / SMALLEST_SHARD_ENTRIES);
        let most = by_bytes.min(by_entries);
        let typical = usize::try_from(capacity / TYPICAL_ENTRY).unwrap_or(usize::MAX);
        let items = entries.unwrap_or(typical);
        let room = capacity - (capacity / CURVE).min(CURVE_MOST);
        // Rounded down, so that all of them find room.
        let least = entries.map_or(0, |entries| room / entries as u64);
        let map = Map::new(room, least, items.clamp(32, 1 << 20), (cores * 4).min(most));
        Self {
            map,
            capacity,
            room,
            least,
            clock,
            predicates: Predicates::default(),
            hot: Hot::default(),
            ghosts: Ghosts::new(capacity, room, items as u64),
            fills: AtomicU64::new(0),
        }
    }

    /// The entry and what may be done with it. One that is of no more use is dropped on the way.
    #[inline]
    pub(crate) fn get(&self, key: &Key) -> Look {
        // Before the entry: see `predicate`.
        let predicates = self.predicates.now();
        let Some(stored) = self.map.get(key.as_bytes()) else { return Look::Miss };
        if !stored.valid() || !stored.escapes(predicates.as_deref().map(Vec::as_slice)) {
            return self.drop_dead(&stored, true);
        }
        match stored.age(self.clock.coarse()) {
            Age::Fresh => {
                let nth = stored.namespace().counters.hits.add_one();
                self.follow(&stored);
                if nth.is_multiple_of(SAMPLE) {
                    return self.sampled(key, stored, nth / SAMPLE);
                }
                Look::Hit(stored)
            }
            Age::Due => {
                stored.namespace().counters.hits.add_one();
                self.follow(&stored);
                Look::Aging(Aging { stored, stale: false, refresh: true, audit: false })
            }
            Age::Stale { refresh } => {
                count(&stored.namespace().counters.stale_hits);
                self.follow(&stored);
                Look::Aging(Aging { stored, stale: true, refresh, audit: false })
            }
            Age::StandsIn => {
                count(&stored.namespace().counters.stale_hits);
                Look::StandIn(stored)
            }
            Age::Expired => Look::Expired(stored),
            Age::Over => self.drop_dead(&stored, false),
        }
    }

    /// Counts a reference to a key that is followed.
    #[inline]
    fn follow(&self, stored: &Stored) {
        if let Some(tag) = stored.tag() {
            self.ghosts.refer(tag, self.weigh(stored));
        }
    }

    /// A hit that is looked at more closely, the `nth` of those.
    #[cold]
    fn sampled(&self, key: &Key, stored: Stored, nth: u64) -> Look {
        self.hot.note(key);
        let one_in = u64::from(stored.namespace().settings.audit);
        if one_in > 0 && nth.is_multiple_of((one_in / SAMPLE).max(1)) {
            return Look::Aging(Aging { stored, stale: false, refresh: false, audit: true });
        }
        Look::Hit(stored)
    }

    /// The entry of a key, whatever may be done with it.
    pub(crate) fn resident(&self, key: &Key) -> Option<Stored> {
        self.map.peek(key.as_bytes())
    }

    /// Takes a value in, unless what covers it was invalidated since its load began.
    pub(crate) fn put(&self, stored: &Stored) -> bool {
        let fits = self.weigh(stored) <= self.room;
        if !fits || !stored.valid() {
            return false;
        }
        note_evictions(&self.map.insert(stored.clone(), self.ghosts.policy()));
        self.follow(stored);
        count(&self.fills);
        true
    }

    /// Whether this very entry is here, and no predicate covers it.
    pub(crate) fn has(&self, stored: &Stored) -> bool {
        let predicates = self.predicates.now();
        let is_resident = |resident: Stored| resident.is(stored);
        self.map.peek(stored.key()).is_some_and(is_resident)
            && stored.escapes(predicates.as_deref().map(Vec::as_slice))
    }

    /// How many valid entries `is_meant`.
    pub(crate) fn count(&self, is_meant: impl Fn(&Stored) -> bool) -> usize {
        let predicates = self.predicates.now();
        let valid = |stored: &Stored| {
            stored.valid() && stored.escapes(predicates.as_deref().map(Vec::as_slice))
        };
        self.map.pages().flatten().filter(|stored| is_meant(stored) && valid(stored)).count()
    }

    /// Walks through the entries and drops what a predicate covers, until there is none left.
    pub(crate) async fn sweep(&self) {
        while let Some(predicates) = self.predicates.to_sweep() {
            for page in self.map.pages() {
                for stored in page.iter().filter(|one| !one.escapes(Some(&predicates))) {
                    self.drop_dead(stored, true);
                }
                yield_now().await;
            }
            self.predicates.retire(&predicates);
        }
    }

    /// Drops a key.
    pub(crate) fn remove(&self, key: &Key) {
        if let Some(stored) = self.map.remove_if(key.as_bytes(), |_| true) {
            count(&stored.namespace().counters.removed);
            self.forget(&stored);
        }
    }

    fn weigh(&self, stored: &Stored) -> u64 {
        Weighed::weight(stored).max(self.least)
    }

    fn forget(&self, stored: &Stored) {
        stored.tag().into_iter().for_each(|tag| self.ghosts.forget(tag));
    }

    /// Charges a decoded value to its entry, when the entry is still here, and makes room for it.
    pub(crate) fn charge(&self, stored: &Stored, bytes: u32) {
        note_evictions(&self.map.charge(stored, bytes, self.ghosts.policy()));
    }

    /// What it holds.
    pub(crate) fn stats(&self) -> MemoryStats {
        MemoryStats { entries: self.map.len(), bytes: self.map.weight(), capacity: self.capacity }
    }

    #[cold]
    fn drop_dead(&self, stored: &Stored, invalidated: bool) -> Look {
        let counters = &stored.namespace().counters;
        let is_same = |resident: &Stored| resident.is(stored);
        // Counted by the one who drops it.
        if self.map.remove_if(stored.key(), is_same).is_some() {
            count(if invalidated { &counters.invalidated } else { &counters.expired });
            self.forget(stored);
        }
        Look::Miss
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("stats", &self.stats()).finish()
    }
}

fn note_evictions(evicted: &[Stored]) {
    evicted.iter().for_each(|stored| count(&stored.namespace().counters.evictions));
}
