//! Files named by the hash of their bytes.

mod copy;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::lock;
use crate::model::BlobHash;

pub use copy::BlobState;

/// A folder of content-addressed files. Writing is atomic (temporary file, sync, rename) and the
/// same bytes are written once. All methods block on the file system.
///
/// A file and the rows that refer to it are written one after the other, so whoever deletes files
/// that no row refers to must not meet somebody who has just found such a file there and is about
/// to write a row. That is what [`Blobs::hold`] and [`Blobs::hold_alone`] are for:
///
/// * to write: `hold`, then [`Blobs::put`] or [`Blobs::adopt`], then commit the rows, then let go;
/// * to delete: `hold_alone`, ask [`crate::Store::unused`] once more which are to go,
///   [`Blobs::remove`] those, let go.
///
/// A process that dies in between leaves a file that no row refers to, never the reverse;
/// [`Blobs::list`] and `unused` find it.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
}

/// Keeps blobs from being deleted (or put, if held alone) by anybody else, in this process or
/// another, until it is dropped or its process dies.
#[derive(Debug)]
pub struct BlobHold {
    _file: File,
}

/// Where files are written before they get their name.
const UNFINISHED: &str = "tmp";
const LOCK: &str = "lock";

impl Blobs {
    /// Opens the folder, making it if it is not there. Unfinished files of processes that died
    /// are swept away if nobody is writing blobs at this moment.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let blobs = Self { root: root.into() };
        make_folder(&blobs.root.join(UNFINISHED))?;
        blobs.sweep()?;
        Ok(blobs)
    }

    /// The folder as it is, for a library that is only read.
    pub fn open_to_read(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Waits until nobody deletes blobs, and keeps it so: others may hold too.
    pub fn hold(&self) -> Result<BlobHold> {
        self.locked(File::lock_shared)
    }

    /// Waits until nobody else holds, and keeps it so.
    pub fn hold_alone(&self) -> Result<BlobHold> {
        self.locked(File::lock)
    }

    fn locked(&self, lock: fn(&File) -> io::Result<()>) -> Result<BlobHold> {
        let path = self.root.join(LOCK);
        let file = lock::open(&path)?;
        lock(&file).map_err(Error::io(format!("lock {}", path.display())))?;
        Ok(BlobHold { _file: file })
    }

    /// Deletes unfinished files. Whoever writes one holds a lock on it.
    fn sweep(&self) -> Result<()> {
        for path in files_in(&self.root.join(UNFINISHED))? {
            let Ok(file) = File::open(&path) else { continue };
            if file.try_lock().is_ok() {
                // Gone already if another process sweeps too.
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }

    /// Stores bytes; says whether they are new. A damaged file of that name is replaced.
    pub fn put(&self, bytes: &[u8]) -> Result<(BlobHash, bool)> {
        let hash = BlobHash::of(bytes);
        if fs::read(self.path(&hash)).is_ok_and(|there| there == bytes) {
            return Ok((hash, false));
        }
        let mut file = self.unfinished()?;
        file.write_all(bytes).map_err(self.writing(&hash))?;
        self.publish(file, &hash)?;
        Ok((hash, true))
    }

    /// Moves (or, across file systems, copies) a file in, whose hash the caller computed. The
    /// file is gone from its place afterwards, also when the bytes were here before.
    pub fn adopt(&self, file: &Path, hash: &BlobHash) -> Result<()> {
        let reading = || Error::io(format!("take in {}", file.display()));
        let source = File::open(file).map_err(reading())?;
        let size = source.metadata().map_err(reading())?.len();
        let path = self.path(hash);
        if fs::metadata(&path).is_ok_and(|there| there.len() == size) {
            return fs::remove_file(file).map_err(reading());
        }
        source.sync_all().map_err(reading())?;
        self.make_place(&path)?;
        match fs::rename(file, &path) {
            Ok(()) => sync_folder(&path),
            Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                self.copy_in(&source, hash)?;
                fs::remove_file(file).map_err(reading())
            }
            Err(error) => Err(reading()(error)),
        }
    }

    fn copy_in(&self, mut source: &File, hash: &BlobHash) -> Result<()> {
        let mut file = self.unfinished()?;
        io::copy(&mut source, &mut file).map_err(self.writing(hash))?;
        self.publish(file, hash)
    }

    /// A temporary file, locked so that no other process sweeps it away.
    fn unfinished(&self) -> Result<NamedTempFile> {
        let folder = self.root.join(UNFINISHED);
        let failed = || Error::io(format!("write a file in {}", folder.display()));
        let file = NamedTempFile::new_in(&folder).map_err(failed())?;
        file.as_file().lock().map_err(failed())?;
        Ok(file)
    }

    fn publish(&self, file: NamedTempFile, hash: &BlobHash) -> Result<()> {
        let path = self.path(hash);
        self.make_place(&path)?;
        file.as_file().sync_all().map_err(self.writing(hash))?;
        file.persist(&path).map_err(|error| self.writing(hash)(error.error))?;
        sync_folder(&path)
    }

    fn make_place(&self, path: &Path) -> Result<()> {
        path.parent().map_or(Ok(()), make_folder)
    }

    fn writing(&self, hash: &BlobHash) -> impl FnOnce(io::Error) -> Error + use<> {
        Error::io(format!("write the blob {}", self.path(hash).display()))
    }

    /// The bytes, checked against their hash; `None` when not there, [`Error::Corrupt`] when
    /// damaged.
    pub fn get(&self, hash: &BlobHash) -> Result<Option<Bytes>> {
        let path = self.path(hash);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(format!("read {}", path.display()))(error)),
        };
        if BlobHash::of(&bytes) != *hash {
            return Err(Error::Corrupt(format!(
                "{} is damaged: its bytes are not what its name says; ingest the video again",
                path.display()
            )));
        }
        Ok(Some(bytes.into()))
    }

    /// Where the file is or would be.
    pub fn path(&self, hash: &BlobHash) -> PathBuf {
        let name = hash.to_string();
        self.root.join(&name[..2]).join(name)
    }

    /// Deletes a blob; returns its size in bytes, 0 when it was not there.
    pub fn remove(&self, hash: &BlobHash) -> Result<u64> {
        let path = self.path(hash);
        let size = fs::metadata(&path).map_or(0, |file| file.len());
        match fs::remove_file(&path) {
            Ok(()) => Ok(size),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::io(format!("delete {}", path.display()))(error)),
        }
    }

    /// All blobs with their sizes in bytes, in no order. Walks the folder.
    pub fn list(&self) -> Result<Vec<(BlobHash, u64)>> {
        let mut blobs = Vec::new();
        for folder in files_in(&self.root)?.into_iter().filter(|path| path.is_dir()) {
            for file in files_in(&folder)? {
                let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let Ok(hash) = BlobHash::parse(name) else { continue };
                blobs.push((hash, fs::metadata(&file).map_or(0, |file| file.len())));
            }
        }
        Ok(blobs)
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::io(format!("make the folder {}", folder.display())))
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = || Error::io(format!("list {}", folder.display()));
    let found: io::Result<Vec<_>> = fs::read_dir(folder).map_err(failed())?.collect();
    Ok(found.map_err(failed())?.iter().map(fs::DirEntry::path).collect())
}

/// Makes a rename survive a power cut. Where folders cannot be synced, the system does without.
fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if cfg!(unix) => Err(Error::io(format!("sync {}", folder.display()))(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        (folder, blobs)
    }

    #[test]
    fn puts_once_and_gets_back() {
        let (_folder, blobs) = blobs();
        let (hash, new) = blobs.put(b"picture").unwrap();
        assert!(new);
        assert_eq!(blobs.put(b"picture").unwrap(), (hash, false));
        assert_eq!(blobs.get(&hash).unwrap().unwrap(), &b"picture"[..]);
        assert_eq!(blobs.list().unwrap(), [(hash, 7)]);
        assert_eq!(blobs.remove(&hash).unwrap(), 7);
        assert_eq!(blobs.remove(&hash).unwrap(), 0);
        assert_eq!(blobs.get(&hash).unwrap(), None);
    }

    #[test]
    fn names_a_damaged_file_and_mends_it_when_put_again() {
        let (_folder, blobs) = blobs();
        let (hash, _) = blobs.put(b"picture").unwrap();
        fs::write(blobs.path(&hash), b"pictur\0").unwrap();
        let error = blobs.get(&hash).unwrap_err();
        assert!(matches!(&error, Error::Corrupt(why) if why.contains(&hash.to_string())));
        assert!(blobs.put(b"picture").unwrap().1);
        assert!(blobs.get(&hash).unwrap().is_some());
    }

    #[test]
    fn adopts_a_file() {
        let (folder, blobs) = blobs();
        let hash = BlobHash::of(b"movie");
        for _ in 0..2 {
            let file = folder.path().join("upload");
            fs::write(&file, b"movie").unwrap();
            blobs.adopt(&file, &hash).unwrap();
            assert!(!file.exists());
            assert_eq!(blobs.get(&hash).unwrap().unwrap(), &b"movie"[..]);
        }
    }

    #[test]
    fn sweeps_what_a_dead_process_left_but_not_what_is_being_written() {
        let (_folder, blobs) = blobs();
        let left = blobs.root.join(UNFINISHED).join("left");
        fs::write(&left, b"half").unwrap();
        let writing = blobs.unfinished().unwrap();
        Blobs::open(&blobs.root).unwrap();
        assert!(!left.exists());
        assert!(writing.path().exists());
    }

    #[test]
    fn deleting_waits_for_those_who_write() {
        let (_folder, blobs) = blobs();
        let (one, two) = (blobs.hold().unwrap(), blobs.hold().unwrap());
        let other = lock::open(&blobs.root.join(LOCK)).unwrap();
        assert!(other.try_lock().is_err());
        drop((one, two));
        let alone = blobs.hold_alone().unwrap();
        assert!(other.try_lock_shared().is_err());
        drop(alone);
        other.try_lock_shared().unwrap();
    }
}
