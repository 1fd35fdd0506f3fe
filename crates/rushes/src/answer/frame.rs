//! One frame, or a burst of native ones, as images.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::sheet::ImageFormat;
use super::tokens::ImageTokens;
use crate::read::Served;

/// How wide an image is wanted. Images are never enlarged; the height follows the shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Width {
    /// 448 pixels.
    Overview,
    /// 896 pixels.
    Detail,
    /// As stored.
    #[default]
    Full,
    /// This many pixels, 16 to 4096.
    #[serde(untagged)]
    Pixels(u32),
}

/// Asks for one frame: by number, by entry id or by time (exactly one of the three).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FrameRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// The frame on screen at this second of media time.
    pub at: Option<f64>,
    /// The frame of this number, counted from 0 as decoded.
    pub number: Option<u64>,
    /// The frame entry of this id.
    pub entry: Option<i64>,
    /// How wide.
    pub width: Width,
    /// WebP when not given (as stored, if the width allows).
    pub format: Option<ImageFormat>,
    /// State size and cost, send no image.
    pub dry_run: bool,
}

/// One frame's image and what is true of it.
#[derive(Clone, Debug)]
pub struct FrameImage {
    /// The video's id.
    pub video: String,
    /// The encoded image; empty on a dry run.
    pub image: Bytes,
    /// Its media type, as `image/webp`.
    pub media_type: &'static str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Its presentation timestamp, seconds.
    pub at: f64,
    /// Its number, counted from 0; unknown for sources without a timing index.
    pub number: Option<u64>,
    /// Whether the timestamp was estimated.
    pub estimated: bool,
    /// Whether this is the very frame asked for; `false` when the source is gone and the last
    /// stored frame before it stands in.
    pub exact: bool,
    /// A stable reference, when the frame is stored.
    pub reference: Option<String>,
    /// A strong entity tag: the BLAKE3 hash of the image.
    pub etag: String,
    /// What it costs, by model family.
    pub tokens: ImageTokens,
    /// Who answered.
    pub served: Served,
}

/// Asks for native frames of a short window, evenly chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BurstRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// From this second of media time, included.
    pub from: f64,
    /// To this second, excluded; at most 60 seconds later.
    pub to: f64,
    /// How many frames, 1 to 100; 8 when not given. All of the window's if it has fewer.
    pub count: Option<usize>,
    /// How wide.
    pub width: Width,
    /// WebP when not given.
    pub format: Option<ImageFormat>,
    /// State sizes and cost, send no images.
    pub dry_run: bool,
}
