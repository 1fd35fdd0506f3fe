//! The stored form of a timing index: versioned, delta-coded, checksummed.
//!
//! A four-byte mark, one byte of version, numbers as LEB128 (signed ones zigzag), and the first 16
//! bytes of the BLAKE3 of all before. Frames are differences of differences, with the key flag in
//! the lowest bit: two bytes a frame at the most for a constant rate.

use super::display::{Curve, Display, Turn};
use super::timing::{FrameTime, Timing};
use crate::error::{Error, Kind, Result};

const MARK: &[u8; 4] = b"RTIX";
const VERSION: u8 = 1;
const CHECK: usize = 16;

impl Timing {
    /// The bytes that [`Timing::from_bytes`] reads.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.frames.len() * 2);
        bytes.extend_from_slice(MARK);
        bytes.push(VERSION);
        for number in self.head() {
            put(&mut bytes, number);
        }
        let (mut last, mut step) = (0_i64, 0_i64);
        for frame in &self.frames {
            let now = frame.pts.wrapping_sub(last);
            let change = zigzag(now.wrapping_sub(step));
            put(&mut bytes, u128::from(change) << 1 | u128::from(frame.key));
            (last, step) = (frame.pts, now);
        }
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes().get(..CHECK).unwrap_or_default());
        bytes
    }

    fn head(&self) -> [u128; 12] {
        let display = &self.display;
        let flags = u128::from(self.estimated)
            | u128::from(self.counted) << 1
            | u128::from(display.matrix_known) << 2
            | u128::from(display.primaries_known) << 3;
        [
            u128::from(self.time_base.0),
            u128::from(self.time_base.1),
            u128::from(zigzag(self.end)),
            flags,
            u128::from(display.stream),
            u128::from(display.coded.0),
            u128::from(display.coded.1),
            u128::from(display.aspect.0),
            u128::from(display.aspect.1),
            display.turn as u128,
            display.curve as u128,
            self.frames.len() as u128,
        ]
    }

    /// Reads a stored index.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read(bytes).ok_or_else(|| {
            let text = "the timing index is damaged; ingest the video again to rebuild it";
            Error::new(Kind::Corrupt, text)
        })
    }
}

fn read(bytes: &[u8]) -> Option<Timing> {
    let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(CHECK)?)?;
    if blake3::hash(body).as_bytes().get(..CHECK)? != check {
        return None;
    }
    let mut rest = body.strip_prefix(MARK)?.strip_prefix(&[VERSION])?;
    let head = Head::take(&mut rest)?;
    // Each frame takes a byte or more, so a false count cannot ask for much memory.
    if head.frames > rest.len() as u64 {
        return None;
    }
    let frames = frames(&mut rest, head.frames)?;
    let increasing = frames.is_sorted_by(|a, b| a.pts < b.pts);
    let timing = Timing { frames, ..head.timing };
    (rest.is_empty() && increasing && timing.time_base.0 > 0 && timing.time_base.1 > 0)
        .then_some(timing)
}

struct Head {
    timing: Timing,
    frames: u64,
}

impl Head {
    fn take(rest: &mut &[u8]) -> Option<Self> {
        let mut next = || take(rest).and_then(|number| u64::try_from(number).ok());
        let small = |number: Option<u64>| u32::try_from(number?).ok();
        let time_base = (small(next())?, small(next())?);
        let (end, flags) = (unzigzag(next()?), next()?);
        let stream = small(next())?;
        let (coded, aspect) = ((small(next())?, small(next())?), (small(next())?, small(next())?));
        let (turn, curve) = (Turn::from_code(next()?)?, Curve::from_code(next()?)?);
        let (matrix_known, primaries_known) = (flags & 4 != 0, flags & 8 != 0);
        let display = Display { stream, coded, aspect, turn, curve, matrix_known, primaries_known };
        let (estimated, counted) = (flags & 1 != 0, flags & 2 != 0);
        let timing = Timing { time_base, frames: Vec::new(), end, estimated, counted, display };
        Some(Self { timing, frames: next()? })
    }
}

fn frames(rest: &mut &[u8], count: u64) -> Option<Vec<FrameTime>> {
    let (mut last, mut step) = (0_i64, 0_i64);
    (0..count)
        .map(|_| {
            let number = take(rest)?;
            step = step.wrapping_add(unzigzag(u64::try_from(number >> 1).ok()?));
            last = last.wrapping_add(step);
            Some(FrameTime { pts: last, key: number & 1 == 1 })
        })
        .collect()
}

fn zigzag(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn put(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(rest: &mut &[u8]) -> Option<u128> {
    let mut number = 0_u128;
    for shift in (0..70).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u128::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
