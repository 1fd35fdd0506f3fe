//! Bytes that arrive as a stream (standard input, an upload) rest in a file of the library until
//! the engine takes them over.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rushes::{Error, ErrorKind, Result};
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// Files older than this were left by a process that was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Writes a stream to a file in `folder` that is deleted when it is dropped; refuses more than
/// `limit` bytes.
pub(crate) async fn spool(folder: &Path, stream: impl AsyncRead, limit: u64) -> Result<TempPath> {
    sweep(folder);
    let file = NamedTempFile::new_in(folder).map_err(|error| {
        let why = format!("cannot make a file in {}: {error}", folder.display());
        Error::caused(ErrorKind::Internal, why, error)
    })?;
    let (file, path) = file.into_parts();
    match copied(stream, File::from_std(file), limit.saturating_add(1)).await {
        Ok(bytes) if bytes > limit => Err(Error::new(
            ErrorKind::TooLarge,
            format!("the body is larger than {limit} bytes; the setting `upload` allows more"),
        )),
        Ok(_) => Ok(path),
        Err(error) => {
            let why = format!("the stream broke off: {error}");
            Err(Error::caused(ErrorKind::Invalid, why, error))
        }
    }
}

async fn copied(stream: impl AsyncRead, mut file: File, most: u64) -> std::io::Result<u64> {
    let mut stream = std::pin::pin!(stream.take(most));
    let bytes = tokio::io::copy(&mut stream, &mut file).await?;
    file.flush().await?;
    Ok(bytes)
}

/// Deletes what killed processes left. A file that cannot be judged or deleted stays.
fn sweep(folder: &Path) {
    let now = SystemTime::now();
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let changed = file.metadata().and_then(|facts| facts.modified());
        let age = changed.ok().and_then(|changed| now.duration_since(changed).ok());
        if age.is_some_and(|age| age > ABANDONED) {
            let _ = std::fs::remove_file(file.path());
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
        assert_eq!(std::fs::read(&file).unwrap(), b"0123456789");
        drop(file);
        assert_eq!(left(&folder), 0);
    }

    #[tokio::test]
    async fn more_than_the_limit_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let error = spool(folder.path(), &b"0123456789"[..], 9).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(left(&folder), 0);
    }

    #[test]
    fn what_a_killed_process_left_is_swept_after_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let old = std::fs::File::create(folder.path().join("old")).unwrap();
        old.set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        std::fs::write(folder.path().join("new"), "").unwrap();
        sweep(folder.path());
        assert!(folder.path().join("new").exists());
        assert_eq!(left(&folder), 1);
    }
}
