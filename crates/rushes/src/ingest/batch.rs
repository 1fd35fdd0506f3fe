//! Pictures and rows are written some at a time: the files first, then their rows in one
//! transaction, so that a crash leaves a file without a row at worst, never the reverse.

use std::time::{Duration, Instant};

use rushes_store::{BlobHold, Blobs, NewEntry, RunId, Store};

use super::shrink::Shrunk;
use crate::error::{Error, Kind, Result};

/// Frames of one transaction at most.
const FRAMES: usize = 64;
/// Bytes of pictures that wait at most.
const BYTES: usize = 16 << 20;
/// A crash loses at most this much work.
const AGE: Duration = Duration::from_secs(2);

/// Gathers frames and writes them into a run.
pub(super) struct Batch<'a> {
    store: &'a dyn Store,
    blobs: Blobs,
    run: RunId,
    rows: Vec<NewEntry>,
    pictures: Vec<Vec<u8>>,
    waiting: usize,
    begun: Instant,
    /// Bytes of pictures that were not in the library before.
    pub(super) stored: u64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(store: &'a dyn Store, blobs: Blobs, run: RunId) -> Self {
        Self {
            store,
            blobs,
            run,
            rows: Vec::with_capacity(FRAMES),
            pictures: Vec::new(),
            waiting: 0,
            begun: Instant::now(),
            stored: 0,
        }
    }

    /// Adds a frame; writes when there are enough, or when the first has waited long enough.
    pub(super) async fn add(&mut self, frame: Shrunk, estimated: bool) -> Result<()> {
        self.rows.push(frame.entry(estimated));
        self.waiting += frame.webp.len();
        if !frame.webp.is_empty() {
            self.pictures.push(frame.webp);
        }
        let full = self.rows.len() >= FRAMES || self.waiting >= BYTES;
        if full || self.begun.elapsed() >= AGE {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) async fn write(&mut self) -> Result<()> {
        if !self.rows.is_empty() {
            // Held until the rows are committed: nobody deletes a picture in between.
            let _hold = self.put_pictures().await?;
            self.store.run_write(self.run, std::mem::take(&mut self.rows)).await?;
        }
        self.waiting = 0;
        self.begun = Instant::now();
        Ok(())
    }

    async fn put_pictures(&mut self) -> Result<BlobHold> {
        let pictures = std::mem::take(&mut self.pictures);
        let blobs = self.blobs.clone();
        let put = tokio::task::spawn_blocking(move || {
            let hold = blobs.hold()?;
            let mut stored = 0;
            for picture in pictures {
                let (_, new) = blobs.put(&picture)?;
                stored += if new { picture.len() as u64 } else { 0 };
            }
            Ok::<_, rushes_store::Error>((hold, stored))
        });
        let (hold, stored) = put
            .await
            .map_err(|error| Error::caused(Kind::Internal, "storing was interrupted", error))??;
        self.stored += stored;
        Ok(hold)
    }
}
