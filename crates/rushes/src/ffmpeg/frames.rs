//! Frames out of a video, with their true times.

use std::path::Path;

use rushes_codec::image::Yuv420;
use tokio::sync::mpsc;

use super::limits::Limits;
use super::probe::Probe;
use crate::error::{Error, Kind, Result};
use crate::ingest::Sampling;

/// One decoded frame as displayed: rotated, square pixels, shrunk to the wanted edge.
#[derive(Debug)]
pub(crate) struct RawFrame {
    /// Its number in display order, from 0.
    pub(crate) number: u64,
    /// Its presentation timestamp, seconds.
    pub(crate) at: f64,
    /// Whether it is a keyframe.
    pub(crate) key: bool,
    /// The picture.
    pub(crate) picture: Yuv420,
}

/// Decodes the frames that the sampling asks for, in time order, into a bounded channel. `from`
/// (seconds) passes over what an interrupted run already has.
pub(crate) fn sample(
    _path: &Path,
    _probe: &Probe,
    _sampling: &Sampling,
    _edge: u32,
    _from: Option<f64>,
    _limits: &Limits,
) -> mpsc::Receiver<Result<RawFrame>> {
    mpsc::channel(1).1
}

/// Decodes the frames of these numbers (ascending), seeking to the keyframe before each run of
/// them; exact also where keyframe marks are wrong.
pub(crate) async fn decode_numbers(
    _path: &Path,
    _timing: &super::timing::Timing,
    _numbers: &[u64],
    _edge: u32,
    _limits: &Limits,
) -> Result<Vec<RawFrame>> {
    Err(Error::new(Kind::Unsupported, "not built yet"))
}
