//! JSON in fewer bytes: zstd with sizes that are checked before they are believed.
//!
//! The compressed form is one zstd frame that states its raw length, so that whoever restores it
//! can refuse before anything is allocated. Small documents of one shape gain little alone; they
//! need a dictionary made of their like (see [`Dictionary`]).

use std::io::Read;

use crate::error::{Error, Result};

/// The zstd level: what 3 saves over 1 on our rows is worth its time, what 19 saves is not.
const LEVEL: i32 = 3;

/// Samples of the documents to come: short ones then compress several times better. Both sides
/// need the same bytes.
pub struct Dictionary {
    raw: Vec<u8>,
}

impl std::fmt::Debug for Dictionary {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Dictionary({} bytes)", self.raw.len())
    }
}

impl Dictionary {
    /// Learns from documents of the same kind; `size` is the most it may weigh, in bytes (16 KiB
    /// is a good start). Fails when the samples are too few: give a hundred or more.
    pub fn learn(samples: &[impl AsRef<[u8]>], size: usize) -> Result<Self> {
        let raw = zstd::dict::from_samples(samples, size)
            .map_err(|error| Error::Invalid(format!("{} samples: {error}", samples.len())))?;
        Ok(Self { raw })
    }

    /// A dictionary that was stored before.
    pub fn of_bytes(raw: Vec<u8>) -> Self {
        Self { raw }
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }
}

/// Compresses a document. The text is not parsed: what is not JSON compresses as well.
pub fn compress(json: &[u8]) -> Result<Vec<u8>> {
    compress_with(json, None)
}

/// Compresses a document with a dictionary.
pub fn compress_with(json: &[u8], dictionary: Option<&Dictionary>) -> Result<Vec<u8>> {
    let raw = dictionary.map_or(&[][..], Dictionary::as_bytes);
    zstd::bulk::Compressor::with_dictionary(LEVEL, raw)
        .and_then(|mut compressor| compressor.compress(json))
        .map_err(|error| Error::Invalid(format!("cannot compress {} bytes: {error}", json.len())))
}

/// Restores what [`compress`] made, up to `limit` bytes.
pub fn restore(compressed: &[u8], limit: usize) -> Result<Vec<u8>> {
    restore_with(compressed, limit, None)
}

/// Restores what [`compress_with`] made with the same dictionary, up to `limit` bytes.
///
/// # Errors
/// [`Error::TooLarge`] when the frame declares or gives more than `limit`; [`Error::Corrupt`] when
/// it is cut off, damaged, followed by other bytes, or was made with another dictionary.
pub fn restore_with(
    compressed: &[u8],
    limit: usize,
    dictionary: Option<&Dictionary>,
) -> Result<Vec<u8>> {
    let declared = declared_length(compressed)?;
    if declared > limit as u64 {
        return Err(Error::TooLarge(format!(
            "declares {declared} bytes; at most {limit} are allowed"
        )));
    }
    let damaged = |error: std::io::Error| Error::Corrupt(format!("zstd frame: {error}"));
    let raw = dictionary.map_or(&[][..], Dictionary::as_bytes);
    let decoder = zstd::Decoder::with_dictionary(compressed, raw).map_err(damaged)?;
    // Grows with what really comes out: a frame that only claims to be large costs nothing.
    let mut json = Vec::new();
    decoder.take(declared.saturating_add(1)).read_to_end(&mut json).map_err(damaged)?;
    if json.len() as u64 != declared {
        return Err(Error::Corrupt(format!("{} bytes where {declared} are declared", json.len())));
    }
    Ok(json)
}

/// The raw length that the frame's header states; also checks that the frame is all there is.
fn declared_length(compressed: &[u8]) -> Result<u64> {
    let whole = zstd::zstd_safe::find_frame_compressed_size(compressed).map_err(|code| {
        Error::Corrupt(format!("zstd frame: {}", zstd::zstd_safe::get_error_name(code)))
    })?;
    if whole != compressed.len() {
        let spare = compressed.len().saturating_sub(whole);
        return Err(Error::Corrupt(format!("{spare} bytes follow the zstd frame")));
    }
    zstd::zstd_safe::get_frame_content_size(compressed)
        .ok()
        .flatten()
        .ok_or_else(|| Error::Corrupt("the zstd frame does not state its length".into()))
}
