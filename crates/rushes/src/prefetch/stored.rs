//! What was learned, on disk: a small file in the library, checked by its envelope. One that is
//! damaged or of another version is as good as none.

use std::io::Write;
use std::path::Path;

use rushes_codec::envelope::{self, Algorithm};
use rushes_store::Kind;
use serde::{Deserialize, Serialize};

use super::moves::{CONTEXTS, Kept, Moves};

const FILE: &str = "moves.bin";
/// Changes with everything that changes what the numbers mean.
const VERSION: u32 = 1;
/// The most that a file may hold once unpacked, bytes.
const MOST: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Learned {
    version: u32,
    kinds: Vec<Kind>,
    contexts: Vec<Kept>,
}

/// The file's bytes.
pub(super) fn bytes(moves: &Moves, kinds: &[Kind]) -> Vec<u8> {
    let learned = Learned { version: VERSION, kinds: kinds.to_vec(), contexts: moves.kept() };
    let json = serde_json::to_vec(&learned).unwrap_or_default();
    envelope::seal(&json, Algorithm::Zstd).unwrap_or_default()
}

/// Replaces the file as a whole.
pub(super) fn save(library: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(library)?;
    file.write_all(bytes)?;
    file.persist(library.join(FILE))?;
    Ok(())
}

/// What was learned before, if anything can be read.
pub(super) fn load(library: &Path) -> Option<(Moves, Vec<Kind>)> {
    let json = envelope::open(&std::fs::read(library.join(FILE)).ok()?, MOST).ok()?;
    let learned: Learned = serde_json::from_slice(&json).ok()?;
    let Learned { version, kinds, contexts } = learned;
    (version == VERSION).then(|| (Moves::of(contexts, CONTEXTS), kinds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefetch::moves::{Access, Trail};

    #[test]
    fn what_was_learned_comes_back_and_damage_is_as_good_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load(folder.path()).is_none());
        let mut moves = Moves::new(CONTEXTS);
        let mut trail = Trail::default();
        for first in 0..50 {
            moves.learn(&mut trail, Access { kind: 1, first, last: first });
        }
        let kinds = ["caption", "frame"].map(|name| Kind::new(name).unwrap());
        save(folder.path(), &bytes(&moves, &kinds)).unwrap();
        let (again, known) = load(folder.path()).unwrap();
        assert_eq!(known, kinds);
        assert_eq!(again.predict(&trail, 0.5).0, moves.predict(&trail, 0.5).0);
        assert!(!again.predict(&trail, 0.5).0.is_empty());

        let mut damaged = bytes(&moves, &kinds);
        damaged[60] ^= 1;
        save(folder.path(), &damaged).unwrap();
        assert!(load(folder.path()).is_none());
    }
}
