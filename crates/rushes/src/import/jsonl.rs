//! Our own form, one record a line.

use std::sync::Arc;

use super::context::Context;
use super::fault::{Entries, Fault, Parsed, TOO_LARGE, json_fault};
use super::lines::{Line, Lines, Text};
use super::record::Record;

/// Yields the entries of a text of one JSON object a line; empty lines are passed over.
pub(super) fn entries(text: Text, context: Arc<Context>) -> Entries {
    let mut lines = Lines::new(text);
    Box::new(std::iter::from_fn(move || next(&mut lines, &context)))
}

fn next(lines: &mut Lines, context: &Context) -> Option<Parsed> {
    loop {
        match lines.next() {
            Ok(Some(Line { bytes: Some(bytes), .. })) if bytes.trim_ascii().is_empty() => {}
            Ok(Some(line)) => return Some(entry(&line, context)),
            Ok(None) => return None,
            Err(error) => return Some(Err(Fault::io(error))),
        }
    }
}

fn entry(line: &Line<'_>, context: &Context) -> Parsed {
    let Some(bytes) = line.bytes else { return Err(Fault::line(line.number, TOO_LARGE)) };
    Record::read(bytes)
        .map_err(json_fault)
        .and_then(|record| record.entry(context))
        .map_err(|why| Fault::line(line.number, why))
}
