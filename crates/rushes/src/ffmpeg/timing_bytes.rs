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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn display()(
            stream in 0_u32..9,
            coded in (any::<u32>(), any::<u32>()),
            aspect in (any::<u32>(), any::<u32>()),
            turn in 0_u64..8,
            curve in 0_u64..3,
            known in any::<(bool, bool)>(),
        ) -> Display {
            let (turn, curve) = (Turn::from_code(turn).unwrap(), Curve::from_code(curve).unwrap());
            let (matrix_known, primaries_known) = known;
            Display { stream, coded, aspect, turn, curve, matrix_known, primaries_known }
        }
    }

    prop_compose! {
        fn timing()(
            time_base in (1_u32.., 1_u32..),
            frames in prop::collection::btree_map(any::<i64>(), any::<bool>(), 0..200),
            end in any::<i64>(),
            flags in any::<(bool, bool)>(),
            display in display(),
        ) -> Timing {
            let frames = frames.into_iter().map(|(pts, key)| FrameTime { pts, key }).collect();
            Timing { time_base, frames, end, estimated: flags.0, counted: flags.1, display }
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_is_what_is_read(timing in timing()) {
            prop_assert_eq!(Timing::from_bytes(&timing.to_bytes()).unwrap(), timing);
        }

        #[test]
        fn any_flipped_bit_is_noticed(timing in timing(), place in any::<prop::sample::Index>()) {
            let mut bytes = timing.to_bytes();
            let bit = place.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Timing::from_bytes(&bytes).is_err());
        }

        #[test]
        fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Timing::from_bytes(&bytes).is_err());
        }

        #[test]
        fn garbage_with_a_good_checksum_does_no_harm(
            tail in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = [MARK.as_slice(), &[VERSION], &tail].concat();
            bytes.extend_from_slice(&blake3::hash(&bytes).as_bytes()[..CHECK]);
            if let Ok(timing) = Timing::from_bytes(&bytes) {
                prop_assert!(timing.frames.is_sorted_by(|a, b| a.pts < b.pts));
                let _ = (timing.duration(), timing.display.fit(64), timing.on_screen_at(1.0));
            }
        }
    }

    #[test]
    fn a_constant_rate_takes_a_byte_a_frame() {
        let frames = (0..100_000).map(|n| FrameTime { pts: n * 512, key: n % 250 == 0 }).collect();
        let timing = Timing {
            time_base: (1, 12_800),
            frames,
            end: 51_200_000,
            estimated: false,
            counted: false,
            display: Display::default(),
        };
        assert!(timing.to_bytes().len() < 100_100);
    }
}
