//! The small picture of a video: not the black first frame.

use rushes_codec::image::{Format, Limits, decode, encode, resize};
use rushes_store::{BlobHash, Blobs};

use super::shrink::Shrunk;
use crate::error::{Error, Kind, Result};

/// Longest edge in pixels.
const EDGE: u32 = 320;
/// A picture whose luma varies less is flat.
const FLAT: f32 = 12.0;

/// Chooses among the frames as they pass: the first lively one after a tenth of the video, else
/// the liveliest of all.
#[derive(Debug, Default)]
pub(super) struct Choice {
    best: Option<(BlobHash, f32)>,
    settled: bool,
}

impl Choice {
    /// Considers a frame at `at` seconds from the start of a video of `duration` seconds.
    pub(super) fn consider(&mut self, frame: &Shrunk, at: f64, duration: f64) {
        if self.settled {
            return;
        }
        let past_the_titles = at >= duration * 0.1;
        let liveliest = self.best.is_none_or(|(_, spread)| frame.spread > spread);
        if past_the_titles && frame.spread >= FLAT {
            self.settled = true;
            self.best = Some((frame.picture, frame.spread));
        } else if liveliest {
            self.best = Some((frame.picture, frame.spread));
        }
    }

    /// The chosen picture.
    pub(super) fn picture(&self) -> Option<BlobHash> {
        self.best.map(|(picture, _)| picture)
    }
}

/// Makes the thumbnail of a stored picture and stores it.
pub(super) fn make(picture: &BlobHash, blobs: &Blobs) -> Result<BlobHash> {
    let bytes = blobs
        .get(picture)?
        .ok_or_else(|| Error::new(Kind::Corrupt, "the thumbnail's frame is not in the library"))?;
    let full = decode(&bytes, Limits::default())?;
    let scale = (f64::from(EDGE) / f64::from(full.width.max(full.height))).min(1.0);
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
    let small = resize(&full, side(full.width), side(full.height))?;
    Ok(blobs.put(&encode(&small, Format::WebP, 80.0)?)?.0)
}
