//! From what was asked to frame numbers, and from numbers to runs of the decoder.

use super::select;
use super::timing::Timing;
use crate::ingest::Sampling;

/// Pixels that are decoded in the time that a further child and its seek take.
const SEEK_PIXELS: u64 = 200_000_000;

/// Numbers that one run of the decoder fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The keyframe to seek to; from the start without.
    pub(super) key: Option<u64>,
    /// Ascending.
    pub(super) numbers: Vec<u64>,
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

/// The last stamp at or before `from`: a resumed run goes on after it.
pub(super) fn resume_stamp(timing: &Timing, from: Option<f64>) -> Option<(u64, i64)> {
    let from = timing.units(from?) + 0.5;
    let started = timing.frames.partition_point(|frame| frame.pts as f64 <= from);
    let number = started.checked_sub(1)? as u64;
    Some((number, timing.stamp(number)?))
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
        let place = (frame.pts - first.pts) as f64 / step + 1e-9;
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
    let length = (timing.end - first.pts) as f64;
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

/// Groups ascending numbers into runs: near ones share a run, a far one is worth a seek.
pub(super) fn runs(numbers: &[u64], timing: &Timing, may_seek: bool) -> Vec<Run> {
    let (width, height) = timing.display.coded;
    let far = SEEK_PIXELS / (u64::from(width) * u64::from(height)).max(1);
    let mut runs: Vec<Run> = Vec::new();
    for &number in numbers {
        let key = timing.key_before(number).filter(|&key| may_seek && !timing.counted && key > 0);
        if let Some(run) = runs.last_mut() {
            let last = run.numbers.last().copied().unwrap_or(0);
            let near = key.is_none_or(|key| key <= last.saturating_add(far));
            if near && run.numbers.len() < select::MOST {
                run.numbers.push(number);
                continue;
            }
        }
        // Little before it: then from the start, which cannot go wrong.
        let key = key.filter(|&key| key > far);
        runs.push(Run { key, numbers: vec![number] });
    }
    runs
}
