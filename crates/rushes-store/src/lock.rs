//! Advisory locks on files, freed by the system when their holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::VideoId;

/// One writer for each video: held while a run of it is written.
///
/// Each lock is a file handle of its own, so tasks of one process exclude each other as processes
/// do. Its file goes with it. Whoever waited for a file that is gone by then holds nothing: the
/// lock is only taken when the file that was locked is still the one of that name.
#[derive(Debug)]
pub struct VideoLock {
    path: PathBuf,
    _file: File,
}

impl VideoLock {
    /// Takes the lock of a video in the folder of locks (made if it is not there);
    /// [`Error::Busy`] when another process or task holds it.
    pub fn take(folder: &Path, video: &VideoId) -> Result<Self> {
        let path = folder.join(format!("{video}.lock"));
        let failed = || Error::io(format!("lock {}", path.display()));
        loop {
            let file = open(&path)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path).map_err(failed())? => {
                    return Ok(Self { path, _file: file });
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::Busy(busy(video))),
                Err(TryLockError::Error(source)) => return Err(failed()(source)),
            }
        }
    }
}

impl Drop for VideoLock {
    fn drop(&mut self) {
        // Still locked: nobody else can have taken this name. A file that stays does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn busy(video: &VideoId) -> String {
    format!("video {video} is being written by another ingest or import; try again later")
}

/// Whether the open file is the one of this name.
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
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
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_holder_at_a_time_although_the_file_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let video = VideoId::parse("00112233445566aa").unwrap();
        let (inside, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let Ok(held) = VideoLock::take(folder.path(), &video) else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        taken.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(held);
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
    }
}
