//! A thin wrapper of libwebp: the only `unsafe` code of this crate.
//!
//! Sizes are checked here, so that no caller can hand libwebp a plane that is shorter than the
//! picture says. Settings are libwebp's defaults (method 4, one thread), which are also those of
//! `cwebp -q QUALITY`: bytes and time compare. One thread, because frames are encoded side by side.

use std::ffi::{c_int, c_void};

use libwebp_sys as sys;

use crate::error::{Error, Result};

/// Greatest width and height of a WebP picture, in pixels.
pub(crate) const MAX_SIDE: u32 = 16_383;

/// What the first bytes of a WebP file declare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) has_alpha: bool,
    pub(crate) is_animated: bool,
}

/// Reads the header; nothing is decoded.
pub(crate) fn header(bytes: &[u8]) -> Result<Header> {
    let mut features = sys::WebPBitstreamFeatures {
        width: 0,
        height: 0,
        has_alpha: 0,
        has_animation: 0,
        format: 0,
        pad: [0; 5],
    };
    // SAFETY: the pointer and length are of one live slice, and `features` is a live struct that
    // libwebp only writes plain numbers to.
    let status = unsafe { sys::WebPGetFeatures(bytes.as_ptr(), bytes.len(), &raw mut features) };
    if status != sys::VP8StatusCode::VP8_STATUS_OK {
        return Err(Error::Corrupt(format!("WebP header: {}", reason(status))));
    }
    let (Ok(width), Ok(height)) = (u32::try_from(features.width), u32::try_from(features.height))
    else {
        return Err(Error::Corrupt("WebP header: negative size".into()));
    };
    Ok(Header {
        width,
        height,
        has_alpha: features.has_alpha != 0,
        is_animated: features.has_animation != 0,
    })
}

/// Decodes to R, G, B bytes; the caller has checked the header's size against its limits.
pub(crate) fn decode_rgb(bytes: &[u8], header: Header) -> Result<Vec<u8>> {
    decode(bytes, header, 3, sys::WebPDecodeRGBInto)
}

/// Decodes to R, G, B, A bytes; the caller has checked the header's size against its limits.
pub(crate) fn decode_rgba(bytes: &[u8], header: Header) -> Result<Vec<u8>> {
    decode(bytes, header, 4, sys::WebPDecodeRGBAInto)
}

type DecodeInto = unsafe extern "C" fn(*const u8, usize, *mut u8, usize, c_int) -> *mut u8;

fn decode(bytes: &[u8], header: Header, channels: usize, into: DecodeInto) -> Result<Vec<u8>> {
    let stride = header.width as usize * channels;
    let mut pixels = vec![0; stride * header.height as usize];
    let c_stride = c_int_of(stride)?;
    // SAFETY: both pointers come with the length of the live slice they point to; libwebp writes
    // at most `pixels.len()` bytes and refuses a picture whose rows do not fit the stride.
    let written =
        unsafe { into(bytes.as_ptr(), bytes.len(), pixels.as_mut_ptr(), pixels.len(), c_stride) };
    if written.is_null() {
        return Err(Error::Corrupt("WebP picture is truncated or damaged".into()));
    }
    Ok(pixels)
}

/// Encodes Y, U and V planes without padding (chroma half-size, rounded up) as lossy WebP.
pub(crate) fn encode_yuv(
    width: u32,
    height: u32,
    planes: [&[u8]; 3],
    quality: f32,
) -> Result<Vec<u8>> {
    let [y, u, v] = planes;
    let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
    expect_bytes("luma plane", y, area(width, height))?;
    expect_bytes("first chroma plane", u, area(chroma_width, chroma_height))?;
    expect_bytes("second chroma plane", v, area(chroma_width, chroma_height))?;
    let mut picture = Picture::new(width, height)?;
    picture.0.use_argb = 0;
    picture.0.colorspace = sys::WebPEncCSP::WEBP_YUV420;
    // libwebp only reads planes that carry no alpha; the field types have no const form.
    picture.0.y = y.as_ptr().cast_mut();
    picture.0.u = u.as_ptr().cast_mut();
    picture.0.v = v.as_ptr().cast_mut();
    picture.0.y_stride = c_int_of(width as usize)?;
    picture.0.uv_stride = c_int_of(chroma_width as usize)?;
    picture.encode(quality)
}

/// Encodes rows of R, G, B bytes as lossy WebP.
pub(crate) fn encode_rgb(width: u32, height: u32, rgb: &[u8], quality: f32) -> Result<Vec<u8>> {
    expect_bytes("RGB picture", rgb, area(width, height).saturating_mul(3))?;
    let mut picture = Picture::new(width, height)?;
    let stride = c_int_of(width as usize * 3)?;
    // SAFETY: `picture` is initialised and has the size that `rgb` was checked against; libwebp
    // copies the rows into memory of its own, which `Picture` frees.
    let imported = unsafe { sys::WebPPictureImportRGB(&raw mut picture.0, rgb.as_ptr(), stride) };
    if imported == 0 {
        return Err(picture.error());
    }
    picture.encode(quality)
}

/// An initialised picture that gives its memory back.
struct Picture(sys::WebPPicture);

impl Picture {
    fn new(width: u32, height: u32) -> Result<Self> {
        if width == 0 || height == 0 {
            return Err(Error::Invalid(format!("an empty picture: {width}x{height}")));
        }
        if width > MAX_SIDE || height > MAX_SIDE {
            let text = format!("{width}x{height} pixels; WebP holds at most {MAX_SIDE} a side");
            return Err(Error::TooLarge(text));
        }
        let mut picture = sys::WebPPicture::new().map_err(|()| {
            Error::Unsupported("this libwebp has another interface version".into())
        })?;
        picture.width = c_int_of(width as usize)?;
        picture.height = c_int_of(height as usize)?;
        Ok(Self(picture))
    }

    fn encode(mut self, quality: f32) -> Result<Vec<u8>> {
        let config = config(quality)?;
        let mut out: Vec<u8> = Vec::new();
        self.0.writer = Some(append);
        self.0.custom_ptr = (&raw mut out).cast::<c_void>();
        // SAFETY: config and picture are initialised, the planes that the picture points to
        // outlive this call and have the checked sizes, and `out`, which `append` writes to,
        // is touched by nobody else until the call returns.
        let done = unsafe { sys::WebPEncode(&raw const config, &raw mut self.0) };
        if done == 0 { Err(self.error()) } else { Ok(out) }
    }

    fn error(&self) -> Error {
        Error::Invalid(format!("libwebp cannot encode this picture: {:?}", self.0.error_code))
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`; frees only what libwebp itself allocated, never the
        // planes that were lent.
        unsafe { sys::WebPPictureFree(&raw mut self.0) }
    }
}

/// Receives the encoded bytes: `custom_ptr` is the `Vec<u8>` that [`Picture::encode`] put there.
unsafe extern "C" fn append(
    data: *const u8,
    len: usize,
    picture: *const sys::WebPPicture,
) -> c_int {
    if len == 0 {
        return 1;
    }
    // SAFETY: libwebp calls this with a live picture and `len` readable bytes, on the thread and
    // within the call of `WebPEncode`, while the vector behind `custom_ptr` is alive.
    unsafe {
        let out = &mut *(*picture).custom_ptr.cast::<Vec<u8>>();
        out.extend_from_slice(std::slice::from_raw_parts(data, len));
    }
    1
}

fn config(quality: f32) -> Result<sys::WebPConfig> {
    if !(0.0..=100.0).contains(&quality) {
        return Err(Error::Invalid(format!("quality {quality} is not between 0 and 100")));
    }
    let mut config = sys::WebPConfig::new()
        .map_err(|()| Error::Unsupported("this libwebp has another interface version".into()))?;
    config.quality = quality;
    Ok(config)
}

fn reason(status: sys::VP8StatusCode) -> &'static str {
    use sys::VP8StatusCode as Code;
    match status {
        Code::VP8_STATUS_NOT_ENOUGH_DATA | Code::VP8_STATUS_SUSPENDED => "the data ends too early",
        Code::VP8_STATUS_UNSUPPORTED_FEATURE => "uses a feature that libwebp does not know",
        Code::VP8_STATUS_OUT_OF_MEMORY => "not enough memory",
        _ => "not a valid WebP bitstream",
    }
}

fn area(width: u32, height: u32) -> usize {
    width as usize * height as usize
}

fn expect_bytes(what: &str, bytes: &[u8], expected: usize) -> Result<()> {
    if bytes.len() == expected {
        return Ok(());
    }
    Err(Error::Invalid(format!("{what} has {} bytes where {expected} are due", bytes.len())))
}

fn c_int_of(value: usize) -> Result<c_int> {
    c_int::try_from(value).map_err(|_| Error::TooLarge(format!("rows of {value} bytes")))
}
