//! Which video is this? The hash of its bytes says so, whatever its name.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rushes_store::{BlobHash, VideoId};

use super::options::Source;
use crate::engine::checked_path;
use crate::error::{Error, Kind, Result};

/// A file that was read to its end and hashed.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: VideoId,
    pub(crate) hash: BlobHash,
    pub(crate) file: PathBuf,
    /// Whether the bytes are to be moved into the library.
    pub(crate) owned: bool,
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// Hashes the source. Fails when it cannot be read, is not a file, is empty, or changes meanwhile.
pub(crate) async fn identify(source: &Source, name: Option<&str>) -> Result<Identity> {
    let (path, owned, given) = match source {
        Source::File(path) => (path, false, name),
        Source::Owned(path, own) => (path, true, Some(name.unwrap_or(own))),
    };
    let file = absolute(path)?;
    let name = checked_name(given.map_or_else(|| file_name(&file), str::to_owned))?;
    let before = facts(&file)?;
    if before.0 == 0 {
        return Err(Error::new(Kind::Unsupported, format!("{name}: the file is empty")));
    }
    let hash = hash_file(&file).await?;
    if facts(&file)? != before {
        let message =
            format!("{name}: the file changed while it was read; ingest it when it is whole");
        return Err(Error::new(Kind::Busy, message));
    }
    Ok(Identity { id: VideoId::of(&hash), hash, file, owned, name, size: before.0 })
}

/// The hash of a file's bytes.
pub(crate) async fn hash_file(path: &Path) -> Result<BlobHash> {
    let path = path.to_owned();
    let hash = tokio::task::spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(&path)?)?;
        Ok::<_, std::io::Error>(BlobHash(*hasher.finalize().as_bytes()))
    });
    hash.await
        .map_err(|error| Error::caused(Kind::Internal, "hashing was interrupted", error))?
        .map_err(|error| {
            Error::caused(Kind::Unsupported, format!("cannot read the file: {error}"), error)
        })
}

/// Names are shown, searched and printed: no control characters, no path, bounded length.
pub(crate) fn checked_name(name: String) -> Result<String> {
    let fits = (1..=255).contains(&name.len());
    if !fits || name.chars().any(char::is_control) || name.contains('/') || name == ".." {
        return Err(Error::invalid(format!(
            "{name:?} cannot name a video: 1 to 255 bytes, no control characters, no `/`; choose \
             one with --name"
        )));
    }
    Ok(name)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let shown = path.display();
    let file = std::fs::canonicalize(checked_path(path)?).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Unsupported,
        };
        Error::caused(kind, format!("{shown}: {error}"), error)
    })?;
    if !file.is_file() {
        return Err(Error::new(Kind::Unsupported, format!("{shown}: not a file")));
    }
    Ok(file)
}

fn file_name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Size in bytes and time of change.
fn facts(file: &Path) -> Result<(u64, SystemTime)> {
    let read = || Ok((std::fs::metadata(file)?.len(), std::fs::metadata(file)?.modified()?));
    read().map_err(|error: std::io::Error| {
        Error::caused(Kind::Unsupported, format!("{}: {error}", file.display()), error)
    })
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_bytes_are_the_same_video_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a.mp4"), folder.path().join("b.mkv"));
        std::fs::write(&a, b"bytes").unwrap();
        std::fs::write(&b, b"bytes").unwrap();
        let a = identify(&Source::File(a), None).await.unwrap();
        let b = identify(&Source::File(b), None).await.unwrap();
        assert_eq!((a.id, a.hash), (b.id, b.hash));
        assert_eq!((a.name.as_str(), b.name.as_str()), ("a.mp4", "b.mkv"));
    }

    #[tokio::test]
    async fn an_empty_file_a_folder_and_nothing_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.mp4");
        std::fs::write(&empty, b"").unwrap();
        for (path, kind) in [
            (empty, Kind::Unsupported),
            (folder.path().to_owned(), Kind::Unsupported),
            (folder.path().join("none.mp4"), Kind::NotFound),
            (PathBuf::from("a\0b.mp4"), Kind::Invalid),
        ] {
            let error = identify(&Source::File(path), None).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
    }

    #[test]
    fn hostile_names_are_refused_and_odd_ones_kept() {
        for name in ["", "a\nb", "../../etc/passwd", "a\0b", "a/b", &"x".repeat(300)] {
            assert!(checked_name(name.to_owned()).is_err(), "{name:?}");
        }
        for name in ["it's \"quoted\".mp4", "%d.mp4", "-rf.mp4", "видео 🎬.mp4", "..mp4"] {
            assert_eq!(checked_name(name.to_owned()).unwrap(), name);
        }
    }
}
