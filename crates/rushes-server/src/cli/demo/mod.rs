//! `rushes demo`: takes in small real clips and asks a dozen questions over HTTP and MCP, as an
//! agent would, each twice, so that one sees who answers and how long it takes.

mod ask;
mod questions;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use rushes::ingest::{IngestOptions, Source};
use rushes::{Error, ErrorKind, Result, Rushes};

use super::globals::Globals;
use super::output::Output;
use ask::Servers;

/// Take in the demo's clips and ask a dozen questions about them
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder of clips and of what models said about them
    #[arg(long, default_value = "demo", value_name = "DIR")]
    clips: PathBuf,
    /// Keep the server up afterwards
    #[arg(long)]
    stay: bool,
}

impl Demo {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let clips = clips(&self.clips)?;
        // The demo leaves nothing behind, unless a library was named.
        let scratch =
            tempfile::tempdir().map_err(|error| internal("no room for a library", error))?;
        let library = globals.library.clone().unwrap_or_else(|| scratch.path().to_owned());
        take_in(&clips, &library, globals, out).await?;
        let mut servers = Servers::start(&library).await?;
        let told = tell(&mut servers, out).await;
        if self.stay && told.is_ok() {
            out.text(format!("\nThe page is at {} (Ctrl-C ends it)", servers.address()))?;
            let _ = tokio::signal::ctrl_c().await;
        }
        servers.stop().await;
        told
    }
}

fn clips(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = std::fs::read_dir(folder).map_err(|error| {
        let message = format!(
            "cannot read the clips in {}: {error}; run this in a checkout, or name a folder with --clips",
            folder.display()
        );
        Error::caused(ErrorKind::NotFound, message, error)
    })?;
    let is_clip = |path: &PathBuf| {
        path.extension().is_some_and(|end| ["mp4", "avi", "mkv", "webm"].iter().any(|e| end == *e))
    };
    let mut clips: Vec<_> = listed.flatten().map(|entry| entry.path()).filter(is_clip).collect();
    clips.sort();
    Ok(clips)
}

async fn take_in(clips: &[PathBuf], library: &Path, globals: &Globals, out: &Output) -> Result<()> {
    let mut settings = globals.settings()?;
    settings.library = library.to_owned();
    let rushes = Rushes::open(settings).await?;
    out.text(format!("Taking in {} clips, a frame each half second\n", clips.len()))?;
    for clip in clips {
        let began = Instant::now();
        let options = IngestOptions {
            sampling: rushes::ingest::Sampling::Every(0.5),
            ..IngestOptions::default()
        };
        let done = rushes.ingest(Source::File(clip.clone()), options, None).await?;
        let others: Vec<_> =
            done.entries.iter().map(|(kind, count)| format!("{count} {kind}s")).collect();
        out.text(format!(
            "  {:<18} {:>3} frames ({} stored once more as a reference), {}  in {:.2} s",
            done.name,
            done.frames,
            done.duplicates,
            others.join(", "),
            began.elapsed().as_secs_f64()
        ))?;
    }
    rushes.close().await
}

/// Asks each question twice and prints what came back.
async fn tell(servers: &mut Servers, out: &Output) -> Result<()> {
    out.text("\nAsking, each question twice: whoever answers is named, with the time it took\n")?;
    let mut reference = String::new();
    for (number, question) in (1..).zip(questions::QUESTIONS) {
        let first = servers.ask(question, &reference).await?;
        let again = servers.ask(question, &reference).await?;
        out.text(format!("\n{number:>2}. {}  [{}]", question.words, question.road.name()))?;
        for line in first.text.lines() {
            out.text(format!("    {line}"))?;
        }
        out.text(format!("    -> first {first}, again {again}"))?;
        if let Some(found) = first.reference {
            reference = found;
        }
    }
    Ok(())
}

fn internal(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::caused(ErrorKind::Internal, format!("{what}: {error}"), error)
}
