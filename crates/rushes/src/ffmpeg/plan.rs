//! From what was asked to frame numbers, and from numbers to runs of the decoder.

use super::timing::Timing;
use crate::ingest::Sampling;

/// Pixels that are decoded in the time that a further child and its seek take.
const SEEK_PIXELS: u64 = 200_000_000;

/// Frames of a run that is over before decoding side by side pays.
const SHORT: u64 = 300;

/// Numbers that one run of the decoder fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The keyframe to seek to; from the start without.
    pub(super) key: Option<u64>,
    /// Ascending.
    pub(super) numbers: Vec<u64>,
}

impl Run {
    /// Whether so little is decoded that frames need not be decoded side by side.
    pub(super) fn is_short(&self) -> bool {
        match (self.key, self.numbers.last()) {
            (Some(key), Some(last)) => last.saturating_sub(key) <= SHORT,
            _ => false,
        }
    }
}

/// The frames that a sampling takes, ascending, if the timing index alone tells; else `None`.
/// Frames at or before `from` seconds are passed over.
pub(super) fn numbers(sampling: &Sampling, timing: &Timing, from: Option<f64>) -> Option<Vec<u64>> {
    let mut numbers = match sampling {
        Sampling::Every(seconds) => every(*seconds, timing),
        Sampling::Frames(count) => spread(*count, timing),
        Sampling::Keyframes => keyframes(timing),
        Sampling::At(times) => {
            times.iter().filter_map(|&at| Some(timing.on_screen_at(at)? as u64)).collect()
        }
        Sampling::Scene(_) => return None,
    };
    numbers.sort_unstable();
    numbers.dedup();
    if let Some(done) = from {
        numbers.retain(|&number| is_after(timing, number, done));
    }
    Some(numbers)
}

fn is_after(timing: &Timing, number: u64, done: f64) -> bool {
    timing.frame(number).is_some_and(|frame| frame.pts as f64 > timing.units(done) + 0.5)
}

/// The last frame at or before `from`: a resumed run goes on after it.
pub(super) fn resume_number(timing: &Timing, from: Option<f64>) -> Option<u64> {
    let from = timing.units(from?) + 0.5;
    let started = timing.frames.partition_point(|frame| frame.pts as f64 <= from);
    Some(started.checked_sub(1)? as u64)
}

/// The first frame at or after each multiple of the interval, counted from the first frame. Each
/// multiple is computed anew from integers of the file, so nothing drifts.
fn every(seconds: f64, timing: &Timing) -> Vec<u64> {
    let step = timing.units(seconds);
    let Some(first) = timing.frames.first().filter(|_| step.is_finite() && step > 0.0) else {
        return Vec::new();
    };
    let mut due = 0.0;
    let mut numbers = Vec::new();
    for (number, frame) in (0..).zip(&timing.frames) {
        // A frame that only rounding puts before a multiple is at it.
        let place = frame.pts.saturating_sub(first.pts) as f64 / step + 1e-9;
        if place >= due {
            numbers.push(number);
            due = place.floor() + 1.0;
        }
    }
    numbers
}

/// As many as asked and there are, at even distances in time from the first frame on; where
/// frames are sparse, the nearest free ones.
fn spread(count: u32, timing: &Timing) -> Vec<u64> {
    let frames = timing.frames.len() as u64;
    let count = u64::from(count).min(frames);
    let Some(first) = timing.frames.first() else { return Vec::new() };
    let length = timing.end.saturating_sub(first.pts) as f64;
    let mut next = 0;
    (0..count)
        .map(|index| {
            let at = first.pts as f64 + length * index as f64 / count as f64;
            let started = timing.frames.partition_point(|frame| frame.pts as f64 <= at) as u64;
            let number = started.saturating_sub(1).max(next).min(frames - (count - index));
            next = number + 1;
            number
        })
        .collect()
}

fn keyframes(timing: &Timing) -> Vec<u64> {
    let numbered = (0..).zip(&timing.frames);
    numbered.filter(|(_, frame)| frame.key).map(|(number, _)| number).collect()
}

/// Frames of this video that are decoded in the time of a seek.
pub(super) fn worth_a_seek(timing: &Timing) -> u64 {
    let (width, height) = timing.display.coded;
    SEEK_PIXELS / (u64::from(width) * u64::from(height)).max(1)
}

/// Groups ascending numbers into runs: near ones share a run, one more than `far` frames behind is
/// worth a seek; none is without `far`.
pub(super) fn runs(numbers: &[u64], timing: &Timing, far: Option<u64>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for &number in numbers {
        let last = runs.last().and_then(|run| run.numbers.last().copied());
        // From the start costs as much as a seek there, and cannot go wrong.
        let key = far.filter(|_| !timing.counted).and_then(|far| {
            let key = timing.key_before(number)?;
            (key > last.unwrap_or(0).saturating_add(far)).then_some(key)
        });
        match (runs.last_mut(), key) {
            (Some(run), None) => run.numbers.push(number),
            _ => runs.push(Run { key, numbers: vec![number] }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::FrameTime;
    use crate::ffmpeg::display::Display;

    /// Frames at these units of a thousandth of a second, the last for 40; each tenth a keyframe.
    fn timing(pts: &[i64]) -> Timing {
        let frames = pts.iter().enumerate();
        Timing {
            time_base: (1, 1000),
            frames: frames.map(|(n, &pts)| FrameTime { pts, key: n % 10 == 0 }).collect(),
            end: pts.last().unwrap() + 40,
            estimated: false,
            counted: false,
            display: Display::default(),
        }
    }

    #[test]
    fn an_interval_does_not_drift() {
        // 29.97 frames a second for three hours: each second's frame is the first at or after it.
        let pts: Vec<i64> = (0..323_676).map(|n| n * 1001 / 30 + 7000).collect();
        let timing = timing(&pts);
        let numbers = numbers(&Sampling::Every(1.0), &timing, None).unwrap();
        assert_eq!(numbers.len(), 10_800);
        for (second, &number) in (0..).zip(&numbers) {
            let number = usize::try_from(number).unwrap();
            let due = 7000 + second * 1000;
            assert!(pts[number] >= due && (number == 0 || pts[number - 1] < due), "{second}");
        }
    }

    #[test]
    fn an_interval_that_no_binary_fraction_holds_hits_its_frames() {
        let timing = timing(&(0..1000).map(|n| n * 100).collect::<Vec<_>>());
        let numbers = numbers(&Sampling::Every(0.1), &timing, None).unwrap();
        assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn as_many_as_asked_even_where_frames_are_sparse() {
        let timing = timing(&[0, 10, 20, 30, 5000]);
        let spread = |count| numbers(&Sampling::Frames(count), &timing, None).unwrap();
        assert!(spread(0).is_empty());
        assert_eq!(spread(1), [0]);
        assert_eq!(spread(3), [0, 3, 4]);
        assert_eq!(spread(99), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn senseless_intervals_take_nothing() {
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let taken = numbers(&Sampling::Every(seconds), &timing(&[0, 40]), None).unwrap();
            assert!(taken.is_empty(), "{seconds}");
        }
    }

    #[test]
    fn far_numbers_get_runs_of_their_own() {
        let timing = timing(&(0..100).collect::<Vec<_>>());
        let run = |key, numbers: &[u64]| Run { key, numbers: numbers.to_vec() };
        let wanted = [3, 15, 55, 57, 99];
        assert_eq!(
            runs(&wanted, &timing, Some(20)),
            [run(None, &[3, 15]), run(Some(50), &[55, 57]), run(Some(90), &[99])]
        );
        assert_eq!(runs(&wanted, &timing, None), [run(None, &wanted)]);
        let counted = Timing { counted: true, ..timing };
        assert_eq!(runs(&wanted, &counted, Some(20)), [run(None, &wanted)]);
    }
}
