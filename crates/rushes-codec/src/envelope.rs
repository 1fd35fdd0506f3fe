//! A self-describing wrapper: bytes that can be checked, and refused, before they are believed.
//!
//! ```text
//! offset  bytes  what
//!      0      4  "RSHE"
//!      4      1  version of this layout: 1
//!      5      1  algorithm: 0 stored as is, 1 zstd
//!      6      2  zero
//!      8      8  raw length, little endian
//!     16      8  stored length, little endian
//!     24     16  first half of the BLAKE3 hash of bytes 0..24 and of what follows the header
//!     40      …  the stored bytes
//! ```
//!
//! The checksum covers the header too, so a flipped bit anywhere is found, and it is checked
//! before anything is restored: a decompressor never sees bytes that we did not write. Lengths are
//! held against the caller's limit first, so a forged header cannot ask for memory.

use crate::error::{Error, Result};
use crate::json;

const MAGIC: &[u8; 4] = b"RSHE";
const VERSION: u8 = 1;
const CHECKED: usize = 24;

/// Bytes that a header takes.
pub const HEADER: usize = 40;

/// How the stored bytes were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Algorithm {
    /// As they are: for what is compressed already, such as pictures.
    Stored = 0,
    /// One zstd frame.
    Zstd = 1,
}

/// What a header says, before its body is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How the body was made.
    pub algorithm: Algorithm,
    /// Bytes after restoring.
    pub raw_length: u64,
    /// Bytes of the body.
    pub stored_length: u64,
}

/// Wraps bytes, compressed when that makes them shorter.
pub fn seal(raw: &[u8], algorithm: Algorithm) -> Result<Vec<u8>> {
    match algorithm {
        Algorithm::Stored => Ok(wrap(Algorithm::Stored, raw.len(), raw)),
        Algorithm::Zstd => {
            let packed = json::compress(raw)?;
            if packed.len() < raw.len() {
                return Ok(wrap(Algorithm::Zstd, raw.len(), &packed));
            }
            Ok(wrap(Algorithm::Stored, raw.len(), raw))
        }
    }
}

/// Checks an envelope and gives its bytes back, up to `limit` of them.
///
/// # Errors
/// [`Error::TooLarge`] when it declares more than `limit`; [`Error::Unsupported`] for another
/// version or algorithm; [`Error::Corrupt`] for everything else that does not hold.
pub fn open(envelope: &[u8], limit: usize) -> Result<Vec<u8>> {
    let header = header(envelope)?;
    if header.raw_length > limit as u64 {
        let text = format!("declares {} bytes; at most {limit} are allowed", header.raw_length);
        return Err(Error::TooLarge(text));
    }
    let (head, body) = envelope.split_at_checked(HEADER).ok_or_else(too_short)?;
    if body.len() as u64 != header.stored_length {
        let text = format!("{} bytes where {} are declared", body.len(), header.stored_length);
        return Err(Error::Corrupt(text));
    }
    let (checked, sum) = head.split_at_checked(CHECKED).ok_or_else(too_short)?;
    if checksum(checked, body) != sum {
        return Err(Error::Corrupt("the checksum does not fit".into()));
    }
    restore(header, body)
}

/// Reads the header alone: what the envelope says of itself, unchecked against its body.
pub fn header(envelope: &[u8]) -> Result<Header> {
    let mut fields = Fields(envelope);
    if &fields.next::<4>()? != MAGIC {
        return Err(Error::Corrupt("not an envelope: it does not start with RSHE".into()));
    }
    let [version, algorithm] = fields.next()?;
    if version != VERSION {
        return Err(Error::Unsupported(format!("envelope version {version}; this is {VERSION}")));
    }
    let algorithm = match algorithm {
        0 => Algorithm::Stored,
        1 => Algorithm::Zstd,
        other => return Err(Error::Unsupported(format!("envelope algorithm {other}"))),
    };
    if fields.next()? != [0, 0] {
        return Err(Error::Corrupt("reserved bytes are not zero".into()));
    }
    let raw_length = u64::from_le_bytes(fields.next()?);
    let stored_length = u64::from_le_bytes(fields.next()?);
    Ok(Header { algorithm, raw_length, stored_length })
}

fn restore(header: Header, body: &[u8]) -> Result<Vec<u8>> {
    // The limit was held against the declared length: nothing may come out longer.
    let raw = match header.algorithm {
        Algorithm::Stored => body.to_vec(),
        Algorithm::Zstd => json::restore(body, usize::try_from(header.raw_length).unwrap_or(0))?,
    };
    if raw.len() as u64 != header.raw_length {
        let text = format!("{} bytes where {} are declared", raw.len(), header.raw_length);
        return Err(Error::Corrupt(text));
    }
    Ok(raw)
}

fn wrap(algorithm: Algorithm, raw_length: usize, body: &[u8]) -> Vec<u8> {
    let mut envelope = Vec::with_capacity(HEADER + body.len());
    envelope.extend_from_slice(MAGIC);
    envelope.extend_from_slice(&[VERSION, algorithm as u8, 0, 0]);
    envelope.extend_from_slice(&(raw_length as u64).to_le_bytes());
    envelope.extend_from_slice(&(body.len() as u64).to_le_bytes());
    let sum = checksum(&envelope, body);
    envelope.extend_from_slice(&sum);
    envelope.extend_from_slice(body);
    envelope
}

fn checksum(head: &[u8], body: &[u8]) -> [u8; HEADER - CHECKED] {
    let hash = blake3::Hasher::new().update(head).update(body).finalize();
    std::array::from_fn(|at| hash.as_bytes()[at])
}

/// Takes fixed-size fields off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn next<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk().ok_or_else(too_short)?;
        self.0 = rest;
        Ok(*field)
    }
}

fn too_short() -> Error {
    Error::Corrupt(format!("an envelope has at least {HEADER} bytes"))
}
