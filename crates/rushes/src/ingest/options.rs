//! What can be asked of an ingest, and what it tells.

use std::path::PathBuf;

use rushes_store::VideoId;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where a video comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file that stays where it is; the library refers to it.
    File(PathBuf),
    /// A file whose bytes are moved into the library (standard input, upload), under this name.
    Owned(PathBuf, String),
}

/// Which frames are taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// The first frame at or after each multiple of this many seconds from the start.
    Every(f64),
    /// This many, evenly spaced.
    Frames(u32),
    /// Each keyframe; nothing else is decoded.
    Keyframes,
    /// The first frame, and each that differs from the one before by this much (0 to 1).
    Scene(f64),
    /// The frames on screen at these seconds.
    At(Vec<f64>),
}

/// How a video is ingested. Sampling, edge, quality and similarity make up the recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IngestOptions {
    /// Which frames.
    pub sampling: Sampling,
    /// Longest edge of a stored frame in pixels; larger ones are shrunk. 1280.
    pub edge: u32,
    /// WebP quality, 0 to 100. 85.
    pub quality: f32,
    /// Consecutive frames at least this alike (0 to 1) are stored once. 0.95; 1 keeps each.
    pub similarity: f32,
    /// Look for subtitle, caption, transcript and object files beside the video.
    pub sidecars: bool,
    /// The video's name, the file name when not given; another name of a video that is known.
    pub name: Option<String>,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            sampling: Sampling::Every(1.0),
            edge: 1280,
            quality: 85.0,
            similarity: 0.95,
            sidecars: true,
            name: None,
        }
    }
}

/// What an ingest tells while it runs. Times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The file was probed.
    Probed {
        /// The video.
        video: VideoId,
        /// Its name.
        name: String,
        /// Length.
        duration: f64,
    },
    /// Frames so far.
    Progress {
        /// Media time reached, from the video's start.
        done: f64,
        /// Length.
        duration: f64,
        /// Frames taken so far.
        frames: u64,
        /// Of these, stored as a reference to an earlier one.
        duplicates: u64,
    },
    /// Something was passed over (a side file that could not be read, a damaged frame).
    Warning {
        /// What and why.
        message: String,
    },
}

/// What an ingest did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Ingested {
    /// The video's id.
    pub video: String,
    /// Its name.
    pub name: String,
    /// Frames on the timeline by this recipe.
    pub frames: u64,
    /// Of these, references to an earlier frame's picture.
    pub duplicates: u64,
    /// Bytes of the new pictures.
    pub bytes: u64,
    /// Other entries that came along (subtitles, chapters, side files), by kind.
    pub entries: std::collections::BTreeMap<String, u64>,
    /// Nothing was done: these bytes were ingested by this recipe before.
    pub unchanged: bool,
    /// Frames of an interrupted run that were found and kept.
    pub resumed: u64,
}

impl IngestOptions {
    /// Refuses what no ingest could do.
    pub(crate) fn checked(self) -> Result<Self> {
        self.sampling.check()?;
        if !(16..=16_384).contains(&self.edge) {
            return Err(Error::invalid("the longest edge is 16 to 16384 pixels"));
        }
        if !(0.0..=100.0).contains(&self.quality) {
            return Err(Error::invalid("quality is 0 to 100"));
        }
        if !(0.5..=1.0).contains(&self.similarity) {
            return Err(Error::invalid("similarity is 0.5 to 1"));
        }
        Ok(self)
    }
}

impl Sampling {
    fn check(&self) -> Result<()> {
        let wrong = match self {
            Self::Every(step) if !(0.001..=86_400.0).contains(step) => {
                "the interval is 0.001 to 86400 seconds"
            }
            Self::Frames(count) if !(1..=1_000_000).contains(count) => {
                "the number of frames is 1 to 1000000"
            }
            Self::Scene(change) if !(0.0..=1.0).contains(change) => "a scene change is 0 to 1",
            Self::At(times) if times.is_empty() || times.len() > 100_000 => {
                "1 to 100000 times can be named"
            }
            Self::At(times) if times.iter().any(|t| !t.is_finite() || *t < 0.0) => {
                "times are 0 or more seconds"
            }
            _ => return Ok(()),
        };
        Err(Error::invalid(wrong))
    }
}
