//! What broken-off work left: runs that nobody finished, and files that nothing refers to.

use rushes_store::{BlobHash, Error as StoreError, Recipe, VideoId, VideoLock};
use serde::{Deserialize, Serialize};

use crate::engine::Rushes;
use crate::error::Result;
use crate::write::blocking;

/// An ingest or import that was broken off. No read sees anything of it. The same ingest again
/// goes on with it; [`Rushes::repair`] and, for a video that was never finished, [`Rushes::remove`]
/// drop it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The video's id.
    pub video: String,
    /// The video's name; `None` when no ingest of it was ever finished.
    pub name: Option<String>,
    /// What was making the entries.
    pub recipe: Recipe,
    /// Entries that were written.
    pub entries: u64,
}

/// What broken-off work has left in a library.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Leftovers {
    /// Ingests and imports that were broken off.
    pub unfinished: Vec<Unfinished>,
    /// Files that nothing refers to.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl From<rushes_store::Unfinished> for Unfinished {
    fn from(run: rushes_store::Unfinished) -> Self {
        let rushes_store::Unfinished { video, name, recipe, count, .. } = run;
        Self { video: video.to_string(), name, recipe, entries: count }
    }
}

impl Rushes {
    /// What broken-off work has left. What somebody is writing at this moment is none of it.
    pub async fn leftovers(&self) -> Result<Leftovers> {
        let mut left = Leftovers::default();
        for run in self.inner.store.unfinished().await? {
            if self.is_read_only() || self.lock_at_once(&run.video).is_ok() {
                left.unfinished.push(run.into());
            }
        }
        let blobs = self.inner.blobs.clone();
        let mut files = blocking(move || Ok(blobs.list()?)).await?;
        let hashes: Vec<BlobHash> = files.iter().map(|(hash, _)| *hash).collect();
        let unused = self.inner.store.unused(&hashes).await?;
        files.retain(|(hash, _)| unused.binary_search(hash).is_ok());
        left.files = files.len() as u64;
        left.bytes = files.iter().map(|(_, bytes)| bytes).sum();
        Ok(left)
    }

    /// Drops what broken-off work has left; says what that was. Nothing that a read could see is
    /// touched. Fails when the library cannot be written.
    pub async fn repair(&self) -> Result<Leftovers> {
        self.check_writable()?;
        let mut dropped = Leftovers::default();
        for run in self.inner.store.unfinished().await? {
            let Ok(_lock) = self.lock_at_once(&run.video) else { continue };
            match self.inner.store.run_abort(run.run).await {
                // Its writer finished it before we had the lock.
                Err(StoreError::NotFound(_)) => continue,
                aborted => _ = aborted?,
            }
            dropped.unfinished.push(run.into());
        }
        let blobs = self.inner.blobs.clone();
        let files = blocking(move || Ok(blobs.list()?)).await?;
        let hashes = files.into_iter().map(|(hash, _)| hash).collect();
        (dropped.files, dropped.bytes) = self.delete_blobs(hashes).await?;
        Ok(dropped)
    }

    /// The one video that `name`, an id or the beginning of one, may mean among those whose first
    /// ingest was broken off.
    pub(crate) async fn unfinished_video(&self, name: &str) -> Result<Option<VideoId>> {
        const SHORTEST: usize = 4;
        let begins = name.to_ascii_lowercase();
        let mut found = Vec::new();
        for run in self.inner.store.unfinished().await? {
            let meant = begins.len() >= SHORTEST && run.video.as_str().starts_with(&begins);
            if meant && run.name.is_none() && !found.contains(&run.video) {
                found.push(run.video);
            }
        }
        Ok(found.pop().filter(|_| found.is_empty()))
    }

    fn lock_at_once(&self, video: &VideoId) -> rushes_store::Result<VideoLock> {
        VideoLock::take(&self.locks(), video)
    }
}
