//! Frames decoded from the video's own file.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use rushes_codec::image::{Format, Yuv420};
use rushes_store::Video;
use tokio::sync::OnceCell;

use super::frame::Width;
use super::picture::{apart, encoded};
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::ffmpeg::{Limits, Timing, decode_numbers};
use crate::ingest::IngestOptions;
use crate::read::{From, Tier};

/// Frames of one video that are decoded together, once, by whichever of them is needed first.
pub(super) struct Batch {
    path: PathBuf,
    timing: Arc<Timing>,
    numbers: Vec<u64>,
    edge: u32,
    limits: Limits,
    decoded: OnceCell<Vec<(u64, Arc<Yuv420>)>>,
}

impl Batch {
    async fn frame(&self, number: u64) -> Result<Arc<Yuv420>> {
        let decoded = self.decoded.get_or_try_init(|| self.decode()).await?;
        let found = decoded.iter().find(|(of, _)| *of == number);
        found.map(|(_, picture)| Arc::clone(picture)).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, format!("frame {number} cannot be decoded"))
        })
    }

    async fn decode(&self) -> Result<Vec<(u64, Arc<Yuv420>)>> {
        let Self { path, timing, numbers, edge, limits, .. } = self;
        let frames = decode_numbers(path, timing, numbers, *edge, limits).await?;
        Ok(frames.into_iter().map(|frame| (frame.number, Arc::new(frame.picture))).collect())
    }
}

/// The size (pixels) of a native frame in an answer of this width: as displayed, but for `full`
/// no larger than frames are stored.
pub(super) fn size(timing: &Timing, width: Width) -> (u32, u32) {
    match width {
        Width::Full => timing.display.fit(IngestOptions::default().edge),
        width => width.of(timing.display.size()),
    }
}

impl Rushes {
    /// Prepares to decode frames of these numbers (ascending) at this size; fails when the file is
    /// gone or another.
    pub(super) async fn batch(
        &self,
        video: &Video,
        timing: Arc<Timing>,
        numbers: Vec<u64>,
        size: (u32, u32),
    ) -> Result<Arc<Batch>> {
        let path = self.source(video).await?;
        let edge = size.0.max(size.1);
        let limits = self.limits();
        Ok(Arc::new(Batch { path, timing, numbers, edge, limits, decoded: OnceCell::new() }))
    }

    /// One frame of a batch, encoded; cached by video, number, size and format.
    pub(super) async fn native(
        &self,
        video: &Video,
        batch: &Arc<Batch>,
        number: u64,
        size: (u32, u32),
        format: Format,
    ) -> Result<From<Bytes>> {
        let batch = Arc::clone(batch);
        let key = format!("native/{number}/{}x{}/{format:?}", size.0, size.1);
        self.derived(&video.id, key, Tier::Video, move || async move {
            let picture = batch.frame(number).await?;
            apart(move || encoded(&picture.to_rgb()?, size, format)).await
        })
        .await
    }
}
