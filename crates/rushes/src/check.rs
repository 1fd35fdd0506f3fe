//! Is the library whole? The database's own check, and each file against its name.

use std::collections::BTreeSet;

use rushes_store::{BlobHash, EntryQuery, Kind as EntryKind, Video, Window};

use crate::engine::Rushes;
use crate::error::{Error, Kind, Result};

/// Frames that are looked up at once.
const PAGE: usize = 1000;

impl Rushes {
    /// Problems of the library, one a line; empty when it is sound: the database's integrity, and
    /// pictures that are missing or damaged. Reads every file of the library.
    pub async fn check(&self) -> Result<Vec<String>> {
        let mut problems = self.inner.store.check().await?;
        let mut after = None;
        loop {
            let page = self.inner.store.videos(PAGE, after).await?;
            for video in &page.items {
                let damaged = self.damaged(video).await?.len();
                if damaged > 0 {
                    problems.push(format!(
                        "{} ({}): {damaged} files are missing or damaged; ingest it again",
                        video.name, video.id
                    ));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(problems);
            }
        }
    }

    /// Pictures, thumbnail and timing index of a video that are missing or damaged.
    pub(crate) async fn damaged(&self, video: &Video) -> Result<Vec<BlobHash>> {
        let mut files: BTreeSet<BlobHash> =
            [video.thumbnail, video.timing].into_iter().flatten().collect();
        let mut query = EntryQuery {
            video: video.id.clone(),
            kinds: vec![EntryKind::frame()],
            window: Window::ALL,
            model: None,
            limit: PAGE,
            after: None,
        };
        loop {
            let page = self.inner.store.entries(&query).await?;
            files.extend(page.items.iter().filter_map(|entry| entry.blob));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        let blobs = self.inner.blobs.clone();
        let look = tokio::task::spawn_blocking(move || {
            files.retain(|hash| !matches!(blobs.get(hash), Ok(Some(_))));
            files.into_iter().collect()
        });
        look.await
            .map_err(|error| Error::caused(Kind::Internal, "the check was interrupted", error))
    }
}
