//! Pictures: decode, resize, encode. Sizes in pixels, qualities 0 to 100.

use crate::error::{Error, Result};

/// A decoded picture: rows of R, G, B bytes without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 3` bytes.
    pub data: Vec<u8>,
}

/// A planar picture as video decoders give it: full-size luma, then two chroma planes of half the
/// size (rounded up) each way, BT.601 limited range, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yuv420 {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Y, then U, then V: `width * height + 2 * ceil(width / 2) * ceil(height / 2)` bytes.
    pub data: Vec<u8>,
}

/// An encoded picture's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
}

/// The greatest picture that a decoder may produce.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Greatest `width * height`.
    pub pixels: u64,
}

impl Default for Limits {
    /// 64 million pixels: an 8K frame and its double.
    fn default() -> Self {
        Self { pixels: 64 << 20 }
    }
}

/// Encodes planar YUV as lossy WebP (method 4), without a detour over RGB.
pub fn webp_from_yuv(_picture: &Yuv420, _quality: f32) -> Result<Vec<u8>> {
    Err(Error::Unsupported("not built yet".into()))
}

/// Encodes RGB as JPEG, PNG or lossy WebP (quality is ignored for PNG).
pub fn encode(_picture: &Rgb, _format: Format, _quality: f32) -> Result<Vec<u8>> {
    Err(Error::Unsupported("not built yet".into()))
}

/// Decodes JPEG, PNG or WebP; refuses more than the limits before allocating.
pub fn decode(_bytes: &[u8], _limits: Limits) -> Result<Rgb> {
    Err(Error::Unsupported("not built yet".into()))
}

/// Format, width and height from the first bytes, without decoding.
pub fn header(_bytes: &[u8]) -> Result<(Format, u32, u32)> {
    Err(Error::Unsupported("not built yet".into()))
}

/// Resizes with a good filter (Lanczos for shrinking). Sizes are at least 1.
pub fn resize(_picture: &Rgb, _width: u32, _height: u32) -> Result<Rgb> {
    Err(Error::Unsupported("not built yet".into()))
}
