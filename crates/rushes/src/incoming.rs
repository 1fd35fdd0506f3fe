//! Bytes that arrive as a stream (standard input, an upload) rest in a file of the library until
//! an ingest takes them over or an import has read them.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::engine::Rushes;
use crate::error::{Error, Kind, Result};

/// A stream that was written to a file of the library. Dropping it deletes the file, unless an
/// ingest has moved it on.
#[derive(Debug)]
pub struct Spooled {
    path: TempPath,
    /// Tells others that whoever wrote the file is alive.
    _lock: File,
}

impl Spooled {
    /// Where the bytes are.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Rushes {
    /// Writes a stream to a file of the library, on the same file system as its other files.
    ///
    /// Fails with [`Kind::TooLarge`] for more than `limit` bytes and [`Kind::Invalid`] when the
    /// stream breaks off; nothing is left then.
    pub async fn spool(&self, stream: impl AsyncRead, limit: u64) -> Result<Spooled> {
        self.check_writable()?;
        spool(&folder(&self.inner.settings.library), stream, limit).await
    }
}

/// The folder for files on their way in.
fn folder(library: &Path) -> PathBuf {
    library.join("incoming")
}

async fn spool(folder: &Path, stream: impl AsyncRead, limit: u64) -> Result<Spooled> {
    sweep_folder(folder);
    let failed = |error: std::io::Error| {
        let why = format!("cannot make a file in {}: {error}", folder.display());
        Error::caused(Kind::Internal, why, error)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let (file, path) = locked(folder).map_err(failed)?.into_parts();
    let spooled = Spooled { path, _lock: file.try_clone().map_err(failed)? };
    match copied(stream, file, limit.saturating_add(1)).await {
        Ok(bytes) if bytes > limit => Err(Error::new(
            Kind::TooLarge,
            format!("the body is larger than {limit} bytes; the setting `upload` allows more"),
        )),
        Ok(_) => Ok(spooled),
        Err(error) => {
            let why = format!("the stream broke off: {error}");
            Err(Error::caused(Kind::Invalid, why, error))
        }
    }
}

/// A new file, locked. Another process that sweeps may have deleted it before it was.
fn locked(folder: &Path) -> std::io::Result<NamedTempFile> {
    loop {
        let file = NamedTempFile::new_in(folder)?;
        file.as_file().lock()?;
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

async fn copied(stream: impl AsyncRead, file: File, most: u64) -> std::io::Result<u64> {
    let mut stream = std::pin::pin!(stream.take(most));
    let mut file = tokio::fs::File::from_std(file);
    let bytes = tokio::io::copy(&mut stream, &mut file).await?;
    file.flush().await?;
    Ok(bytes)
}

/// Deletes what processes that are dead have left on its way in.
pub(crate) fn sweep(library: &Path) {
    sweep_folder(&folder(library));
}

/// A file that is locked has a living writer; one that cannot be judged or deleted stays.
fn sweep_folder(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(folder: &tempfile::TempDir) -> usize {
        std::fs::read_dir(folder.path()).unwrap().count()
    }

    #[tokio::test]
    async fn a_stream_becomes_a_file_that_does_not_outlive_its_handle() {
        let folder = tempfile::tempdir().unwrap();
        let file = spool(folder.path(), &b"0123456789"[..], 10).await.unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"0123456789");
        drop(file);
        assert_eq!(left(&folder), 0);
    }

    #[tokio::test]
    async fn more_than_the_limit_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let error = spool(folder.path(), &b"0123456789"[..], 9).await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge);
        assert_eq!(left(&folder), 0);
    }

    #[tokio::test]
    async fn what_dead_processes_left_is_swept_and_what_the_living_write_is_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("left"), "half").unwrap();
        let living = spool(folder.path(), &b"whole"[..], 10).await.unwrap();
        assert_eq!(left(&folder), 1);
        sweep_folder(folder.path());
        assert_eq!(std::fs::read(living.path()).unwrap(), b"whole");
    }
}
