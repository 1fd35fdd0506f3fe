//! What a file holds, as ffprobe sees it.

use std::path::Path;

use super::limits::Limits;
use super::timing::Timing;
use crate::error::{Error, Kind, Result};

/// What was found in a file.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// Displayed width in square pixels, after rotation.
    pub(crate) width: u32,
    /// Displayed height, after rotation.
    pub(crate) height: u32,
    /// Start of the first audio stream in seconds, if there is one.
    pub(crate) audio_start: Option<f64>,
    /// First frame's timestamp, seconds.
    pub(crate) start: f64,
    /// From the first frame to the end of the last, seconds.
    pub(crate) duration: f64,
    /// Each frame's time.
    pub(crate) timing: Timing,
    /// Chapters: start, end (seconds), title.
    pub(crate) chapters: Vec<(f64, f64, String)>,
    /// Indexes of text subtitle streams, and their languages.
    pub(crate) subtitles: Vec<(u32, String)>,
    /// Everything a person may want to know, as stored with the video: container, codec, fps,
    /// rotation, pixel aspect, colour transfer, audio streams.
    pub(crate) facts: serde_json::Value,
}

/// Probes a file.
pub(crate) async fn probe(_path: &Path, _limits: &Limits) -> Result<Probe> {
    Err(Error::new(Kind::Unsupported, "not built yet"))
}
