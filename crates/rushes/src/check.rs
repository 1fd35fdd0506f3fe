//! Is the library whole? The database's own check, and each file against its name.

use std::collections::{BTreeMap, BTreeSet};

use rushes_store::{BlobHash, BlobState, EntryQuery, Kind as EntryKind, Video, Window};

use crate::engine::Rushes;
use crate::error::Result;
use crate::write::blocking;

/// Rows that are looked up at once.
const PAGE: usize = 1000;

/// Files that rows name, by whether they are missing or damaged.
type Faults = BTreeMap<BlobHash, BlobState>;

impl Rushes {
    /// Problems of the library, one a line; empty when it is sound: the database's integrity, and
    /// files (pictures, timing indexes, uploaded videos) that are missing or are not what their
    /// name says. Reads every file of the library. Files that nothing names are no problem:
    /// [`Rushes::leftovers`] counts them.
    pub async fn check(&self) -> Result<Vec<String>> {
        let mut problems = self.inner.store.check().await?;
        let faults = self.faults().await?;
        if !faults.is_empty() {
            problems.extend(self.by_video(faults).await?);
        }
        Ok(problems)
    }

    /// The files that any row names and that are not there as they should be.
    async fn faults(&self) -> Result<Faults> {
        let mut faults = Faults::new();
        let mut after = None;
        loop {
            let named = self.inner.store.named(after, PAGE).await?;
            after = named.last().copied();
            faults.extend(self.faulty(named.into_iter().collect()).await?);
            if after.is_none() {
                break;
            }
        }
        // What was deleted since it was named is no fault.
        let gone = self.inner.store.unused(&faults.keys().copied().collect::<Vec<_>>()).await?;
        gone.iter().for_each(|hash| _ = faults.remove(hash));
        Ok(faults)
    }

    /// Those of the files that are missing or damaged.
    async fn faulty(&self, files: BTreeSet<BlobHash>) -> Result<Faults> {
        let blobs = self.inner.blobs.clone();
        blocking(move || {
            let mut faults = Faults::new();
            for hash in files {
                // One that cannot be read is as good as damaged.
                let state = blobs.state(&hash).unwrap_or(BlobState::Damaged);
                if !matches!(state, BlobState::Sound(_)) {
                    faults.insert(hash, state);
                }
            }
            Ok(faults)
        })
        .await
    }

    /// Tells of each video how many of its files are faulty; then of those of no video.
    async fn by_video(&self, mut faults: Faults) -> Result<Vec<String>> {
        let (mut problems, mut told) = (Vec::new(), BTreeSet::new());
        let mut after = None;
        loop {
            let page = self.inner.store.videos(PAGE, after).await?;
            for video in &page.items {
                let files = self.files_of(video, Vec::new()).await?;
                let of_video: Vec<_> =
                    files.iter().filter_map(|h| faults.get_key_value(h)).collect();
                if !of_video.is_empty() {
                    let count = self.tally(&of_video);
                    let (name, id) = (&video.name, &video.id);
                    problems.push(format!("{name} ({id}): {count}; ingest it again"));
                    told.extend(of_video.into_iter().map(|(hash, _)| *hash));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        faults.retain(|hash, _| !told.contains(hash));
        if !faults.is_empty() {
            let count = self.tally(&faults.iter().collect::<Vec<_>>());
            problems.push(format!(
                "ingests that were broken off: {count}; run them again, or drop what they left \
                 with rushes doctor --repair"
            ));
        }
        Ok(problems)
    }

    /// How many are missing and how many damaged, and where the first should be.
    fn tally(&self, faults: &[(&BlobHash, &BlobState)]) -> String {
        let missing = faults.iter().filter(|(_, state)| **state == BlobState::Missing).count();
        let first = faults.first().map(|(hash, _)| self.inner.blobs.path(hash));
        let first = first.map(|path| path.display().to_string()).unwrap_or_default();
        format!("{missing} files are missing and {} damaged ({first})", faults.len() - missing)
    }

    /// Pictures, thumbnail and timing index of a video that are missing or damaged.
    pub(crate) async fn damaged(&self, video: &Video) -> Result<Vec<BlobHash>> {
        let mut files = self.files_of(video, vec![EntryKind::frame()]).await?;
        // An uploaded video comes again with the next upload.
        video.media.iter().for_each(|media| _ = files.remove(media));
        Ok(self.faulty(files).await?.into_keys().collect())
    }

    /// The files that a video and its entries of these kinds (none: of all kinds) name.
    async fn files_of(&self, video: &Video, kinds: Vec<EntryKind>) -> Result<BTreeSet<BlobHash>> {
        let mut files: BTreeSet<BlobHash> =
            [video.thumbnail, video.timing, video.media].into_iter().flatten().collect();
        let mut query = EntryQuery {
            video: video.id.clone(),
            kinds,
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
                return Ok(files);
            }
        }
    }
}
