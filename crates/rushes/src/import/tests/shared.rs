//! What the tests of the parsers share.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use rushes_store::NewEntry;

use super::super::fault::{Fault, Parsed};
use super::super::options::{Format, ImportOptions, Rejected};
use super::super::plan::{Plan, Target};
use super::super::source::Source;
use crate::error::Result;
use crate::ffmpeg::{Display, FrameTime, Timing};

/// A video of 250 frames whose times no frame rate explains: frame n is at 1 + n/25 s, from
/// frame 100 on 2 s later.
pub(super) fn target() -> Target {
    let pts = |n: i64| 25 + n + if n >= 100 { 50 } else { 0 };
    let frames = (0..250).map(|n| FrameTime { pts: pts(n), key: n % 50 == 0 }).collect();
    let timing = Timing {
        time_base: (1, 25),
        frames,
        end: 325,
        estimated: false,
        counted: false,
        display: Display::default(),
    };
    Target::example(Some(Arc::new(timing)))
}

/// Asks for a format; the kind of our own form is `note` unless its records say another.
pub(super) fn as_format(format: Format) -> ImportOptions {
    let own = [Format::Json, Format::Jsonl].contains(&format);
    let kind = own.then(|| "note".to_owned());
    ImportOptions { format: Some(format), kind, ..ImportOptions::default() }
}

/// Reads a text to its end.
pub(super) fn read(text: impl AsRef<[u8]>, options: &ImportOptions) -> Result<Vec<Parsed>> {
    let source = Source::Bytes(text.as_ref().to_vec().into());
    Ok(Plan::of(&target(), &source, options)?.entries.collect())
}

/// Reads a text of which every record is good.
pub(super) fn entries(text: impl AsRef<[u8]>, options: &ImportOptions) -> Vec<NewEntry> {
    let parsed = read(text, options).unwrap();
    parsed.into_iter().map(|entry| entry.expect("a good record")).collect()
}

/// The lines and reasons of what is wrong with a text.
pub(super) fn faults(text: impl AsRef<[u8]>, options: &ImportOptions) -> Vec<(u64, String)> {
    let bad = read(text, options).unwrap().into_iter().filter_map(std::result::Result::err);
    bad.map(|fault| match fault {
        Fault::Record(Rejected { line, record, why }) => (line.or(record).unwrap_or(0), why),
        Fault::File(why) => (0, why),
    })
    .collect()
}

/// Real files to try, or `None` (said aloud) where they are absent.
pub(super) fn real_data() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("RUSHES_TEST_DATA").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    // Past the runner, which keeps the words of a test that passes.
    let (test, mut out) = (std::thread::current(), std::io::stderr());
    let test = test.name().unwrap_or("a test");
    let _ = writeln!(out, "left out: {test}: no real data at {}", folder.display());
    None
}

/// Start and end of each.
pub(super) fn spans(entries: &[NewEntry]) -> Vec<(f64, f64)> {
    entries.iter().map(|entry| (entry.start, entry.end)).collect()
}

/// What search finds each by.
pub(super) fn texts(entries: &[NewEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.text.as_deref().unwrap_or_default()).collect()
}

/// The one entry that a text holds.
pub(super) fn only(text: &str, format: Format) -> NewEntry {
    let mut all = entries(text, &as_format(format));
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

/// Why a text of one record is refused.
pub(super) fn refused(text: &str, format: Format) -> String {
    let faults = faults(text, &as_format(format));
    assert_eq!(faults.len(), 1, "{text}: {faults:?}");
    faults[0].1.clone()
}
