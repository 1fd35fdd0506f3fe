//! Bytes that arrive as a stream (standard input, an upload) rest in a file of the library until
//! the engine takes them over.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rushes::{Error, ErrorKind, Result};
use tempfile::{NamedTempFile, TempPath};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// The folder for arriving files, in the library so that moving them on is a rename.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    folder: PathBuf,
}

/// Files older than this were left by a process that was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

impl Incoming {
    /// The folder of a library.
    pub(crate) fn of(library: &Path) -> Self {
        Self { folder: library.join("incoming") }
    }

    /// Writes a stream to a file that is deleted when it is dropped; refuses more than `limit`
    /// bytes.
    pub(crate) async fn spool(&self, stream: impl AsyncRead, limit: u64) -> Result<TempPath> {
        let file = self.make().map_err(|error| {
            let why = format!("cannot make a file in {}: {error}", self.folder.display());
            Error::caused(ErrorKind::Internal, why, error)
        })?;
        let (file, path) = file.into_parts();
        let mut stream = std::pin::pin!(stream.take(limit.saturating_add(1)));
        let mut file = tokio::fs::File::from_std(file);
        let copied = tokio::io::copy(&mut stream, &mut file).await;
        let copied = match copied {
            Ok(bytes) => file.flush().await.map(|()| bytes),
            Err(error) => Err(error),
        };
        match copied {
            Ok(bytes) if bytes > limit => Err(Error::new(
                ErrorKind::TooLarge,
                format!("more than {limit} bytes were sent; raise the setting or send less"),
            )),
            Ok(_) => Ok(path),
            Err(error) => {
                let why = format!("the stream broke off: {error}");
                Err(Error::caused(ErrorKind::Invalid, why, error))
            }
        }
    }

    fn make(&self) -> std::io::Result<NamedTempFile> {
        std::fs::create_dir_all(&self.folder)?;
        self.sweep();
        NamedTempFile::new_in(&self.folder)
    }

    /// Deletes what killed processes left. A file that cannot be judged or deleted stays.
    fn sweep(&self) {
        let now = SystemTime::now();
        for file in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let age = file.metadata().and_then(|facts| facts.modified());
            let age = age.ok().and_then(|modified| now.duration_since(modified).ok());
            if age.is_some_and(|age| age > ABANDONED) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_becomes_a_file_that_does_not_outlive_its_handle() {
        let library = tempfile::tempdir().unwrap();
        let incoming = Incoming::of(library.path());
        let file = incoming.spool(&b"0123456789"[..], 10).await.unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"0123456789");
        drop(file);
        assert_eq!(std::fs::read_dir(&incoming.folder).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn more_than_the_limit_is_refused_and_leaves_nothing() {
        let library = tempfile::tempdir().unwrap();
        let incoming = Incoming::of(library.path());
        let error = incoming.spool(&b"0123456789"[..], 9).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(std::fs::read_dir(&incoming.folder).unwrap().count(), 0);
    }
}
