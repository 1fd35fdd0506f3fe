//! The record of an entry as the tiers below memory keep it.
//!
//! ```text
//! magic and version  8 bytes  b"RUSHENT4"
//! digest            16 bytes  XXH3 of all that follows: against torn and rotten bytes, not forgers
//! created            8 bytes  milliseconds since 1970
//! soft               8 bytes  milliseconds since 1970, all ones: never
//! expires            8 bytes  the same
//! kept               8 bytes  the same
//! cost               4 bytes  microseconds that the load took, all ones: that or more
//! flags              1 byte   1: known not to exist
//! scopes             1 byte   how many generations follow
//! key                4 bytes  length
//! value              4 bytes  length
//! generations       16 bytes each: name of the scope (hashed), number seen before the load
//! key, value
//! ```
//! Numbers are little-endian. A record of another version has another magic and is a miss.

use std::sync::LazyLock;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_128;

use crate::clock::Millis;
use crate::key::{Key, Scope};

const MAGIC: &[u8; 8] = b"RUSHENT4";
const DIGEST: usize = 16;
/// Bytes in front of the generations.
pub(crate) const HEADER: usize = MAGIC.len() + DIGEST + 4 * 8 + 4 + 1 + 1 + 4 + 4;
const ABSENT: u8 = 1;

/// The most scopes that an entry below memory can carry.
pub const MOST_SCOPES: usize = 255;

/// A value on its way to or from a tier. Moments are milliseconds since 1970; promotion carries
/// them all, so that an entry has one clock in every tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The bytes; `None` when the thing is known not to exist.
    pub bytes: Option<Bytes>,
    /// When its load began.
    pub created: Millis,
    /// From when on whoever meets it refreshes it in the background; `None`: never.
    pub soft: Option<Millis>,
    /// Until when it may be served as fresh; `None`: until invalidated.
    pub expires: Option<Millis>,
    /// Until when tiers keep it; `None`: until invalidated. Between `expires` and this moment it
    /// stands in when the source fails.
    pub kept: Option<Millis>,
    /// Microseconds that its load took.
    pub cost: u32,
}

impl Entry {
    /// An entry that is fresh until it is invalidated.
    pub fn new(bytes: Option<Bytes>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// The same entry, fresh until a moment and kept no longer.
    pub fn until(self, expires: Millis) -> Self {
        Self { expires: Some(expires), kept: Some(expires), ..self }
    }

    /// The same entry, kept no longer than a moment.
    pub(crate) fn at_most(self, moment: Millis) -> Self {
        let bounded = |own: Option<Millis>| Some(own.map_or(moment, |own| own.min(moment)));
        Self { expires: bounded(self.expires), kept: bounded(self.kept), ..self }
    }

    /// Whether a tier still keeps it at the moment `wall`.
    pub fn is_kept(&self, wall: Millis) -> bool {
        self.kept.is_none_or(|kept| wall < kept)
    }

    /// Whether it is fresh at the moment `wall`.
    pub fn is_fresh(&self, wall: Millis) -> bool {
        self.expires.is_none_or(|expires| wall < expires)
    }
}

/// A scope's generation that was seen before a load began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// [`scope_id`] of the scope.
    pub(crate) scope: u64,
    /// The number.
    pub(crate) generation: u64,
}

/// A scope's name as records spell it: its group (first half) and itself. Two names that meet here
/// are invalidated together, which costs a load and never serves anything stale.
pub(crate) fn scope_id(scope: &Scope) -> u64 {
    let name = scope.name().as_bytes();
    grouped(name, cut(blake3::hash(name).as_bytes()))
}

/// The scope that is a key's own; in its group.
pub(crate) fn key_scope_id(key: &Key) -> u64 {
    // Another domain than that of scopes' names.
    static DOMAIN: LazyLock<blake3::Hasher> =
        LazyLock::new(|| blake3::Hasher::new_derive_key("rushes-cache 2026 key scope"));
    let own = DOMAIN.clone().update(key.as_bytes()).finalize();
    grouped(key.id(), cut(own.as_bytes()))
}

/// What the ids of all scopes and keys of a group have in common. A name's group is made of its
/// first two parts, as `video/42`.
#[cfg(feature = "redis")]
pub(crate) fn group_of(scope_id: u64) -> u32 {
    (scope_id >> 32) as u32
}

fn grouped(name: &[u8], own: u64) -> u64 {
    let mut slashes = name.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let end = slashes.nth(1).map_or(name.len(), |(at, _)| at);
    let group = blake3::hash(name.get(..end).unwrap_or(name));
    (cut(group.as_bytes()) << 32) | (own & u64::from(u32::MAX))
}

fn cut(digest: &[u8]) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The record of an entry; `None` when it is too large for one.
pub(crate) fn encode(key: &Key, entry: &Entry, seen: &[Seen]) -> Option<Vec<u8>> {
    let value = entry.bytes.as_deref().unwrap_or_default();
    let flags = if entry.bytes.is_none() { ABSENT } else { 0 };
    let mut record = Vec::with_capacity(HEADER + seen.len() * 16 + key.len() + value.len());
    record.extend_from_slice(MAGIC);
    record.extend_from_slice(&[0; DIGEST]);
    for moment in [Some(entry.created), entry.soft, entry.expires, entry.kept] {
        record.extend_from_slice(&moment.unwrap_or(Millis::MAX).to_le_bytes());
    }
    record.extend_from_slice(&entry.cost.to_le_bytes());
    record.extend_from_slice(&[flags, u8::try_from(seen.len()).ok()?]);
    record.extend_from_slice(&u32::try_from(key.len()).ok()?.to_le_bytes());
    record.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
    for Seen { scope, generation } in seen {
        record.extend_from_slice(&scope.to_le_bytes());
        record.extend_from_slice(&generation.to_le_bytes());
    }
    record.extend_from_slice(key.as_bytes());
    record.extend_from_slice(value);
    let digest = digest(&record);
    record.get_mut(MAGIC.len()..MAGIC.len() + DIGEST)?.copy_from_slice(&digest);
    Some(record)
}

/// What a record says, when it is whole and of this version.
pub(crate) struct Decoded {
    pub(crate) key: Key,
    pub(crate) entry: Entry,
    pub(crate) seen: Vec<Seen>,
}

/// Reads a record back; `None` when it is torn, changed, or of another version.
pub(crate) fn decode(record: &Bytes) -> Option<Decoded> {
    let header = Header::read(record)?;
    if record.len() != header.record_length()? || digest(record) != header.digest {
        return None;
    }
    let generations = record.get(HEADER..HEADER + header.scopes * 16)?;
    let key_at = HEADER + header.scopes * 16;
    let value_at = key_at + header.key;
    let bytes = (header.flags & ABSENT == 0).then(|| record.slice(value_at..));
    Some(Decoded {
        key: Key::from_bytes(record.get(key_at..value_at)?),
        entry: Entry { bytes, ..header.times },
        seen: generations.chunks_exact(16).filter_map(read_seen).collect(),
    })
}

/// The fixed part of a record, enough to step over it.
pub(crate) struct Header {
    digest: [u8; DIGEST],
    /// An entry without its bytes.
    times: Entry,
    flags: u8,
    pub(crate) scopes: usize,
    pub(crate) key: usize,
    value: usize,
}

impl Header {
    /// Reads the first [`HEADER`] bytes of a record.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (digest, rest) = rest.split_first_chunk::<DIGEST>()?;
        let (created, rest) = moment(rest)?;
        let (soft, rest) = moment(rest)?;
        let (expires, rest) = moment(rest)?;
        let (kept, rest) = moment(rest)?;
        let (cost, rest) = rest.split_first_chunk::<4>()?;
        let ([flags, scopes], rest) = rest.split_first_chunk::<2>()?;
        let (key, rest) = rest.split_first_chunk::<4>()?;
        let value = rest.first_chunk::<4>()?;
        Some(Self {
            digest: *digest,
            times: Entry {
                bytes: None,
                created: created.unwrap_or(Millis::MAX),
                soft,
                expires,
                kept,
                cost: u32::from_le_bytes(*cost),
            },
            flags: *flags,
            scopes: usize::from(*scopes),
            key: u32::from_le_bytes(*key) as usize,
            value: u32::from_le_bytes(*value) as usize,
        })
    }

    /// Bytes of the whole record.
    pub(crate) fn record_length(&self) -> Option<usize> {
        (HEADER + self.scopes * 16).checked_add(self.key)?.checked_add(self.value)
    }
}

/// A moment and what follows it; all ones mean never.
fn moment(bytes: &[u8]) -> Option<(Option<Millis>, &[u8])> {
    let (moment, rest) = bytes.split_first_chunk::<8>()?;
    let moment = u64::from_le_bytes(*moment);
    Some(((moment != Millis::MAX).then_some(moment), rest))
}

pub(crate) fn read_seen(bytes: &[u8]) -> Option<Seen> {
    let (scope, rest) = bytes.split_first_chunk::<8>()?;
    let generation = rest.first_chunk::<8>()?;
    Some(Seen { scope: u64::from_le_bytes(*scope), generation: u64::from_le_bytes(*generation) })
}

fn digest(record: &[u8]) -> [u8; DIGEST] {
    let covered = record.get(MAGIC.len() + DIGEST..).unwrap_or_default();
    xxh3_128(covered).to_le_bytes()
}

/// The bytes with magic and digest as a record of them would have.
#[cfg(feature = "testing")]
pub(crate) fn mended(bytes: &[u8]) -> Bytes {
    let mut record = bytes.to_vec();
    record.resize(record.len().max(MAGIC.len() + DIGEST), 0);
    let digest = digest(&record);
    let (head, _) = record.split_at_mut(MAGIC.len() + DIGEST);
    let (magic, mark) = head.split_at_mut(MAGIC.len());
    magic.copy_from_slice(MAGIC);
    mark.copy_from_slice(&digest);
    record.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> (Key, Entry, Vec<Seen>) {
        let entry = Entry {
            created: 5,
            soft: Some(60),
            kept: Some(99),
            cost: 1_234,
            ..Entry::new(Some(Bytes::from_static(b"a red door"))).until(77)
        };
        let seen = vec![Seen { scope: 5, generation: 9 }, Seen { scope: 6, generation: 0 }];
        (Key::new("captions", "42"), entry, seen)
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let (key, entry, seen) = sample();
        let record = encode(&key, &entry, &seen).unwrap();
        assert!(decode(&Bytes::from(record.clone())).is_some());
        for bit in 0..record.len() * 8 {
            let mut torn = record.clone();
            torn[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&Bytes::from(torn)).is_none(), "bit {bit}");
        }
        for length in 0..record.len() {
            assert!(decode(&Bytes::copy_from_slice(&record[..length])).is_none());
        }
    }

    #[test]
    fn absent_and_empty_stay_apart() {
        let (key, _, seen) = sample();
        for bytes in [None, Some(Bytes::new())] {
            let entry = Entry::new(bytes);
            let record = Bytes::from(encode(&key, &entry, &seen).unwrap());
            assert_eq!(decode(&record).unwrap().entry, entry);
        }
    }

    #[test]
    fn a_record_of_another_release_is_a_miss() {
        let (key, entry, seen) = sample();
        let mut record = encode(&key, &entry, &seen).unwrap();
        record[..MAGIC.len()].copy_from_slice(b"RUSHENT3");
        assert!(decode(&Bytes::from(record)).is_none());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            namespace in ".{0,20}",
            id in prop::collection::vec(any::<u8>(), 0..300),
            bytes in prop::option::of(prop::collection::vec(any::<u8>(), 0..2000)),
            times in (0..u64::MAX, prop::array::uniform3(prop::option::of(0..u64::MAX))),
            cost: u32,
            seen in prop::collection::vec((any::<u64>(), any::<u64>()), 0..=MOST_SCOPES),
        ) {
            let key = Key::new(&namespace, id);
            let (created, [soft, expires, kept]) = times;
            let bytes = bytes.map(Bytes::from);
            let entry = Entry { bytes, created, soft, expires, kept, cost };
            let seen: Vec<_> =
                seen.into_iter().map(|(scope, generation)| Seen { scope, generation }).collect();
            let read = decode(&Bytes::from(encode(&key, &entry, &seen).unwrap())).unwrap();
            prop_assert_eq!((read.key, read.entry, read.seen), (key, entry, seen));
        }

        #[test]
        fn garbage_is_a_miss(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            prop_assert!(decode(&Bytes::from([MAGIC.to_vec(), bytes].concat())).is_none());
        }
    }
}
