//! Rolling captions, as video sites make them: each cue repeats the line before and adds one.
//! What was said once is kept once.

use super::cue::{Cue, Payload};
use super::fault::Fault;

/// Cues nearer than this follow each other, and a shorter one only holds the picture, seconds.
const TOUCH: f64 = 0.05;

/// Takes the repeated lines out of cues in time order.
pub(super) struct Unrolled<I> {
    cues: I,
    /// The last cue, held back as its end may move, and the lines that it showed.
    held: Option<(Cue, Shown)>,
    fault: Option<Fault>,
}

/// What was on screen with a cue.
struct Shown {
    end: f64,
    lines: Vec<String>,
    timed: bool,
}

impl<I: Iterator<Item = Result<Cue, Fault>>> Unrolled<I> {
    pub(super) fn new(cues: I) -> Self {
        Self { cues, held: None, fault: None }
    }

    /// Puts `cue` in the place of the one held, which is then complete; or into it, when it says
    /// nothing new.
    fn push(&mut self, mut cue: Cue) -> Option<Cue> {
        let shown = shown(&cue);
        let repeats =
            self.held.as_ref().map_or(0, |(_, before)| repeated(before, &shown, cue.start));
        if let (Payload::Words(words), true) = (&mut cue.payload, repeats > 0) {
            words.lines.drain(..repeats.min(words.lines.len()));
            if words.lines.is_empty() {
                let (held, before) = self.held.as_mut()?;
                held.end = held.end.max(cue.end);
                *before = shown;
                return None;
            }
        }
        self.held.replace((cue, shown)).map(|(cue, _)| cue)
    }
}

impl<I: Iterator<Item = Result<Cue, Fault>>> Iterator for Unrolled<I> {
    type Item = Result<Cue, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(fault) = self.fault.take() {
            return Some(Err(fault));
        }
        loop {
            match self.cues.next() {
                Some(Ok(cue)) => {
                    if let Some(complete) = self.push(cue) {
                        return Some(Ok(complete));
                    }
                }
                Some(Err(fault)) => {
                    let Some((held, _)) = self.held.take() else { return Some(Err(fault)) };
                    self.fault = Some(fault);
                    return Some(Ok(held));
                }
                None => return self.held.take().map(|(cue, _)| Ok(cue)),
            }
        }
    }
}

fn shown(cue: &Cue) -> Shown {
    let (lines, timed) = match &cue.payload {
        Payload::Words(words) => (words.lines.clone(), words.timed),
        Payload::Data(_) => (Vec::new(), false),
    };
    let length = cue.end - cue.start;
    Shown { end: cue.end, lines, timed: timed || (length > 0.0 && length <= TOUCH) }
}

/// How many of the first lines were on screen with the cue before and are not new: its last ones,
/// in the same order. A whole cue that says the same again was said again, unless one of the two
/// is of the rolling sort (its words have times, or it is too short to read).
fn repeated(before: &Shown, now: &Shown, start: f64) -> usize {
    if (start - before.end).abs() > TOUCH {
        return 0;
    }
    let most = before.lines.len().min(now.lines.len());
    let same = |count: &usize| before.lines.ends_with(now.lines.get(..*count).unwrap_or_default());
    match (1..=most).rev().find(same) {
        Some(count) if count == now.lines.len() && !before.timed && !now.timed => 0,
        found => found.unwrap_or(0),
    }
}
