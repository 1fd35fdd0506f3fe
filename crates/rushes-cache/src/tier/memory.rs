//! Values in this process, bounded by bytes, evicted by a policy that scans and loops do not
//! flush (quick_cache's Clock-PRO variant).

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use quick_cache::sync::{Cache as Map, EntryAction};
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use crate::clock::Clock;
use crate::ghosts::Ghosts;
use crate::hot::{Hot, SAMPLE};
use crate::key::Key;
use crate::life::Age;
use crate::predicate::Predicates;
use crate::shim::yield_now;
use crate::stats::{MemoryStats, count};
use crate::stored::Stored;

/// Bytes an entry takes beside its key, its value and what that decodes to: its record, its slot
/// in the map with the spare ones, and the allocator's rounding. `tests/allocations.rs` counts 148
/// to 186 bytes, by how full the map is.
const OVERHEAD: u64 = 192;

/// What is remembered of evicted entries takes up to one in so many bytes of keys and values.
const REMEMBERED: u64 = 32;

/// The copies that foretell the curve take one in so many bytes of the tier, at most so many.
const CURVE: u64 = 32;
const CURVE_MOST: u64 = 2 * 1024 * 1024;

/// What a value is taken to weigh when the map is first sized; it grows as needed.
const TYPICAL_ENTRY: u64 = 4 * 1024;

/// One of fewer entries evicts unevenly.
const SMALLEST_SHARD_ENTRIES: usize = 1_024;

/// The share of the room for entries that were asked for again, and how many evicted ones are
/// remembered for each that fits. Of a grid over all traces of the bench the pair with the fewest
/// rows two points below the best peer; its mean is within 0.03 points of the best pair's.
const HOT: f64 = 0.95;
const GHOSTS: f64 = 1.0;

/// A sweep lets others go first after so many entries.
const PACE: usize = 256;

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
    map: Map<Named, Stored, Weigher, DefaultHashBuilder, CountEvictions>,
    capacity: u64,
    /// What of it is for entries.
    room: u64,
    weigher: Weigher,
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
        let weigher = Weigher { least: entries.map_or(0, |entries| room / entries as u64) };
        let options = OptionsBuilder::new()
            .shards((cores * 4).min(most).max(1))
            .estimated_items_capacity(items.clamp(32, 1 << 20))
            .weight_capacity(room)
            .hot_allocation(HOT)
            .ghost_allocation(GHOSTS)
            .build()
            .unwrap_or_else(|_| unreachable!("both required options are set"));
        let map = Map::with_options(
            options,
            weigher.clone(),
            DefaultHashBuilder::default(),
            CountEvictions,
        );
        Self {
            map,
            capacity,
            room,
            weigher,
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
            self.ghosts.refer(tag, self.weigher.weigh(stored));
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
        let fits = self.weigher.weigh(stored) <= self.room;
        if !fits || !stored.valid() {
            return false;
        }
        self.map.insert(Named(stored.clone()), stored.clone());
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
        self.map.iter().filter(|(_, stored)| is_meant(stored) && valid(stored)).count()
    }

    /// Walks through the entries and drops what a predicate covers, until there is none left.
    pub(crate) async fn sweep(&self) {
        while let Some(predicates) = self.predicates.to_sweep() {
            for (visited, (_, stored)) in self.map.iter().enumerate() {
                if !stored.escapes(Some(&predicates)) {
                    self.drop_dead(&stored, true);
                }
                if visited % PACE == PACE - 1 {
                    yield_now().await;
                }
            }
            self.predicates.retire(&predicates);
        }
    }

    /// Drops a key.
    pub(crate) fn remove(&self, key: &Key) {
        if let Some((_, stored)) = self.map.remove(key.as_bytes()) {
            count(&stored.namespace().counters.removed);
            self.forget(&stored);
        }
    }

    fn forget(&self, stored: &Stored) {
        stored.tag().into_iter().for_each(|tag| self.ghosts.forget(tag));
    }

    /// Charges a decoded value to its entry, when the entry is still here, and makes room for it.
    pub(crate) fn charge(&self, stored: &Stored, bytes: u32) {
        // The callback runs under the shard's lock and the map weighs the entry before and after.
        let charged = |_: &Named, resident: &mut Stored| {
            if resident.is(stored) {
                resident.charge(bytes);
            }
            EntryAction::Retain(())
        };
        drop(self.map.entry(&Named(stored.clone()), Some(Duration::ZERO), charged));
        if self.map.weight() > self.room {
            self.map.set_capacity(self.room);
        }
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

/// An entry found by its key, so that the map keeps no copy of that.
#[derive(Clone)]
struct Named(Stored);

impl Borrow<[u8]> for Named {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self.0.key()
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for Named {}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

/// Weighs an entry by the memory it takes, or by its share where entries are bounded, too.
#[derive(Clone)]
struct Weigher {
    least: u64,
}

impl Weigher {
    fn weigh(&self, stored: &Stored) -> u64 {
        let own = OVERHEAD + stored.weight() + stored.len() / REMEMBERED;
        own.max(self.least)
    }
}

impl Weighter<Named, Stored> for Weigher {
    fn weight(&self, _key: &Named, stored: &Stored) -> u64 {
        self.weigh(stored)
    }
}

/// Counts what is evicted; frees it after the shard's lock is released.
#[derive(Clone)]
struct CountEvictions;

impl Lifecycle<Named, Stored> for CountEvictions {
    type RequestState = Vec<Stored>;

    fn on_evict(&self, evicted: &mut Self::RequestState, _key: Named, stored: Stored) {
        count(&stored.namespace().counters.evictions);
        evicted.push(stored);
    }
}
