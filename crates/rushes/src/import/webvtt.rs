//! WebVTT.

use std::sync::Arc;

use super::context::Context;
use super::cue::{Cues, Dialect, Numbered};
use super::fault::{Entries, Fault};
use super::lines::Text;
use super::rolling::Unrolled;

/// Times as the standard has them; settings after them have no meaning here.
const WEBVTT: Dialect = Dialect {
    time,
    example: "00:12.500 --> 00:15.000",
    all_tags: true,
    blanks_end: false,
    aside: is_aside,
};

/// Yields an entry a cue. Header, notes, styles and regions are passed over.
pub(super) fn entries(text: Text, context: Arc<Context>) -> Entries {
    let mut cues = Cues::new(text, WEBVTT);
    if let Err(fault) = header(&mut cues) {
        return Box::new(std::iter::once(Err(fault)));
    }
    let cues = Unrolled::new(cues);
    Box::new(cues.map(move |cue| cue.and_then(|cue| cue.entry(&context))))
}

/// Checks the first line; what follows it up to an empty line is no cue, unless it has times.
fn header(cues: &mut Cues) -> Result<(), Fault> {
    let block = cues.block()?.unwrap_or_default();
    let (line, signature) = block.first().map_or((1, &b""[..]), |(line, text)| (*line, text));
    let rest = signature.strip_prefix(b"WEBVTT");
    if line != 1 || !rest.is_some_and(|rest| matches!(rest, [] | [b' ' | b'\t', ..])) {
        return Err(Fault::File("line 1: a WebVTT file begins with `WEBVTT`".to_owned()));
    }
    let times = block.iter().position(|(_, line)| line.windows(3).any(|three| three == b"-->"));
    if let Some(cue) = times.and_then(|at| block.get(at..)) {
        cues.take(cue);
    }
    Ok(())
}

/// Whether a block is a note, a style sheet or a region.
fn is_aside(block: &[Numbered]) -> bool {
    let first = block.first().map_or(&b""[..], |(_, line)| line.trim_ascii_end());
    let note = first.strip_prefix(b"NOTE");
    note.is_some_and(|rest| matches!(rest, [] | [b' ' | b'\t', ..]))
        || [&b"STYLE"[..], b"REGION"].contains(&first)
}

/// Reads `[hours:]mm:ss.ttt`, with exactly that many digits.
fn time(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !":.".contains(c)).unwrap_or(text.len());
    let (time, rest) = text.split_at(end);
    let (whole, thousandths) = time.split_once('.')?;
    let mut parts = whole.rsplit(':');
    let seconds = two(parts.next()?)?;
    let minutes = two(parts.next()?)?;
    let hours: u32 = parts.next().map_or(Some(0), |hours| hours.parse().ok())?;
    if parts.next().is_some() || thousandths.len() != 3 || hours > 99_999 {
        return None;
    }
    let whole = hours * 3600 + minutes * 60 + seconds;
    Some((format!("{whole}.{thousandths}").parse().ok()?, rest))
}

fn two(text: &str) -> Option<u32> {
    text.parse().ok().filter(|value| text.len() == 2 && *value < 60)
}
