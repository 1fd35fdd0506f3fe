//! Pictures: decode, resize, encode. Sizes in pixels, qualities 0 to 100.
//!
//! Bytes from outside are not trusted: the header is read first and held against the caller's
//! [`Limits`], so a file of 40 bytes that claims 30000x30000 pixels is refused before anything of
//! that size is allocated. Transparent pictures are laid on white, since [`Rgb`] has no alpha.

use std::io::Cursor;

use ::image::codecs::{jpeg, png};
use ::image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder};
use fast_image_resize as resizer;
use fast_image_resize::images::{TypedImage, TypedImageRef};

use crate::error::{Error, Result};
use crate::webp;

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

impl Rgb {
    /// A picture of one colour. Refuses more pixels than the default [`Limits`].
    pub fn filled(width: u32, height: u32, colour: [u8; 3]) -> Result<Self> {
        Limits::default().check(width, height)?;
        let data = colour.repeat(area(width, height));
        Ok(Self { width, height, data })
    }

    /// Brightness of each pixel, 0 to 255 (BT.601 weights): `width * height` bytes.
    pub fn luma(&self) -> Vec<u8> {
        let bright = |pixel: &[u8]| match *pixel {
            // At most 255 * 256 before the shift.
            [r, g, b] => ((77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)) >> 8) as u8,
            _ => 0,
        };
        self.data.chunks_exact(3).map(bright).collect()
    }

    fn check(&self) -> Result<()> {
        expect_len(
            "RGB",
            self.width,
            self.height,
            self.data.len(),
            area(self.width, self.height).saturating_mul(3),
        )
    }
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

impl Yuv420 {
    /// Bytes of a picture of this size.
    pub fn bytes(width: u32, height: u32) -> usize {
        let chroma = area(width.div_ceil(2), height.div_ceil(2));
        area(width, height).saturating_add(chroma.saturating_mul(2))
    }

    /// The Y, U and V planes; fails when the data is not as long as the size asks.
    pub fn planes(&self) -> Result<[&[u8]; 3]> {
        let due = Self::bytes(self.width, self.height);
        expect_len("YUV", self.width, self.height, self.data.len(), due)?;
        let (luma, chroma) = self.data.split_at(area(self.width, self.height));
        let (u, v) = chroma.split_at(chroma.len() / 2);
        Ok([luma, u, v])
    }
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

impl Format {
    /// The format that the first bytes announce, if it is one of ours.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }

    /// The media type, such as `image/webp`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }
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

impl Limits {
    fn check(self, width: u32, height: u32) -> Result<()> {
        if width == 0 || height == 0 {
            return Err(Error::Corrupt(format!("an empty picture: {width}x{height}")));
        }
        if u64::from(width) * u64::from(height) > self.pixels {
            let text = format!("{width}x{height} pixels; at most {} are allowed", self.pixels);
            return Err(Error::TooLarge(text));
        }
        Ok(())
    }

    /// For decoders of the `image` crate: pixels of up to 16 bits and four channels.
    fn of_image_crate(self) -> ::image::Limits {
        let mut limits = ::image::Limits::no_limits();
        limits.max_alloc = Some(self.pixels.saturating_mul(8).saturating_add(1 << 20));
        limits
    }
}

/// Encodes planar YUV as lossy WebP (method 4), without a detour over RGB: the same settings as
/// `cwebp -q QUALITY`. At most 16,383 pixels a side.
pub fn webp_from_yuv(picture: &Yuv420, quality: f32) -> Result<Vec<u8>> {
    webp::encode_yuv(picture.width, picture.height, picture.planes()?, quality)
}

/// Encodes RGB as JPEG, PNG or lossy WebP (quality is ignored for PNG).
pub fn encode(picture: &Rgb, format: Format, quality: f32) -> Result<Vec<u8>> {
    picture.check()?;
    if !(0.0..=100.0).contains(&quality) {
        return Err(Error::Invalid(format!("quality {quality} is not between 0 and 100")));
    }
    let (width, height) = (picture.width, picture.height);
    let mut out = Vec::new();
    let written = match format {
        Format::WebP => return webp::encode_rgb(width, height, &picture.data, quality),
        Format::Jpeg => jpeg::JpegEncoder::new_with_quality(&mut out, quality.max(1.0) as u8)
            .write_image(&picture.data, width, height, ExtendedColorType::Rgb8),
        Format::Png => png::PngEncoder::new(&mut out).write_image(
            &picture.data,
            width,
            height,
            ExtendedColorType::Rgb8,
        ),
    };
    written.map_err(|error| Error::Invalid(format!("{width}x{height} picture: {error}")))?;
    Ok(out)
}

/// Decodes JPEG, PNG or WebP; refuses more than the limits before allocating. Alpha is laid on
/// white. Animated WebP and truncated files of any format are errors, never half a picture.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Rgb> {
    match sniff(bytes)? {
        Format::WebP => decode_webp(bytes, limits),
        Format::Jpeg => decode_jpeg(bytes, limits),
        Format::Png => finish(png_decoder(bytes, limits)?, limits),
    }
}

/// Format, width and height from the first bytes, without decoding.
pub fn header(bytes: &[u8]) -> Result<(Format, u32, u32)> {
    let format = sniff(bytes)?;
    let (width, height) = match format {
        Format::WebP => {
            let header = webp::header(bytes)?;
            (header.width, header.height)
        }
        Format::Jpeg => jpeg_decoder(bytes)?.dimensions(),
        Format::Png => png_decoder(bytes, Limits::default())?.dimensions(),
    };
    Ok((format, width, height))
}

/// Resizes with a good filter: Lanczos for shrinking, bicubic for enlarging. Sizes are at least 1
/// and within the default [`Limits`].
pub fn resize(picture: &Rgb, width: u32, height: u32) -> Result<Rgb> {
    picture.check()?;
    Limits::default().check(width, height).map_err(|error| match error {
        Error::Corrupt(text) => Error::Invalid(text),
        other => other,
    })?;
    if (width, height) == (picture.width, picture.height) {
        return Ok(picture.clone());
    }
    let shrinks = width <= picture.width && height <= picture.height;
    let filter =
        if shrinks { resizer::FilterType::Lanczos3 } else { resizer::FilterType::CatmullRom };
    let (from, to) = ((picture.width, picture.height), (width, height));
    let data = resized::<resizer::pixels::U8x3>(&picture.data, from, to, filter)?;
    Ok(Rgb { width, height, data })
}

/// Resizes packed pixels of one type; sizes have been checked against the data. (Naming the type
/// spares compiling the resizer for its fourteen others.)
pub(crate) fn resized<P: resizer::PixelTrait>(
    data: &[u8],
    from: (u32, u32),
    to: (u32, u32),
    filter: resizer::FilterType,
) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::Invalid(format!("cannot resize {}x{} to {}x{}: {error}", from.0, from.1, to.0, to.1))
    };
    let mut bytes = vec![0; area(to.0, to.1) * P::size()];
    let source =
        TypedImageRef::<P>::from_buffer(from.0, from.1, data).map_err(|error| failed(&error))?;
    let mut target =
        TypedImage::<P>::from_buffer(to.0, to.1, &mut bytes).map_err(|error| failed(&error))?;
    let options = resizer::ResizeOptions::new().resize_alg(resizer::ResizeAlg::Convolution(filter));
    resizer::Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(|error| failed(&error))?;
    Ok(bytes)
}

fn decode_webp(bytes: &[u8], limits: Limits) -> Result<Rgb> {
    let header = webp::header(bytes)?;
    if header.is_animated {
        return Err(Error::Unsupported("animated WebP; give a still picture".into()));
    }
    let (width, height) = (header.width, header.height);
    limits.check(width, height)?;
    let data = if header.has_alpha {
        over_white(&webp::decode_rgba(bytes, header)?)
    } else {
        webp::decode_rgb(bytes, header)?
    };
    Ok(Rgb { width, height, data })
}

fn decode_jpeg(bytes: &[u8], limits: Limits) -> Result<Rgb> {
    let decoder = jpeg_decoder(bytes)?;
    // The decoder fills what a cut-off file lacks with grey; half a picture is not an answer.
    if !jpeg_is_complete(bytes) {
        return Err(Error::Corrupt("JPEG is truncated: its end marker is missing".into()));
    }
    finish(decoder, limits)
}

/// Whether an end marker follows the last scan: entropy-coded data cannot hold one, and those of
/// embedded thumbnails come before the scan.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xFF, marker]);
    match (last(0xDA), last(0xD9)) {
        (Some(scan), Some(end)) => scan < end,
        _ => false,
    }
}

fn jpeg_decoder(bytes: &[u8]) -> Result<jpeg::JpegDecoder<Cursor<&[u8]>>> {
    jpeg::JpegDecoder::new(Cursor::new(bytes)).map_err(|error| from_image_crate(&error))
}

fn png_decoder(bytes: &[u8], limits: Limits) -> Result<png::PngDecoder<Cursor<&[u8]>>> {
    png::PngDecoder::with_limits(Cursor::new(bytes), limits.of_image_crate())
        .map_err(|error| from_image_crate(&error))
}

fn finish(mut decoder: impl ImageDecoder, limits: Limits) -> Result<Rgb> {
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    decoder.set_limits(limits.of_image_crate()).map_err(|error| from_image_crate(&error))?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| from_image_crate(&error))?;
    let data = if picture.color().has_alpha() {
        over_white(picture.into_rgba8().as_raw())
    } else {
        picture.into_rgb8().into_raw()
    };
    Ok(Rgb { width, height, data })
}

/// Lays R, G, B, A pixels on white.
fn over_white(rgba: &[u8]) -> Vec<u8> {
    let blend = |colour: u8, alpha: u8| {
        let (colour, alpha) = (u32::from(colour), u32::from(alpha));
        ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let (pixels, _) = rgba.as_chunks::<4>();
    pixels.iter().flat_map(|&[r, g, b, a]| [blend(r, a), blend(g, a), blend(b, a)]).collect()
}

fn sniff(bytes: &[u8]) -> Result<Format> {
    Format::sniff(bytes)
        .ok_or_else(|| Error::Unsupported("neither JPEG, PNG nor WebP by its first bytes".into()))
}

fn from_image_crate(error: &::image::ImageError) -> Error {
    use ::image::ImageError as Kind;
    match error {
        Kind::Limits(_) => Error::TooLarge(error.to_string()),
        Kind::Unsupported(_) => Error::Unsupported(error.to_string()),
        _ => Error::Corrupt(error.to_string()),
    }
}

fn area(width: u32, height: u32) -> usize {
    width as usize * height as usize
}

fn expect_len(what: &str, width: u32, height: u32, found: usize, due: usize) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::Invalid(format!("an empty {what} picture: {width}x{height}")));
    }
    if found == due {
        return Ok(());
    }
    let text = format!("{what} picture of {width}x{height} has {found} bytes where {due} are due");
    Err(Error::Invalid(text))
}
