//! The only door for writes: commit to the store, then drop from the cache what the commit touched.

use std::fs::File;
use std::path::Path;

use bytes::Bytes;
use rushes_store::{BlobHash, Message, Role, Video, VideoId};
use serde::{Deserialize, Serialize};

use crate::engine::{Rushes, checked_path};
use crate::error::{Error, Kind, Result};
use crate::import::{self, ImportOptions, Imported, Target};
use crate::incoming::Spooled;

/// What [`Rushes::remove`] did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Removed {
    /// The video's id.
    pub video: String,
    /// Files that no other video uses, now deleted.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Rushes {
    /// Deletes a video: its rows, cached values, and files that no other video uses. The file that
    /// it was ingested from stays. The id of a video whose first ingest was broken off will do too.
    /// Fails while the video is being written.
    pub async fn remove(&self, name: &str) -> Result<Removed> {
        let video = self.removable(name).await?;
        let _lock = self.lock(&video).await?;
        let (change, unused) = self.inner.store.remove_video(&video).await?;
        self.applied(&change).await;
        let (blobs, bytes) = self.delete_blobs(unused).await?;
        Ok(Removed { video: video.to_string(), blobs, bytes })
    }

    /// The video that [`Rushes::remove`] would delete by this name: one of the library, or one whose
    /// ingest was broken off. Fails when there is none, or the name may mean several.
    pub async fn removable(&self, name: &str) -> Result<VideoId> {
        match self.resolve(name).await {
            Ok(found) => Ok(found.value.id.clone()),
            Err(error) if error.kind() == Kind::NotFound => {
                self.unfinished_video(name).await?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Imports what a model produced from a file or, for label files one a frame, a folder.
    /// Importing the same again changes nothing; a changed file of the same name takes the place of
    /// what it gave before, unless the options say `add`.
    ///
    /// Fails when nothing in it could be read, when `strict` and a record is bad (then nothing is
    /// written), or while the video is being written by somebody else.
    pub async fn import_file(
        &self,
        video: &str,
        path: &Path,
        options: ImportOptions,
    ) -> Result<Imported> {
        let path = checked_path(path)?.to_owned();
        let source = blocking(move || import::Source::at(&path)).await?;
        let video = self.resolve(video).await?.value;
        self.import_from(&video, source, options).await
    }

    /// Reads a file as [`Rushes::import_file`] would and writes nothing.
    ///
    /// # Errors
    /// As those of a strict import.
    pub async fn check_file(&self, video: &str, path: &Path, options: ImportOptions) -> Result<()> {
        let path = checked_path(path)?.to_owned();
        let source = blocking(move || import::Source::at(&path)).await?;
        let video = self.resolve(video).await?.value;
        let timing = self.timing(&video).await?;
        import::check(Target { video: (*video).clone(), timing }, source, options).await
    }

    /// Imports what a model produced from a stream that was written to a file of the library.
    pub async fn import_spooled(
        &self,
        video: &str,
        spooled: &Spooled,
        options: ImportOptions,
    ) -> Result<Imported> {
        let file = File::open(spooled.path()).map_err(|error| {
            Error::caused(Kind::Internal, format!("what was sent cannot be read: {error}"), error)
        })?;
        let video = self.resolve(video).await?.value;
        self.import_from(&video, import::Source::Spooled(file), options).await
    }

    /// Imports what a model produced from bytes at hand.
    pub async fn import_bytes(
        &self,
        video: &str,
        bytes: Bytes,
        options: ImportOptions,
    ) -> Result<Imported> {
        let video = self.resolve(video).await?.value;
        self.import_from(&video, import::Source::Bytes(bytes), options).await
    }

    pub(crate) async fn import_from(
        &self,
        video: &Video,
        source: import::Source,
        options: ImportOptions,
    ) -> Result<Imported> {
        let timing = self.timing(video).await?;
        let _lock = self.lock(&video.id).await?;
        let target = Target { video: video.clone(), timing };
        let store = self.inner.store.as_ref();
        let (imported, change) = import::import(store, target, source, options).await?;
        self.applied(&change).await;
        Ok(imported)
    }

    /// Appends a message to the conversation about a video. Fails when it is empty or larger than
    /// 1 MB.
    pub async fn append(&self, video: &str, role: Role, content: &str) -> Result<Message> {
        if content.trim().is_empty() || content.len() > 1 << 20 {
            return Err(Error::invalid("a message is 1 byte to 1 MB of text"));
        }
        let video = self.resolve(video).await?.value;
        let (message, change) = self.inner.store.append(&video.id, role, content).await?;
        self.applied(&change).await;
        Ok(message)
    }

    /// Deletes those of the files that still nothing refers to, while nobody writes any.
    pub(crate) async fn delete_blobs(&self, unused: Vec<BlobHash>) -> Result<(u64, u64)> {
        let blobs = self.inner.blobs.clone();
        let hold = blocking(move || Ok(blobs.hold_alone()?)).await?;
        let unused = self.inner.store.unused(&unused).await?;
        let blobs = self.inner.blobs.clone();
        let deleted = blocking(move || {
            let mut deleted = (0, 0);
            for hash in unused {
                let bytes = blobs.remove(&hash)?;
                deleted = (deleted.0 + u64::from(bytes > 0), deleted.1 + bytes);
            }
            Ok(deleted)
        });
        let deleted = deleted.await?;
        drop(hold);
        Ok(deleted)
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::caused(Kind::Internal, "the write was interrupted", error))?
}
