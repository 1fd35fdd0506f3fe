//! Which keys are hit most, by a sample of the hits; and the list of them that a restart begins
//! with.
//!
//! ```text
//! magic and version  8 bytes  b"RUSHHOT1"
//! digest            16 bytes  BLAKE3 of all that follows, cut
//! for each key, the hottest first: its length (4), its bytes, the number of its scopes (4), and
//! for each of these its length (4) and its name
//! ```

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::batch::Wanted;
use crate::key::{Key, Scope};

/// One hit in so many is looked at.
pub(crate) const SAMPLE: u64 = 32;
/// Keys that are counted at a time.
const MOST: usize = 2_048;

const MAGIC: &[u8; 8] = b"RUSHHOT1";
const DIGEST: usize = 16;

/// A key that is hit often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotKey {
    /// The key.
    pub key: Key,
    /// About how many hits it got lately.
    pub hits: u64,
}

/// Counts of sampled hits.
#[derive(Debug)]
pub(crate) struct Hot(Mutex<HashMap<Key, u32>>);

impl Default for Hot {
    fn default() -> Self {
        // Once and for all: a hit allocates nothing.
        Self(Mutex::new(HashMap::with_capacity(MOST)))
    }
}

impl Hot {
    /// Counts a hit. When somebody else is about to, it is left out: it is a sample anyway.
    pub(crate) fn note(&self, key: &Key) {
        let Ok(mut counts) = self.0.try_lock() else { return };
        if let Some(count) = counts.get_mut(key) {
            *count = count.saturating_add(1);
            return;
        }
        if counts.len() >= MOST {
            // Older hits count half, and the rarest go.
            counts.retain(|_, count| {
                *count /= 2;
                *count > 0
            });
        }
        if counts.len() < MOST {
            counts.insert(key.clone(), 1);
        }
    }

    /// The hottest keys, the hottest first.
    pub(crate) fn top(&self, most: usize) -> Vec<HotKey> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hot = |(key, count): (&Key, &u32)| HotKey {
            key: key.clone(),
            hits: u64::from(*count) * SAMPLE,
        };
        let mut all: Vec<_> = counts.iter().map(hot).collect();
        drop(counts);
        all.sort_by(|a, b| {
            b.hits.cmp(&a.hits).then_with(|| a.key.as_bytes().cmp(b.key.as_bytes()))
        });
        all.truncate(most);
        all
    }
}

/// Writes a list of keys for the next start.
pub(crate) fn write(path: &Path, list: &[Wanted]) -> io::Result<()> {
    let mut body = Vec::new();
    for Wanted { key, scopes } in list {
        push(&mut body, key.as_bytes());
        body.extend_from_slice(&length(scopes.len()));
        scopes.iter().for_each(|scope| push(&mut body, scope.name().as_bytes()));
    }
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, [MAGIC, digest(&body).as_slice(), &body].concat())?;
    std::fs::rename(fresh, path)
}

/// Reads it back; an empty list when there is none, or it is torn.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Wanted>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(parse(&bytes).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse(bytes: &[u8]) -> Option<Vec<Wanted>> {
    let (expected, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<DIGEST>()?;
    if digest(body) != *expected {
        return None;
    }
    let (mut list, mut rest) = (Vec::new(), body);
    while !rest.is_empty() {
        let (key, behind) = part(rest)?;
        let (count, mut behind) = behind.split_first_chunk::<4>()?;
        let mut scopes = Vec::new();
        for _ in 0..u32::from_le_bytes(*count) {
            let (name, next) = part(behind)?;
            scopes.push(Scope::new(str::from_utf8(name).ok()?));
            behind = next;
        }
        list.push(Wanted { key: Key::from_bytes(key), scopes });
        rest = behind;
    }
    Some(list)
}

fn push(body: &mut Vec<u8>, part: &[u8]) {
    body.extend_from_slice(&length(part.len()));
    body.extend_from_slice(part);
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn digest(body: &[u8]) -> [u8; DIGEST] {
    let mut digest = [0; DIGEST];
    blake3::Hasher::new().update(body).finalize_xof().fill(&mut digest);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> Key {
        Key::new("n", n.to_string())
    }

    #[test]
    fn the_hot_keys_are_found_among_many_cold_ones() {
        let hot = Hot::default();
        for n in 0..100_000 {
            hot.note(&key(n));
            hot.note(&key(n % 10));
        }
        let top = hot.top(10);
        let mut found: Vec<_> = top.iter().map(|hot| hot.key.clone()).collect();
        found.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        assert_eq!(found, (0..10).map(key).collect::<Vec<_>>());
        assert!(hot.top(usize::MAX).len() <= MOST);
    }

    #[test]
    fn a_list_is_read_as_it_was_written_and_a_torn_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hot");
        assert!(read(&path).unwrap().is_empty());
        let list = [
            Wanted { key: key(1), scopes: vec![Scope::new("a"), Scope::new("b/c")] },
            Wanted { key: Key::new("", [0u8, 255]), scopes: vec![] },
        ];
        write(&path, &list).unwrap();
        let found = read(&path).unwrap();
        assert_eq!(
            found.iter().map(|one| &one.key).collect::<Vec<_>>(),
            [&list[0].key, &list[1].key]
        );
        assert_eq!((&found[0].scopes, &found[1].scopes), (&list[0].scopes, &list[1].scopes));
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length]).is_none_or(|list| list.is_empty()));
        }
        for at in 0..bytes.len() {
            let mut torn = bytes.clone();
            torn[at] ^= 1;
            assert!(parse(&torn).is_none(), "byte {at}");
        }
    }
}
