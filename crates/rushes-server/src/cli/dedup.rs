//! `rushes dedup`: pictures that show the same, in anybody's folder.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rushes::pictures::{Alike, AlikeOptions, alike};
use rushes::{Error, ErrorKind, Result};
use serde::Serialize;

use super::exit;
use super::output::Output;
use crate::words::Bytes;

/// Find pictures (JPEG, PNG, WebP) that show the same, whatever their format, size or quality
///
/// The first of them, in order of path, counts as the original. Nothing is changed unless --remove
/// is given. No library is needed.
#[derive(Debug, Args)]
pub(crate) struct Dedup {
    /// Pictures, or folders that are searched for them
    #[arg(required = true, value_name = "FILE|DIR")]
    sources: Vec<PathBuf>,
    /// How alike pictures must be, 0 to 1 [default: 0.95]
    #[arg(long, allow_negative_numbers = true)]
    similarity: Option<f32>,
    /// Delete the copies; the originals stay
    #[arg(long)]
    remove: bool,
}

/// What was found, and done about it.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    found: Alike,
    /// Copies that were deleted.
    removed: u64,
}

impl Dedup {
    pub(super) async fn run(self, out: &Output) -> Result<ExitCode> {
        let usual = AlikeOptions::default();
        let options = AlikeOptions { similarity: self.similarity.unwrap_or(usual.similarity) };
        let bar = bar(out);
        let found = alike(self.sources, options, |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        });
        let found = found.await?;
        bar.finish_and_clear();
        let removed = if self.remove { remove(&found)? } else { 0 };
        let failed = !found.unreadable.is_empty();
        out.answer(&Told { found, removed }, human)?;
        Ok(exit::of_batch(if failed { &[ErrorKind::Unsupported] } else { &[] }))
    }
}

fn bar(out: &Output) -> ProgressBar {
    if out.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} pictures {per_sec} {eta}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn remove(found: &Alike) -> Result<u64> {
    let mut removed = 0;
    for copy in &found.copies {
        std::fs::remove_file(&copy.file).map_err(|error| {
            let file = copy.file.display();
            let text = format!("cannot delete {file}: {error} ({removed} copies were deleted)");
            Error::caused(ErrorKind::Invalid, text, error)
        })?;
        removed += 1;
    }
    Ok(removed)
}

fn human(told: &Told) -> String {
    let Alike { pictures, bytes, copies, spare, unreadable } = &told.found;
    let mut text = String::new();
    for copy in copies {
        text += &format!("{} shows {}\n", copy.file.display(), copy.of.display());
    }
    for file in unreadable {
        text += &format!("{}: {}\n", file.file.display(), file.why);
    }
    let count = copies.len();
    let done = match (count, told.removed) {
        (0, _) => "no two show the same".to_owned(),
        (_, 0) => format!("{count} are copies, {}: --remove deletes them", Bytes(*spare)),
        (_, removed) => format!("{removed} copies deleted, {}", Bytes(*spare)),
    };
    text + &format!("{pictures} pictures, {}; {done}", Bytes(*bytes))
}
