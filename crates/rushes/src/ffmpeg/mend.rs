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

/// Fills in missing times and parts equal ones. `rate` is frames a second, for files without any
/// time.
///
/// - No time: one usual step after the frame before; leading ones lie before the first that has
///   one.
/// - Equal to the one before, or a little earlier: one unit after it.
/// - More than a second earlier: the clock began anew (joined recordings); the rest goes on from
///   the frame before.
pub(super) fn mended(listed: &[Listed], rate: Option<(u32, u32)>, empty: &Timing) -> Timing {
    let step = usual_step(listed).unwrap_or_else(|| step_of_rate(rate, empty.time_base));
    let mut clock = Clock {
        next: start(listed, step),
        last: None,
        shift: 0,
        step,
        second: i64::from((empty.time_base.1 / empty.time_base.0).max(1)),
        mended: false,
    };
    let place = |frame: &Listed| FrameTime { pts: clock.place(frame.pts), key: frame.key };
    let frames: Vec<FrameTime> = listed.iter().map(place).collect();
    let told = listed.last().map_or(0, |frame| frame.duration);
    let stays = if told > 0 && !clock.mended { told } else { step };
    let end = frames.last().map_or(0, |last| last.pts.saturating_add(stays));
    Timing { frames, end, estimated: clock.mended, counted: clock.mended, ..empty.clone() }
}

/// The median distance of frames that have times, else their median duration.
fn usual_step(listed: &[Listed]) -> Option<i64> {
    let pairs = listed.iter().zip(listed.iter().skip(1));
    let steps = pairs.filter_map(|(a, b)| b.pts?.checked_sub(a.pts?));
    median(steps).or_else(|| median(listed.iter().map(|frame| frame.duration)))
}

fn median(steps: impl Iterator<Item = i64>) -> Option<i64> {
    let mut steps: Vec<i64> = steps.filter(|&step| step > 0).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied()
}

/// Units a frame at a rate; 25 a second when the file tells none.
fn step_of_rate(rate: Option<(u32, u32)>, (above, below): (u32, u32)) -> i64 {
    let (frames, seconds) = rate.unwrap_or((25, 1));
    let units = u64::from(seconds) * u64::from(below);
    i64::try_from(units / (u64::from(frames) * u64::from(above)).max(1)).unwrap_or(1).max(1)
}

/// Where the first frame is, given that some after it may be the first with a time.
fn start(listed: &[Listed], step: i64) -> i64 {
    let known = listed.iter().zip(0_i64..).find_map(|(frame, before)| Some((frame.pts?, before)));
    known.map_or(0, |(pts, before)| pts.saturating_sub(step.saturating_mul(before)))
}

struct Clock {
    /// Where a frame without a time would be.
    next: i64,
    last: Option<i64>,
    /// What a clock that began anew is behind.
    shift: i64,
    step: i64,
    second: i64,
    mended: bool,
}

impl Clock {
    fn place(&mut self, told: Option<i64>) -> i64 {
        let told = told.map(|pts| pts.saturating_add(self.shift));
        let pts = match (told, self.last) {
            (Some(pts), None) => pts,
            (Some(pts), Some(last)) if pts > last => pts,
            (Some(pts), Some(last)) => self.behind(pts, last),
            (None, _) => {
                self.mended = true;
                self.next
            }
        };
        self.last = Some(pts);
        self.next = pts.saturating_add(self.step);
        pts
    }

    fn behind(&mut self, pts: i64, last: i64) -> i64 {
        self.mended = true;
        if last.saturating_sub(pts) <= self.second {
            return last.saturating_add(1);
        }
        self.shift = self.shift.saturating_add(self.next.saturating_sub(pts));
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(told: &[Option<i64>]) -> (Vec<i64>, bool) {
        let listed: Vec<Listed> =
            told.iter().map(|&pts| Listed { pts, duration: 0, key: false }).collect();
        let empty = Timing {
            time_base: (1, 1000),
            frames: Vec::new(),
            end: 0,
            estimated: false,
            counted: false,
            display: super::super::display::Display::default(),
        };
        let timing = mended(&listed, Some((10, 1)), &empty);
        (timing.frames.iter().map(|frame| frame.pts).collect(), timing.counted)
    }

    #[test]
    fn good_times_stay() {
        assert_eq!(times(&[Some(-5), Some(0), Some(900)]), (vec![-5, 0, 900], false));
    }

    #[test]
    fn missing_ones_are_filled_from_their_neighbours() {
        let told = [None, None, Some(300), Some(400), None, Some(600), None];
        assert_eq!(times(&told), (vec![100, 200, 300, 400, 500, 600, 700], true));
        assert_eq!(times(&[None, None, None]), (vec![0, 100, 200], true));
    }

    #[test]
    fn equal_ones_are_parted_and_a_new_clock_goes_on() {
        assert_eq!(times(&[Some(0), Some(40), Some(40), Some(80)]), (vec![0, 40, 41, 80], true));
        let anew = [Some(9000), Some(9040), Some(0), Some(40), Some(80)];
        assert_eq!(times(&anew), (vec![9000, 9040, 9080, 9120, 9160], true));
    }
}
