//! Advisory locks on files, freed by the system when their holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};
use crate::model::VideoId;

/// One writer for each video: held while a run of it is written.
///
/// Each lock is a file handle of its own, so tasks of one process exclude each other as processes
/// do. The lock files stay: deleting one would let two holders lock two files of one name.
#[derive(Debug)]
pub struct VideoLock {
    _file: File,
}

impl VideoLock {
    /// Takes the lock of a video in the folder of locks (made if it is not there);
    /// [`Error::Busy`] when another process or task holds it.
    pub fn take(folder: &Path, video: &VideoId) -> Result<Self> {
        let path = folder.join(format!("{video}.lock"));
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy(format!(
                "video {video} is being written by another ingest or import; try again later"
            ))),
            Err(TryLockError::Error(source)) => {
                Err(Error::Io { what: format!("lock {}", path.display()), source })
            }
        }
    }
}

/// Opens a lock file, making it and its folder if they are not there.
pub(crate) fn open(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(Error::io(format!("make the folder {}", folder.display())))?;
    }
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io(format!("open the lock {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excludes_a_second_holder_of_the_same_video_only() {
        let folder = tempfile::tempdir().unwrap();
        let video = VideoId::parse("00112233445566aa").unwrap();
        let other = VideoId::parse("00112233445566bb").unwrap();
        let held = VideoLock::take(folder.path(), &video).unwrap();
        assert!(matches!(VideoLock::take(folder.path(), &video), Err(Error::Busy(_))));
        VideoLock::take(folder.path(), &other).unwrap();
        drop(held);
        VideoLock::take(folder.path(), &video).unwrap();
    }
}
