//! How things are called in Redis.
//!
//! ```text
//! {prefix}{group}v:key        the record of an entry
//! {prefix}{group}g:scope      the generation of a scope, or of a single key
//! {prefix}{group}l:key:seen   the lease of the process that loads the entry
//! {prefix}{log}               the log of invalidations
//! {prefix}{log}mark           up to where the source's changes are in it
//! ```
//! A name's *group* is made of its first two parts: `video/42` for the scope `video/42/captions` as
//! for the key `video/42/window/0-30`. It stands in braces, so all of a group is in one slot of a
//! cluster and is read by one command. A [`scope_id`](crate::entry::scope_id) begins with its
//! group, so a generation is found by what a record says.

use crate::entry::{group_of, key_scope_id};
use crate::key::Key;

/// Slots of a cluster.
const SLOTS: u16 = 16_384;

/// The longest prefix, in bytes.
const LONGEST_PREFIX: usize = 64;

/// The name of one thing in Redis, and the slot it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) slot: u16,
}

/// All names begin with the same prefix.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
    pub(super) log: Name,
    pub(super) mark: Name,
}

impl Names {
    /// Names with this prefix; `None` when it is empty, too long or has characters that a name may
    /// not have.
    pub(super) fn new(prefix: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_graphic() && !"{}*?[]\\".contains(c);
        let fine = (1..=LONGEST_PREFIX).contains(&prefix.len()) && prefix.chars().all(plain);
        let log = Name { text: format!("{prefix}{{log}}"), slot: slot(b"log") };
        let mark = Name { text: format!("{}mark", log.text), ..log };
        fine.then(|| Self { prefix: prefix.to_owned(), log, mark })
    }

    /// The record of a key.
    pub(super) fn record(&self, key: &Key) -> Name {
        self.record_of(key, key_scope_id(key))
    }

    /// The same for who knows the id of the key's own scope.
    pub(super) fn record_of(&self, key: &Key, own: u64) -> Name {
        let [first, second] = digest(key);
        self.grouped(own, "v:", &[first, second])
    }

    /// The generation of a scope, by its id.
    pub(super) fn generation(&self, scope: u64) -> Name {
        self.grouped(scope, "g:", &[scope])
    }

    /// The lease of a key by who saw the same generations, which `seen` stands for.
    pub(super) fn lease(&self, key: &Key, seen: u64) -> Name {
        let [first, second] = digest(key);
        self.grouped(key_scope_id(key), "l:", &[first, second, seen])
    }

    /// A name that ends with numbers. A look spells several of them: this costs one allocation.
    fn grouped(&self, scope: u64, what: &str, numbers: &[u64]) -> Name {
        let group = hex(u64::from(group_of(scope)));
        let group = group.get(8..).unwrap_or_default();
        let length = self.prefix.len() + group.len() + what.len() + 2 + 16 * numbers.len();
        let mut text = String::with_capacity(length);
        text.push_str(&self.prefix);
        text.push('{');
        text.extend(group.iter().copied().map(char::from));
        text.push('}');
        text.push_str(what);
        text.extend(numbers.iter().flat_map(|number| hex(*number)).map(char::from));
        Name { text, slot: slot(group) }
    }
}

/// What stands for a key in names; the record has the key in full.
fn digest(key: &Key) -> [u64; 2] {
    let digest = blake3::hash(key.as_bytes());
    let mut halves = digest.as_bytes().chunks_exact(8).filter_map(|half| half.try_into().ok());
    std::array::from_fn(|_| halves.next().map_or(0, u64::from_le_bytes))
}

/// A number as 16 digits.
fn hex(number: u64) -> [u8; 16] {
    std::array::from_fn(|at| {
        let digit = (number >> (60 - 4 * at)) as u8 & 15;
        if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
    })
}

/// What a byte adds to a checksum: CRC-16/XMODEM, as the cluster specification says.
const CRC: [u16; 256] = {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// The slot of what stands in braces.
fn slot(tag: &[u8]) -> u16 {
    let step = |crc: u16, byte: &u8| {
        let at = usize::from((crc >> 8) as u8 ^ byte);
        (crc << 8) ^ CRC.get(at).copied().unwrap_or_default()
    };
    tag.iter().fold(0, step) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::scope_id;
    use crate::key::Scope;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(slot(b"123456789"), 0x31C3);
        assert_eq!(slot(b"foo"), 12_182);
    }

    #[test]
    fn numbers_are_spelled_as_by_the_standard_library() {
        for number in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(String::from_utf8_lossy(&hex(number)), format!("{number:016x}"));
        }
        let name = Names::new("p:").unwrap().generation(0x0123_4567_89ab_cdef);
        assert_eq!(name.text, "p:{01234567}g:0123456789abcdef");
        assert_eq!(name.slot, slot(b"01234567"));
    }

    #[test]
    fn all_of_a_video_is_in_one_slot() {
        let names = Names::new("rushes:").unwrap();
        let captions = scope_id(&Scope::new("video/42/captions"));
        let video = names.generation(scope_id(&Scope::new("video/42")));
        let record = names.record(&Key::new("records", "video/42/window/0-30"));
        assert_eq!(video.slot, names.generation(captions).slot);
        assert_eq!(video.slot, record.slot);
        assert_ne!(video.text, names.generation(captions).text);
        let other = names.record(&Key::new("records", "video/43/window/0-30"));
        assert_ne!(video.slot, other.slot);
        assert!(record.text.starts_with("rushes:{") && record.text.contains("}v:"), "{record:?}");
    }

    #[test]
    fn a_prefix_that_would_break_the_names_is_refused() {
        for wrong in ["", "a{b", "a}", "a*", "a b", "ü", &"x".repeat(65)] {
            assert!(Names::new(wrong).is_none(), "{wrong:?}");
        }
    }
}
