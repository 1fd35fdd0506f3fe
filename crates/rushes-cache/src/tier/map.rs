//! The map of the memory tier: shards behind locks of their own.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::eviction::{Policy, Shard, Weighed};
use crate::shim::RwLock;
use crate::stored::Stored;

/// Bytes an entry takes beside its key, its value and what that decodes to: its record, its slot
/// in the map with the spare ones, and the allocator's rounding. `tests/allocations.rs` counts 129
/// to 151 bytes until something is evicted, by how full the map is.
const OVERHEAD: u64 = 192;

/// What is remembered of evicted entries takes up to one in so many bytes of keys and values.
const REMEMBERED: u64 = 32;

/// Slots that are looked through under one lock.
const PAGE: usize = 256;

/// Entries by their keys.
pub(crate) struct Map {
    /// As many as a power of two.
    shards: Box<[RwLock<Shard<Stored>>]>,
    hasher: RandomState,
}

impl Map {
    /// A map for entries that take at most `room` bytes together, and at least `least` each, about
    /// so many, in at most so many shards.
    pub(crate) fn new(room: u64, least: u64, entries: usize, shards: usize) -> Self {
        let shards = 1_usize << shards.max(1).ilog2();
        let each = room.div_ceil(shards as u64);
        let shard = |_| RwLock::new(Shard::new(each, least, entries.div_ceil(shards)));
        Self { shards: (0..shards).map(shard).collect(), hasher: RandomState::default() }
    }

    /// The entry of a key, which counts as asked for.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<Stored> {
        let (hash, shard) = self.find(key);
        shard.read().get(hash, |stored| stored.key() == key).cloned()
    }

    /// The same without that it counts.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<Stored> {
        let (hash, shard) = self.find(key);
        shard.read().peek(hash, |stored| stored.key() == key).cloned()
    }

    /// Takes an entry in, in place of the one with its key; answers those that had to leave.
    pub(crate) fn insert(&self, entry: Stored, policy: Policy) -> Vec<Stored> {
        let (hash, shard) = self.find(entry.key());
        let key = entry.clone();
        let is = |other: &Stored| other.key() == key.key();
        let mut gone = Vec::new();
        // The lock is released before anything is freed.
        let _replaced = shard.write().insert(hash, entry, is, policy, &mut |left| gone.push(left));
        gone
    }

    /// Takes the entry of a key out, if it `is_meant`.
    pub(crate) fn remove_if(
        &self,
        key: &[u8],
        is_meant: impl Fn(&Stored) -> bool,
    ) -> Option<Stored> {
        let (hash, shard) = self.find(key);
        shard.write().remove(hash, |stored| stored.key() == key && is_meant(stored))
    }

    /// Charges decoded bytes to this very entry, if it is here; answers those that had to leave.
    pub(crate) fn charge(&self, entry: &Stored, bytes: u32, policy: Policy) -> Vec<Stored> {
        let (hash, shard) = self.find(entry.key());
        let mut gone = Vec::new();
        let charge = |resident: &mut Stored| resident.charge(bytes);
        let is = |resident: &Stored| resident.is(entry);
        shard.write().change(hash, is, charge, policy, &mut |left| gone.push(left));
        gone
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// What they weigh.
    pub(crate) fn weight(&self) -> u64 {
        self.shards.iter().map(|shard| shard.read().weight()).sum()
    }

    /// All entries, some at a time and no lock held in between. Each that is here all the while is
    /// among them.
    pub(crate) fn pages(&self) -> impl Iterator<Item = Vec<Stored>> {
        self.shards.iter().flat_map(|shard| {
            (0..).step_by(PAGE).map_while(|from| {
                let shard = shard.read();
                Some(shard.entries(from, from + PAGE)?.cloned().collect())
            })
        })
    }

    #[inline]
    fn find(&self, key: &[u8]) -> (u64, &RwLock<Shard<Stored>>) {
        let hash = self.hasher.hash_one(key);
        // The shard goes by the upper half: the lower one is the shard's.
        let index = (hash >> 32) as usize & (self.shards.len() - 1);
        // There is at least one, and the index is below their number.
        (hash, &self.shards[index])
    }
}

impl Weighed for Stored {
    fn weight(&self) -> u64 {
        OVERHEAD + Self::weight(self) + self.len() / REMEMBERED
    }
}
