//! `rushes ingest`: videos come in.

mod files;
mod progress;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rushes::ingest::{IngestOptions, Ingested, Source};
use rushes::{Error, ErrorKind, Result, Rushes, bounded};
use serde::Serialize;
use tokio::sync::mpsc;

use super::exit;
use super::globals::Globals;
use super::output::Output;
use crate::fate;
use crate::words::{self, Bytes, Seconds, Ways};
use crate::written::Written;
use progress::Progress;

/// Take videos in: frames, thumbnail, subtitles, and the files that lie beside them
///
/// Folders are searched for videos. A batch goes on past a bad file and says at the end which
/// failed and why. The same bytes again change nothing; another sampling adds beside the first.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Video files or folders; - reads standard input and needs --name
    #[arg(required = true, value_name = "FILE|DIR|-")]
    sources: Vec<PathBuf>,
    /// The video's name, for one source [default: its file name]; of a known video, another name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    frames: Frames,
    /// Longest edge of a stored frame in pixels [default: 1280]
    #[arg(long, value_name = "PIXELS")]
    edge: Option<u32>,
    /// WebP quality, 0 to 100 [default: 85]
    #[arg(long, allow_negative_numbers = true)]
    quality: Option<f32>,
    /// Consecutive frames this alike (0 to 1) are stored once [default: 0.95; 1 keeps each]
    #[arg(long, allow_negative_numbers = true)]
    similarity: Option<f32>,
    /// Do not look for subtitle and model files beside the video
    #[arg(long)]
    no_sidecars: bool,
}

/// Which frames are taken.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Frames {
    /// A frame each so often, as 500ms, 2.5 (seconds), 1m or 1h [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = words::step, allow_negative_numbers = true)]
    every: Option<f64>,
    /// So many frames, evenly spaced
    #[arg(long, value_name = "N")]
    frames: Option<u32>,
    /// The keyframes; nothing else is decoded
    #[arg(long)]
    keyframes: bool,
    /// The first frame, and each that differs by this much (0 to 1) from the one before
    #[arg(long, value_name = "DIFFERENCE", num_args = 0..=1, require_equals = true,
          default_missing_value = "0.3")]
    scene: Option<f64>,
    /// The frames on screen at these times
    #[arg(long, value_name = "TIME,...", value_delimiter = ',')]
    at: Vec<Seconds>,
}

/// What became of one source, as `--json` tells it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Told<'a> {
    Ingested {
        file: &'a str,
        #[serde(flatten)]
        ingested: &'a Written<Ingested>,
    },
    Failed {
        file: &'a str,
        kind: &'a str,
        message: String,
    },
}

/// A source that could not be taken in.
struct Failure {
    file: String,
    error: Error,
}

impl Ingest {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<ExitCode> {
        let options = self.options()?;
        let found = files::find(&self.sources);
        self.check_name(&found.files)?;
        let mut failures = Vec::new();
        for (folder, error) in found.unread {
            failures.push(failed(out, folder.display().to_string(), error)?);
        }
        if !found.files.is_empty() {
            let engine = globals.open_or_make().await?;
            take_in_all(&engine, found.files, &options, &mut failures, out).await?;
        }
        summarise(out, &failures)?;
        let kinds: Vec<ErrorKind> = failures.iter().map(|failed| failed.error.kind()).collect();
        Ok(exit::of_batch(&kinds))
    }

    fn options(&self) -> Result<IngestOptions> {
        let usual = IngestOptions::default();
        let ways = Ways {
            every: self.frames.every,
            frames: self.frames.frames,
            keyframes: self.frames.keyframes,
            scene: self.frames.scene,
            at: self.frames.at.iter().map(|time| time.0).collect(),
        };
        Ok(IngestOptions {
            sampling: ways.sampling()?.unwrap_or(usual.sampling),
            edge: self.edge.unwrap_or(usual.edge),
            quality: self.quality.unwrap_or(usual.quality),
            similarity: self.similarity.unwrap_or(usual.similarity),
            sidecars: !self.no_sidecars,
            name: self.name.clone(),
        })
    }

    fn check_name(&self, files: &[PathBuf]) -> Result<()> {
        let several = files.len() > 1;
        let unnamed = files.iter().any(|file| is_stdin(file)) && self.name.is_none();
        match &self.name {
            Some(name) if several => Err(Error::invalid(format!(
                "--name {name:?} can name one video, and there are {}",
                files.len()
            ))),
            _ if unnamed => Err(Error::invalid("standard input needs a name: --name NAME")),
            _ => Ok(()),
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

async fn take_in_all(
    engine: &Rushes,
    files: Vec<PathBuf>,
    options: &IngestOptions,
    failures: &mut Vec<Failure>,
    out: &Output,
) -> Result<()> {
    for file in files {
        let shown = file.display().to_string();
        match take_in(engine, &file, options.clone(), out).await {
            Ok(ingested) => tell(out, &shown, &Written::by(engine, ingested).await?)?,
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => failures.push(failed(out, shown, error)?),
        }
    }
    Ok(())
}

async fn take_in(
    engine: &Rushes,
    file: &Path,
    options: IngestOptions,
    out: &Output,
) -> Result<Ingested> {
    // Kept until the engine has moved the bytes on; deletes them if it did not.
    let spooled = match is_stdin(file) {
        true => Some(engine.spool(tokio::io::stdin(), u64::MAX).await?),
        false => None,
    };
    let source = match &spooled {
        Some(file) => {
            Source::Owned(file.path().to_owned(), options.name.clone().unwrap_or_default())
        }
        None => Source::File(file.to_owned()),
    };
    let (events, heard) = mpsc::channel(64);
    let progress = Progress::new(out);
    let (ingested, shown) =
        tokio::join!(engine.ingest(source, options, Some(events)), progress.follow(heard));
    shown.and(ingested)
}

fn tell(out: &Output, file: &str, ingested: &Written<Ingested>) -> Result<()> {
    if out.json {
        return out.event(&Told::Ingested { file, ingested });
    }
    let ingested = &ingested.done;
    let Ingested { video, name, frames, duplicates, bytes, .. } = ingested;
    let s = if *frames == 1 { "" } else { "s" };
    let mut line = format!("{video} {name}: {frames} frame{s}");
    if *duplicates > 0 {
        line += &format!(" ({duplicates} like the one before)");
    }
    for (kind, count) in &ingested.entries {
        line += &format!(", {count} {kind}");
    }
    if ingested.unchanged {
        line += ", known already";
    } else {
        line += &format!(", {}", Bytes(*bytes));
    }
    if ingested.resumed > 0 {
        line += &format!(", {} of an interrupted run kept", ingested.resumed);
    }
    out.text(line)
}

/// A failure, which readers of JSON are told at once.
fn failed(out: &Output, file: String, error: Error) -> Result<Failure> {
    if out.json {
        let kind = fate::of(error.kind()).name;
        out.event(&Told::Failed { file: &file, kind, message: error.to_string() })?;
    }
    Ok(Failure { file, error })
}

/// Lists the failures for people; JSON readers had each as an event.
fn summarise(out: &Output, failures: &[Failure]) -> Result<()> {
    if out.json || failures.is_empty() {
        return Ok(());
    }
    let failed = failures.iter().map(|Failure { file, error }| {
        // Most errors begin with the file's name.
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
        let error = error.to_string();
        let why = [file.as_str(), &name]
            .iter()
            .find_map(|name| error.strip_prefix(*name)?.strip_prefix(": "));
        format!("  {}\n", bounded(&format!("{file}: {}", why.unwrap_or(&error))))
    });
    let text = format!("failed:\n{}", failed.collect::<String>());
    progress::note(&text);
    Ok(())
}
