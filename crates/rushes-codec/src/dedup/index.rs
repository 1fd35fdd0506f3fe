//! Search among perceptual hashes by bits that differ.
//!
//! [`Index`] gives exactly what a scan of all hashes would, without the scan. It is multi-index
//! hashing (Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing",
//! 2012): a hash is cut into four words of 16 bits, and each word has a table of its own. Two hashes
//! that differ in at most `r` bits differ in at most `r / 4` of them within some word, so it is
//! enough to look where a word is that near. At `r = 3` that is one bucket a table.
//!
//! ```
//! use rushes_codec::dedup::Index;
//!
//! let mut index = Index::default();
//! index.insert(0b1111, 7);
//! index.insert(0xffff_0000_ffff_0000, 8);
//! let near = index.within(0b1101, 3);
//! assert_eq!((near[0].id, near[0].distance), (7, 1));
//! assert_eq!(near.len(), 1);
//! ```

/// Words of a hash, each with a table.
const WORDS: usize = 4;
/// Buckets of a table: one for each value of a word.
const BUCKETS: usize = 1 << 16;
/// From this distance between words on, looking everywhere costs less than looking around.
const FAR: u32 = 4;

/// One hash with the number that its owner gave it. Twelve bytes: the hash lies in halves, or the
/// alignment of eight would make it sixteen.
#[derive(Clone, Copy, Debug)]
struct Slot {
    id: u32,
    high: u32,
    low: u32,
}

impl Slot {
    fn hash(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

/// A hash that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Near {
    /// Bits by which it differs, 0 to 64.
    pub distance: u32,
    /// The number that it was inserted with.
    pub id: u32,
}

/// 64-bit hashes, found by nearness. Each of a million takes 63 bytes, each of ten millions 51; the
/// empty index takes 6 MB.
#[derive(Clone, Debug)]
pub struct Index {
    tables: Vec<Vec<Slot>>,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { tables: vec![Vec::new(); WORDS * BUCKETS], len: 0 }
    }
}

impl Index {
    /// Hashes held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a hash. Hashes and numbers may repeat; each pair that was added is found.
    pub fn insert(&mut self, hash: u64, id: u32) {
        let slot = Slot { id, high: (hash >> 32) as u32, low: hash as u32 };
        for word in 0..WORDS {
            if let Some(bucket) = self.tables.get_mut(place(hash, word)) {
                // Doubling would leave a third of the memory unused.
                if bucket.len() == bucket.capacity() {
                    bucket.reserve_exact(1 + bucket.len() / 16);
                }
                bucket.push(slot);
            }
        }
        self.len += 1;
    }

    /// Takes away a pair that was added; whether there was one. Of equal pairs one goes.
    pub fn remove(&mut self, hash: u64, id: u32) -> bool {
        let mut found = false;
        for word in 0..WORDS {
            if let Some(bucket) = self.tables.get_mut(place(hash, word))
                && let Some(at) = bucket.iter().position(|s| s.id == id && s.hash() == hash)
            {
                bucket.swap_remove(at);
                found = true;
            }
        }
        self.len -= usize::from(found);
        found
    }

    /// All hashes that differ in at most `radius` bits, nearest first, then by number.
    pub fn within(&self, hash: u64, radius: u32) -> Vec<Near> {
        let mut found = Vec::new();
        let slack = radius / WORDS as u32;
        if slack >= FAR {
            let all = self.tables.iter().take(BUCKETS).flatten();
            found.extend(all.filter_map(|slot| near(slot, hash, radius)));
        } else {
            for word in 0..WORDS {
                self.look(hash, word, slack, radius, &mut found);
            }
        }
        found.sort_unstable();
        found
    }

    /// Looks around one word of the hash.
    fn look(&self, hash: u64, word: usize, slack: u32, radius: u32, found: &mut Vec<Near>) {
        // What an earlier table gave is not given again.
        let given = |slot: &Slot| (0..word).any(|w| apart(slot.hash(), hash, w) <= slack);
        for flips in flips(slack) {
            let bucket = self.tables.get(place(hash ^ flips << (16 * word), word));
            let near = bucket.into_iter().flatten().filter(|slot| !given(slot));
            found.extend(near.filter_map(|slot| self::near(slot, hash, radius)));
        }
    }
}

fn near(slot: &Slot, hash: u64, radius: u32) -> Option<Near> {
    let distance = (slot.hash() ^ hash).count_ones();
    (distance <= radius).then_some(Near { distance, id: slot.id })
}

/// Bits by which two hashes differ in one word.
fn apart(one: u64, other: u64, word: usize) -> u32 {
    ((one ^ other) >> (16 * word) & 0xffff).count_ones()
}

fn place(hash: u64, word: usize) -> usize {
    word * BUCKETS + (hash >> (16 * word) & 0xffff) as usize
}

/// All words of 16 bits with at most `most` bits set, below [`FAR`].
fn flips(most: u32) -> impl Iterator<Item = u64> {
    let bits = |lowest: u32| (lowest..16).map(|bit| (1_u64 << bit, bit + 1));
    let one = bits(0).filter(move |_| most >= 1);
    one.clone()
        .flat_map(move |(first, next)| {
            let two = bits(next).filter(move |_| most >= 2);
            let three = two.clone().flat_map(move |(second, next)| {
                bits(next).filter(move |_| most >= 3).map(move |(third, _)| second | third)
            });
            two.map(|(second, _)| second).chain(three).map(move |rest| first | rest)
        })
        .chain(one.map(|(first, _)| first))
        .chain(std::iter::once(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(all: &[(u64, u32)], hash: u64, radius: u32) -> Vec<Near> {
        let distance = |other: u64| (other ^ hash).count_ones();
        let mut found: Vec<_> = all
            .iter()
            .map(|&(other, id)| Near { distance: distance(other), id })
            .filter(|near| near.distance <= radius)
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn the_words_around_one_are_all_of_them_and_each_once() {
        for most in 0..FAR {
            let mut made: Vec<_> = flips(most).collect();
            made.sort_unstable();
            let due: Vec<_> =
                (0..BUCKETS as u64).filter(|word| word.count_ones() <= most).collect();
            assert_eq!(made, due, "up to {most} bits");
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_scan_finds(
            seeds in prop::collection::vec(any::<u64>(), 1..20),
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u32, any::<u64>()), 0..200),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            asked in any::<prop::sample::Index>(),
            noise in any::<u64>(),
            radius in 0..=64_u32,
        ) {
            // Around a few seeds, so that near ones are many: `and` thins out the flipped bits.
            let mut all: Vec<(u64, u32)> = changes
                .iter()
                .zip(0..)
                .map(|((seed, thin, flips), id)| {
                    let flips = (0..*thin).fold(*flips, |f, turn| f & flips.rotate_left(7 * turn + 7));
                    (seed.get(&seeds) ^ flips, id % 150)
                })
                .collect();
            let mut index = Index::default();
            all.iter().for_each(|&(hash, id)| index.insert(hash, id));
            for at in removed {
                if !all.is_empty() {
                    let (hash, id) = all.swap_remove(at.index(all.len()));
                    prop_assert!(index.remove(hash, id));
                }
            }
            prop_assert_eq!(index.len(), all.len());
            let hash = asked.get(&seeds) ^ (noise & noise.rotate_left(9) & noise.rotate_left(23));
            prop_assert_eq!(index.within(hash, radius), scan(&all, hash, radius));
        }
    }

    #[test]
    fn what_was_never_there_is_not_removed() {
        let mut index = Index::default();
        index.insert(5, 1);
        assert!(!index.remove(5, 2) && !index.remove(4, 1));
        assert_eq!((index.len(), index.remove(5, 1), index.is_empty()), (1, true, true));
    }
}
