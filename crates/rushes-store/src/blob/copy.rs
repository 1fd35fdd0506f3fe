//! Blobs looked at and copied piece by piece, whatever their size, each checked against its name.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use super::Blobs;
use crate::error::{Error, Result};
use crate::model::BlobHash;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// What is found under a blob's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobState {
    /// The bytes that the name says; so many.
    Sound(u64),
    /// Other bytes.
    Damaged,
    /// Nothing.
    Missing,
}

impl Blobs {
    /// Reads a blob's file to its end and compares it with its name.
    pub fn state(&self, hash: &BlobHash) -> Result<BlobState> {
        self.read(hash, |_| Ok(()))
    }

    /// Copies a blob from another folder, unless it is here already, sound; says what the other
    /// folder had. A file appears under its name only when it is whole, but is not synced to the
    /// disk: whoever copies many does that once, at the end.
    pub fn copy_from(&self, other: &Self, hash: &BlobHash) -> Result<BlobState> {
        if let sound @ BlobState::Sound(_) = self.state(hash)? {
            return Ok(sound);
        }
        let mut file = self.unfinished()?;
        let found = other
            .read(hash, |piece| file.write_all(piece).map_err(|error| self.writing(hash)(error)))?;
        if matches!(found, BlobState::Sound(_)) {
            let path = self.path(hash);
            self.make_place(&path)?;
            file.persist(&path).map_err(|error| self.writing(hash)(error.error))?;
        }
        Ok(found)
    }

    fn read(
        &self,
        hash: &BlobHash,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<BlobState> {
        let path = self.path(hash);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BlobState::Missing),
            Err(error) => return Err(unreadable(&path)(error)),
        };
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        let mut piece = vec![0; PIECE];
        loop {
            let length = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(&path)(error)),
            };
            let read = piece.get(..length).unwrap_or_default();
            hasher.update(read);
            take(read)?;
            bytes += length as u64;
        }
        let same = *hasher.finalize().as_bytes() == hash.0;
        Ok(if same { BlobState::Sound(bytes) } else { BlobState::Damaged })
    }
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    Error::io(format!("read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_what_its_name_says_or_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["a", "b"].map(|name| Blobs::open(folder.path().join(name)).unwrap());
        let large = vec![7; PIECE + 1];
        let (hash, _) = from.put(&large).unwrap();
        assert_eq!(to.copy_from(&from, &hash).unwrap(), BlobState::Sound(large.len() as u64));
        assert_eq!(to.get(&hash).unwrap().unwrap(), large);

        // A copy that was cut off by a power failure is made again; a sound one needs no source.
        std::fs::write(to.path(&hash), b"").unwrap();
        assert_eq!(to.state(&hash).unwrap(), BlobState::Damaged);
        to.copy_from(&from, &hash).unwrap();
        from.remove(&hash).unwrap();
        assert_eq!(to.copy_from(&from, &hash).unwrap(), BlobState::Sound(large.len() as u64));

        let (damaged, _) = from.put(b"picture").unwrap();
        std::fs::write(from.path(&damaged), b"pictur\0").unwrap();
        assert_eq!(to.copy_from(&from, &damaged).unwrap(), BlobState::Damaged);
        assert_eq!(to.copy_from(&from, &BlobHash::of(b"x")).unwrap(), BlobState::Missing);
        assert_eq!(to.list().unwrap(), [(hash, large.len() as u64)]);
    }
}
