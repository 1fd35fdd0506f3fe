//! A full segment's part of the index, as a file beside it.
//!
//! `b"RUSHIDX1"`, 16 bytes of digest, then the segment's length, the lowest generation that one
//! of its records has seen, and for each record its name (16 bytes), offset and length (4 each).

use std::fs;
use std::io;
use std::path::Path;

use super::segments::{Name, Segment, Slot};

const MAGIC: &[u8; 8] = b"RUSHIDX1";
const DIGEST: usize = 16;
const RECORD: usize = 24;

/// Writes the index of a segment.
pub(crate) fn write(path: &Path, segment: &Segment) -> io::Result<()> {
    let mut body = Vec::with_capacity(16 + segment.records.len() * RECORD);
    body.extend_from_slice(&segment.length.to_le_bytes());
    body.extend_from_slice(&segment.oldest.to_le_bytes());
    for (name, slot) in &segment.records {
        body.extend_from_slice(&name.to_le_bytes());
        body.extend_from_slice(&slot.offset.to_le_bytes());
        body.extend_from_slice(&slot.length.to_le_bytes());
    }
    fs::write(path, [MAGIC, digest(&body).as_slice(), &body].concat())
}

/// Reads the index of a segment of this length back; `None` when it is torn or of another state.
pub(crate) fn read(path: &Path, id: u64, length: u64) -> Option<(u64, Vec<(Name, Slot)>)> {
    let bytes = fs::read(path).ok()?;
    let (expected, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<DIGEST>()?;
    if digest(body) != *expected {
        return None;
    }
    let (of_length, rest) = body.split_first_chunk::<8>()?;
    let (oldest, rest) = rest.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*of_length) != length {
        return None;
    }
    let records = rest.chunks_exact(RECORD).filter_map(|record| {
        let (name, rest) = record.split_first_chunk::<16>()?;
        let (offset, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*rest.first_chunk::<4>()?);
        let slot = Slot { segment: id, offset: u32::from_le_bytes(*offset), length };
        Some((Name::from_le_bytes(*name), slot))
    });
    Some((u64::from_le_bytes(*oldest), records.collect()))
}

fn digest(body: &[u8]) -> [u8; DIGEST] {
    let mut digest = [0; DIGEST];
    blake3::Hasher::new().update(body).finalize_xof().fill(&mut digest);
    digest
}
