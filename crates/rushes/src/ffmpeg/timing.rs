//! When each frame of a video is on screen: the true timestamps, in display order.

use super::display::Display;

/// One frame's place in time, in units of the stream's time base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameTime {
    /// Presentation timestamp.
    pub(crate) pts: i64,
    /// Whether decoding can begin here.
    pub(crate) key: bool,
}

/// The timing index of a video: its frames in display order, strictly increasing in time, and how
/// its pictures are displayed, so that a frame can be fetched without probing the file again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timing {
    /// Seconds of one unit, as numerator and denominator.
    pub(crate) time_base: (u32, u32),
    /// The frames.
    pub(crate) frames: Vec<FrameTime>,
    /// Where the last frame leaves the screen, in units.
    pub(crate) end: i64,
    /// Whether the file gave no or no usable presentation timestamps, and these are derived.
    pub(crate) estimated: bool,
    /// Whether a frame can only be found by counting decoded frames from the start, because the
    /// decoder's timestamps are missing or were mended here.
    pub(crate) counted: bool,
    /// The stream and how it is displayed.
    pub(crate) display: Display,
}

/// By how much less than itself a time may be printed or computed, seconds.
const PRINTED: f64 = 7e-7;

impl Timing {
    /// Seconds of a timestamp.
    pub(crate) fn seconds(&self, pts: i64) -> f64 {
        pts as f64 * f64::from(self.time_base.0) / f64::from(self.time_base.1)
    }

    /// Units of a time, with a fraction.
    pub(crate) fn units(&self, seconds: f64) -> f64 {
        seconds * f64::from(self.time_base.1) / f64::from(self.time_base.0)
    }

    /// The frame of this number.
    pub(crate) fn frame(&self, number: u64) -> Option<FrameTime> {
        self.frames.get(usize::try_from(number).ok()?).copied()
    }

    /// From the first frame's start to the last one's end, seconds.
    pub(crate) fn duration(&self) -> f64 {
        let first = self.frames.first().map_or(self.end, |frame| frame.pts);
        self.seconds(self.end) - self.seconds(first)
    }

    /// The number of the frame on screen at `at` seconds: the last that starts at or before it;
    /// the first frame for a time before it, `None` from the end of the video on.
    ///
    /// A time less than a microsecond before a frame's start is that start: seconds are printed
    /// rounded to it, and went through binary fractions.
    pub(crate) fn on_screen_at(&self, at: f64) -> Option<usize> {
        let at = self.units(at) + self.units(PRINTED).min(0.5);
        if self.frames.is_empty() || at.is_nan() || at >= self.end as f64 {
            return None;
        }
        let started = self.frames.partition_point(|frame| frame.pts as f64 <= at);
        Some(started.saturating_sub(1))
    }

    /// What the decoder's log calls the frame: its timestamp, or its number where frames are
    /// counted.
    pub(crate) fn stamp(&self, number: u64) -> Option<i64> {
        let frame = self.frame(number)?;
        if self.counted { i64::try_from(number).ok() } else { Some(frame.pts) }
    }

    /// The number of the frame that the decoder's log calls so.
    pub(crate) fn number_of(&self, stamp: i64) -> Option<u64> {
        if self.counted {
            return u64::try_from(stamp).ok().filter(|&number| self.frame(number).is_some());
        }
        let number = self.frames.binary_search_by_key(&stamp, |frame| frame.pts).ok()?;
        Some(number as u64)
    }

    /// The number of the keyframe from which decoding reaches this frame.
    pub(crate) fn key_before(&self, number: u64) -> Option<u64> {
        let upto = usize::try_from(number).ok()?.saturating_add(1).min(self.frames.len());
        let key = self.frames.get(..upto)?.iter().rposition(|frame| frame.key)?;
        Some(key as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timing(pts: impl IntoIterator<Item = i64>, end: i64) -> Timing {
        Timing {
            time_base: (1, 90_000),
            frames: pts.into_iter().map(|pts| FrameTime { pts, key: pts % 2 == 0 }).collect(),
            end,
            estimated: false,
            counted: false,
            display: Display::default(),
        }
    }

    proptest! {
        /// Against the definition: walk all frames.
        #[test]
        fn the_frame_on_screen_is_the_last_that_started(
            pts in prop::collection::btree_set(-900_000_i64..900_000, 1..60),
            stays in 1_i64..90_000,
            at in -1_000_000_i64..1_000_000,
        ) {
            let end = pts.last().unwrap() + stays;
            let timing = timing(pts.iter().copied(), end);
            let seconds = timing.seconds(at);
            let expected = (at < end).then(|| {
                pts.iter().filter(|&&start| start <= at).count().saturating_sub(1)
            });
            prop_assert_eq!(timing.on_screen_at(seconds), expected);
            // As printed by ffprobe, to the microsecond.
            let printed: f64 = format!("{seconds:.6}").parse().unwrap();
            prop_assert_eq!(timing.on_screen_at(printed), expected);
        }

        #[test]
        fn a_frame_is_found_by_its_stamp(
            pts in prop::collection::btree_set(any::<i64>(), 1..60),
            counted in any::<bool>(),
        ) {
            let timing = Timing { counted, ..timing(pts.iter().copied(), i64::MAX) };
            for number in 0..pts.len() as u64 {
                let stamp = timing.stamp(number).unwrap();
                prop_assert_eq!(timing.number_of(stamp), Some(number));
            }
            prop_assert_eq!(timing.stamp(pts.len() as u64), None);
        }
    }

    #[test]
    fn a_coarse_clock_does_not_bring_a_frame_early() {
        let coarse = Timing { time_base: (1, 25), ..timing(0..10, 10) };
        for (at, number) in [(0.0, 0), (0.039, 0), (0.0399, 0), (0.04, 1), (0.0799, 1), (0.38, 9)] {
            assert_eq!(coarse.on_screen_at(at), Some(number), "{at}");
        }
        assert_eq!((coarse.on_screen_at(0.3999), coarse.on_screen_at(0.4)), (Some(9), None));
    }

    #[test]
    fn decoding_begins_at_the_keyframe_before() {
        let timing = timing([1, 2, 3, 5, 6], 7);
        let keys: Vec<_> = (0..6).map(|number| timing.key_before(number)).collect();
        assert_eq!(keys, [None, Some(1), Some(1), Some(1), Some(4), Some(4)]);
    }

    #[test]
    fn nothing_is_on_screen_in_a_video_without_frames() {
        assert_eq!(timing([], 10).on_screen_at(0.0), None);
    }
}
