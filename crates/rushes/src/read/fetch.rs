//! One cached read: key, tiers, and on a miss the source. Every face and answer reads through here.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use rushes_store::{BlobHash, Entry, Kind, Timeline, Video, VideoId, Window};

use super::served::Tier;
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::ffmpeg::Timing;

/// A value and the slowest place that was needed for it.
#[derive(Clone, Debug)]
pub(crate) struct From<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it came from.
    pub(crate) tier: Tier,
}

fn later<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "not built yet"))
}

impl Rushes {
    /// The one video that `name` means: an id, a unique prefix of ids, or a name.
    pub(crate) async fn resolve(&self, _name: &str) -> Result<From<Arc<Video>>> {
        later()
    }

    /// All entries of the kinds (empty: all) in a window, in time order, at most `limit`; one more
    /// than `limit` is never loaded, so `len() == limit` means there may be more.
    pub(crate) async fn window(
        &self,
        _video: &VideoId,
        _kinds: &[Kind],
        _window: Window,
        _limit: usize,
    ) -> Result<From<Arc<Vec<Entry>>>> {
        later()
    }

    /// What is known of a video, kind by kind.
    pub(crate) async fn known(&self, _video: &VideoId) -> Result<From<Arc<Vec<Timeline>>>> {
        later()
    }

    /// A blob's bytes (frames, thumbnails); an error when it is not there.
    pub(crate) async fn blob(&self, _video: &VideoId, _hash: &BlobHash) -> Result<From<Bytes>> {
        later()
    }

    /// Bytes derived from a video's picture data (a resized frame, a sheet, a clip), made once by
    /// `make` and cached under `key` until the video or its frames change. `tier` says what `make`
    /// itself reads from.
    pub(crate) async fn derived<F, Fut>(
        &self,
        _video: &VideoId,
        _key: String,
        _tier: Tier,
        _make: F,
    ) -> Result<From<Bytes>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Bytes>> + Send + 'static,
    {
        later()
    }

    /// The timing index of a video, if it has one.
    pub(crate) async fn timing(&self, _video: &Video) -> Result<Option<Arc<Timing>>> {
        later()
    }

    /// The video's file, checked to be the one that was ingested (size and time of change, else
    /// content hash); an error that names the remedy when it is gone or another.
    pub(crate) async fn source(&self, _video: &Video) -> Result<PathBuf> {
        later()
    }
}
