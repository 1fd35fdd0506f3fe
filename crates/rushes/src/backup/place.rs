//! The folder that a copy of a library goes to: empty, or left by an attempt before.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};

/// The database until the copy is whole.
const PART: &str = "rushes.db.part";
/// Held by whoever fills the folder.
const LOCK: &str = "backup.lock";
/// What SQLite puts beside that.
const BESIDE: [&str; 2] = ["rushes.db.part-wal", "rushes.db.part-shm"];

/// A folder that becomes a library when all is there.
pub(super) struct Place {
    folder: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes a folder that holds nothing, or what an attempt before left; makes it if it is not
    /// there. Not within the folder that is copied, nor around it.
    pub(super) fn take(folder: &Path, from: &Path) -> Result<Self> {
        let failed = |error: io::Error| failed(folder, error);
        check_apart(&std::path::absolute(folder).map_err(failed)?, from)?;
        check_free(folder)?;
        fs::create_dir_all(folder).map_err(failed)?;
        let folder = fs::canonicalize(folder).map_err(failed)?;
        let lock = File::create(folder.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = format!("another backup is being written to {}", folder.display());
                return Err(Error::new(Kind::Busy, text));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Again, now that nobody else finishes one.
        check_free(&folder)?;
        for part in [PART].iter().chain(&BESIDE) {
            match fs::remove_file(folder.join(part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the database is written.
    pub(super) fn part(&self) -> PathBuf {
        self.folder.join(PART)
    }

    /// Refuses to begin what would not fit.
    pub(super) fn check_room(&self, bytes: u64) -> Result<()> {
        let Ok(disk) = rustix::fs::statvfs(&self.folder) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free >= bytes {
            return Ok(());
        }
        let folder = self.folder.display();
        Err(Error::invalid(format!(
            "{folder} has room for {free} bytes and {bytes} are needed: free some, or name a \
             folder on another disk"
        )))
    }

    /// Makes the folder a library: from now on the database has its name.
    pub(super) fn publish(self) -> Result<PathBuf> {
        let Self { folder, _lock } = self;
        let failed = |error: io::Error| failed(&folder, error);
        let open = File::open(&folder).map_err(failed)?;
        // All files at once: one after the other would take longer than the copying.
        sync(&open).map_err(failed)?;
        fs::rename(folder.join(PART), folder.join("rushes.db")).map_err(failed)?;
        fs::remove_file(folder.join(LOCK)).map_err(failed)?;
        open.sync_all().map_err(failed)?;
        Ok(folder)
    }
}

#[cfg(target_os = "linux")]
fn sync(folder: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "it is the other one's place")]
fn sync(_: &File) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

fn failed(folder: &Path, error: io::Error) -> Error {
    let text = format!("cannot write to {}: {error}", folder.display());
    Error::caused(Kind::Internal, text, error)
}

/// Refuses a folder within the one that is copied, which would copy itself, or around it.
fn check_apart(folder: &Path, from: &Path) -> Result<()> {
    let there = folder.ancestors().find_map(|place| fs::canonicalize(place).ok());
    let Ok(from) = fs::canonicalize(from) else { return Ok(()) };
    let within = there.as_ref().is_some_and(|place| place.starts_with(&from));
    let around = fs::canonicalize(folder).is_ok_and(|folder| from.starts_with(folder));
    if within || around {
        let (folder, from) = (folder.display(), from.display());
        return Err(Error::invalid(format!(
            "{folder} and {from} lie within each other: name a folder apart"
        )));
    }
    Ok(())
}

/// Whether an attempt before may have left this.
fn left_before(name: &OsStr) -> bool {
    [PART, LOCK, "blobs"].iter().chain(&BESIDE).any(|own| name == *own)
}

/// Refuses a folder that holds anything but what an attempt before left.
fn check_free(folder: &Path) -> Result<()> {
    if folder.join("rushes.db").is_file() {
        return Err(Error::invalid(format!(
            "{} holds a library already, which is left as it is: name another folder",
            folder.display()
        )));
    }
    let items = match fs::read_dir(folder) {
        Ok(items) => items,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let text = format!("{}: {error}; name a folder", folder.display());
            return Err(Error::caused(Kind::Invalid, text, error));
        }
    };
    for item in items {
        let name = item.map_err(|error| failed(folder, error))?.file_name();
        if !left_before(&name) {
            return Err(Error::invalid(format!(
                "{} holds other things ({}): name a folder that is empty or not there",
                folder.display(),
                name.display()
            )));
        }
    }
    Ok(())
}
