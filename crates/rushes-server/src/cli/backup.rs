//! `rushes backup` and `rushes restore`: copies of a whole library.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rushes::backup::{BackedUp, BackupEvent};
use rushes::{ErrorKind, Result, Rushes};
use serde::Serialize;
use tokio::sync::mpsc;

use super::exit;
use super::globals::Globals;
use super::output::Output;
use crate::words::Bytes;

/// Copy the library, as of one moment, into a folder of its own, while others use it
///
/// The copy is a library: rushes --library DIR doctor checks it, rushes restore DIR makes another
/// one of it. What is there already is never overwritten; an interrupted backup is gone on with by
/// the same command. Videos that were ingested from files of your own stay where they are: their
/// frames and timing are in the backup, the files are not.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder: not there yet, or empty
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

/// Make a library, at --library, of a backup
///
/// The backup stays as it is. A library that is there already is never overwritten.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder that rushes backup made
    #[arg(value_name = "DIR")]
    from: PathBuf,
}

impl Backup {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<ExitCode> {
        let engine = globals.open().await?;
        let (told, events) = mpsc::channel(64);
        let work = engine.backup(&self.to, Some(told));
        let (done, shown) = tokio::join!(work, follow(events, out));
        shown?;
        report(&Told::BackedUp(&done?), "backed up", out)
    }
}

impl Restore {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<ExitCode> {
        let settings = globals.settings()?;
        let (told, events) = mpsc::channel(64);
        let work = Rushes::restore(&self.from, &settings, Some(told));
        let (done, shown) = tokio::join!(work, follow(events, out));
        shown?;
        report(&Told::Restored(&done?), "restored", out)
    }
}

/// The end, as `--json` tells it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Told<'a> {
    BackedUp(&'a BackedUp),
    Restored(&'a BackedUp),
}

fn report(told: &Told<'_>, done: &str, out: &Output) -> Result<ExitCode> {
    let (Told::BackedUp(copy) | Told::Restored(copy)) = told;
    match out.json {
        true => out.event(told)?,
        false => out.text(human(copy, done))?,
    }
    let failed = !copy.problems.is_empty();
    Ok(exit::of_batch(if failed { &[ErrorKind::Corrupt] } else { &[] }))
}

fn human(copy: &BackedUp, done: &str) -> String {
    let BackedUp { folder, videos, entries, files, bytes, database_bytes, problems, .. } = copy;
    let mut text = format!(
        "{done} {videos} videos, {entries} entries ({}) and {files} files ({}): {}\n",
        Bytes(*database_bytes),
        Bytes(*bytes),
        folder.display()
    );
    for problem in problems {
        text += &format!("not there: {problem}\n");
    }
    text
}

/// How often progress is told where there is no terminal.
const BETWEEN: Duration = Duration::from_millis(500);

/// Shows how far it is, until the end: a bar on a terminal, events for programs.
async fn follow(mut events: mpsc::Receiver<BackupEvent>, out: &Output) -> Result<()> {
    let bar = bar(out);
    let mut last: Option<Instant> = None;
    while let Some(event) = events.recv().await {
        let (done, all, what) = match event {
            BackupEvent::Files { done, all, .. } => (done, all, "files"),
            BackupEvent::Rows { done, all } => (done, all, "pages of rows"),
            BackupEvent::Checking => (0, 0, "checking"),
        };
        bar.set_length(all);
        bar.set_position(done);
        bar.set_message(what);
        let due = last.is_none_or(|last| last.elapsed() >= BETWEEN);
        if out.json && (due || done == all) {
            last = Some(Instant::now());
            out.event(&event)?;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn bar(out: &Output) -> ProgressBar {
    if out.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {eta}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
