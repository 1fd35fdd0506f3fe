//! A window cut out as a playable file.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::read::Served;

/// The longest clip, in seconds.
pub(super) const LONGEST: f64 = 600.0;

/// The file format of a clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ClipFormat {
    /// H.264 and AAC in MP4.
    #[default]
    Mp4,
    /// An animated GIF, without sound.
    Gif,
    /// An animated WebP, without sound.
    Webp,
}

/// Asks for a clip.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ClipRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// From this second of media time.
    pub from: f64,
    /// To this second; at most 600 seconds later.
    pub to: f64,
    /// The file format.
    pub format: ClipFormat,
    /// Copy the streams from the keyframe before `from` instead of encoding again (MP4 only).
    pub fast: bool,
}

/// A clip.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The video's id.
    pub video: String,
    /// The file.
    pub file: Bytes,
    /// Its media type.
    pub media_type: &'static str,
    /// The true first timestamp, seconds; before `from` when `fast`.
    pub from: f64,
    /// The true end, seconds.
    pub to: f64,
    /// Who answered.
    pub served: Served,
}
