//! SubRip.

use std::sync::Arc;

use super::context::Context;
use super::cue::{Cues, Dialect};
use super::fault::Entries;
use super::lines::Text;
use super::rolling::Unrolled;

/// SubRip as it is found: a point for the comma, no hours, no or fewer decimals.
const SUBRIP: Dialect = Dialect {
    time,
    example: "00:00:12,500 --> 00:00:15,000",
    all_tags: false,
    blanks_end: true,
    aside: |_| false,
};

/// Yields an entry a cue.
pub(super) fn entries(text: Text, context: Arc<Context>) -> Entries {
    let cues = Unrolled::new(Cues::new(text, SUBRIP));
    Box::new(cues.map(move |cue| cue.and_then(|cue| cue.entry(&context))))
}

/// Reads `[hours:]minutes:seconds[,decimals]`; decimals are a fraction, so `,1` is a tenth.
fn time(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !":,.".contains(c)).unwrap_or(text.len());
    let (time, rest) = text.split_at(end);
    let (whole, decimals) = time.split_once([',', '.']).unwrap_or((time, ""));
    let mut parts = whole.rsplit(':');
    let seconds = part(parts.next()?, 60)?;
    let minutes = part(parts.next()?, 60)?;
    let hours = parts.next().map_or(Some(0), |hours| part(hours, 100_000))?;
    if parts.next().is_some() || decimals.len() > 9 {
        return None;
    }
    let whole = hours * 3600 + minutes * 60 + seconds;
    // Read as one decimal number, so that 4.67 is the nearest there is to it.
    Some((format!("{whole}.{decimals}").parse().ok()?, rest))
}

fn part(text: &str, below: u32) -> Option<u32> {
    text.parse().ok().filter(|value| *value < below)
}
