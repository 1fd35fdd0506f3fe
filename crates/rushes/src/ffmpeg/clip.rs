//! A window cut out as a file.

use std::path::Path;

use bytes::Bytes;

use super::limits::Limits;
use super::timing::Timing;
use crate::answer::ClipFormat;
use crate::error::{Error, Kind, Result};

/// A cut clip and its true times.
#[derive(Clone, Debug)]
pub(crate) struct CutClip {
    /// The file.
    pub(crate) file: Bytes,
    /// First timestamp, seconds of the source's media time.
    pub(crate) from: f64,
    /// End, seconds.
    pub(crate) to: f64,
}

/// Cuts `[from, to)`. `fast` copies streams from the keyframe at or before `from`.
pub(crate) async fn cut(
    _path: &Path,
    _timing: &Timing,
    _from: f64,
    _to: f64,
    _format: ClipFormat,
    _fast: bool,
    _limits: &Limits,
) -> Result<CutClip> {
    Err(Error::new(Kind::Unsupported, "not built yet"))
}
