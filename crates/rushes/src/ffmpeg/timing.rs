//! When each frame of a video is on screen: the true timestamps, in display order.

use crate::error::{Error, Kind, Result};

/// One frame's place in time, in units of the stream's time base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameTime {
    /// Presentation timestamp.
    pub(crate) pts: i64,
    /// Whether decoding can begin here.
    pub(crate) key: bool,
}

/// The timing index of a video: its frames in display order, strictly increasing in time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timing {
    /// Seconds of one unit, as numerator and denominator.
    pub(crate) time_base: (u32, u32),
    /// The frames.
    pub(crate) frames: Vec<FrameTime>,
    /// Where the last frame leaves the screen, in units.
    pub(crate) end: i64,
    /// Whether the file gave no timestamps and these are counted from its frame rate.
    pub(crate) estimated: bool,
}

impl Timing {
    /// Seconds of a timestamp.
    pub(crate) fn seconds(&self, pts: i64) -> f64 {
        pts as f64 * f64::from(self.time_base.0) / f64::from(self.time_base.1)
    }

    /// The number of the frame on screen at `at` seconds: the last that starts at or before it;
    /// the first frame for a time before it, `None` from the end of the video on.
    pub(crate) fn on_screen_at(&self, _at: f64) -> Option<usize> {
        None
    }

    /// The bytes that [`Timing::from_bytes`] reads: versioned, delta-coded, checksummed.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads a stored index.
    pub(crate) fn from_bytes(_bytes: &[u8]) -> Result<Self> {
        Err(Error::new(Kind::Corrupt, "the timing index is damaged"))
    }
}
