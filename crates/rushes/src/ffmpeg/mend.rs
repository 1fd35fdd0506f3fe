//! Strictly increasing times out of what a decoder reported.

use super::timing::{FrameTime, Timing};

/// A frame as ffprobe lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// Its best-effort timestamp.
    pub(super) pts: Option<i64>,
    /// Its duration in units, 0 when unknown.
    pub(super) duration: i64,
    /// Whether it is a keyframe.
    pub(super) key: bool,
}

/// Fills in missing times and parts equal ones. `rate` is frames a second, for frames that come
/// without a time and a duration.
///
/// - No time: the end of the frame before.
/// - Equal to the one before, or a little earlier: one unit after it.
/// - More than a second earlier: the clock began anew (joined recordings); the rest goes on from
///   the end of the frame before.
pub(super) fn mended(listed: &[Listed], rate: Option<(u32, u32)>, empty: &Timing) -> Timing {
    let second = i64::from((empty.time_base.1 / empty.time_base.0).max(1));
    let (frames, seconds) = rate.unwrap_or((25, 1));
    let units = |count: u64| {
        let above = u128::from(count) * u128::from(seconds) * u128::from(empty.time_base.1);
        let below = u128::from(frames) * u128::from(empty.time_base.0);
        i64::try_from(above / below.max(1)).unwrap_or(i64::MAX)
    };
    let mut clock = Clock { last: None, shift: 0, second, missing: 0, mended: false };
    let mut times = Vec::with_capacity(listed.len());
    let mut end = 0;
    for frame in listed {
        let pts = clock.place(frame.pts, end);
        end = match frame.duration {
            told @ 1.. => pts.saturating_add(told),
            // From the first frame of its kind on, so that a fraction of a unit does not add up.
            _ => clock.without_length(pts, &units),
        };
        times.push(FrameTime { pts, key: frame.key });
    }
    let end = end.max(times.last().map_or(0, |last| last.pts.saturating_add(1)));
    let mended = clock.mended;
    Timing { frames: times, end, estimated: mended, counted: mended, ..empty.clone() }
}

struct Clock {
    last: Option<i64>,
    shift: i64,
    second: i64,
    missing: u64,
    mended: bool,
}

impl Clock {
    /// The time of the next frame, given where the one before ends.
    fn place(&mut self, told: Option<i64>, end: i64) -> i64 {
        let wanted = told.map(|pts| pts.saturating_add(self.shift));
        let pts = match (wanted, self.last) {
            (Some(pts), None) => pts,
            (Some(pts), Some(last)) if pts > last => pts,
            (Some(pts), Some(last)) if last.saturating_sub(pts) <= self.second => {
                self.mended = true;
                last.saturating_add(1)
            }
            (Some(pts), Some(last)) => {
                self.mended = true;
                let pts_now = end.max(last.saturating_add(1));
                self.shift = self.shift.saturating_add(pts_now.saturating_sub(pts));
                pts_now
            }
            (None, last) => {
                self.mended = true;
                end.max(last.map_or(end, |last| last.saturating_add(1)))
            }
        };
        self.last = Some(pts);
        pts
    }

    fn without_length(&mut self, pts: i64, units: &impl Fn(u64) -> i64) -> i64 {
        let step = units(self.missing + 1).saturating_sub(units(self.missing));
        self.missing += 1;
        pts.saturating_add(step.max(1))
    }
}
