//! Whether what lies in the folder may be trusted, and by whom it is used.
//!
//! The tier writes without waiting for the disk. That is enough when the process dies: what it
//! wrote is in the system's page cache. It is not when the machine dies: records and the log of
//! invalidations may have reached the disk in any order. So the session file names the boot it
//! was opened in, and whether it was closed in peace, all brought to the disk; records of a
//! session that was still open in another boot are not trusted.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const FORMAT: &str = "rushes disk tier 3";

pub(crate) struct Session {
    path: PathBuf,
    /// Held as long as the session lasts.
    _lock: File,
}

impl Session {
    /// Takes the folder for this process; tells whether its contents may be trusted.
    pub(crate) fn begin(folder: &Path) -> io::Result<(Self, bool)> {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another process uses this cache; give each its own folder",
            ),
            TryLockError::Error(error) => error,
        })?;
        let session = Self { path: folder.join("session"), _lock: lock };
        Ok((session, trusted(folder)))
    }

    /// Notes that the contents are in use from now on.
    pub(crate) fn open(&self) -> io::Result<()> {
        self.write(&format!("open {}", boot()))
    }

    /// Notes that all was brought to the disk, unless it is not to be trusted anyway.
    pub(crate) fn close(&self) -> io::Result<()> {
        if self.path.exists() { self.write("closed") } else { Ok(()) }
    }

    /// Makes the next start drop the contents. Deleting works on a full disk, too.
    pub(crate) fn distrust(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&self, state: &str) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(format!("{FORMAT}\n{state}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        // The rename itself is in the folder.
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

fn trusted(folder: &Path) -> bool {
    let Ok(text) = fs::read_to_string(folder.join("session")) else { return false };
    let Some(state) = text.strip_prefix(FORMAT).map(str::trim) else { return false };
    match state.strip_prefix("open ") {
        Some(then) => then == boot() && then != UNKNOWN_BOOT,
        None => state == "closed",
    }
}

const UNKNOWN_BOOT: &str = "unknown";

/// A name of the machine's current run.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| UNKNOWN_BOOT.to_owned(), |id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_trusted_when_closed_or_opened_in_this_boot() {
        let folder = tempfile::tempdir().unwrap();
        let begin = || Session::begin(folder.path()).unwrap();
        let (session, trusted) = begin();
        assert!(!trusted, "nothing is there yet");
        session.open().unwrap();
        drop(session);
        let (session, trusted) = begin();
        assert_eq!(trusted, boot() != UNKNOWN_BOOT, "only the process ended");
        session.close().unwrap();
        drop(session);
        assert!(begin().1);
        fs::write(folder.path().join("session"), format!("{FORMAT}\nopen another-boot\n")).unwrap();
        assert!(!begin().1, "the machine went down in between");
        fs::write(folder.path().join("session"), "rushes disk tier 0\nclosed\n").unwrap();
        assert!(!begin().1, "another release wrote it");
    }

    #[test]
    fn two_do_not_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Session::begin(folder.path()).unwrap();
        let error = Session::begin(folder.path()).map(drop).unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
        drop(first);
        Session::begin(folder.path()).unwrap();
    }
}
