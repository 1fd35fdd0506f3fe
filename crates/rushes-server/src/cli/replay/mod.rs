//! `rushes replay`: runs a recorded trace through configurations, side by side, on a library of
//! the right shape: what would this much memory, or prefetching, do for these agents?

mod synthetic;
mod trace;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use rushes::config::Settings;
use rushes::read::{EntriesRequest, Tier};
use rushes::{Error, ErrorKind, Result, Rushes};
use serde::Serialize;
use serde_json::Value;

use super::globals::Globals;
use super::output::Output;
use super::table::Table;
use trace::Read;

/// Run a recorded trace of reads through several configurations, side by side
///
/// The trace is CSV: `time_ms,session,video,data_type,t_start,t_end`. It is run as fast as it
/// goes, over a temporary library with videos and entries of the trace's shape.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The trace
    trace: PathBuf,
    /// A configuration as settings, `prefetch=off,memory=16MB`; several to compare them
    #[arg(long = "with", value_name = "KEY=VALUE,...")]
    with: Vec<String>,
    /// The first part of the trace, 0 to 1, that is only learned from
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    train: f64,
    /// Learn from one half of the videos and judge by the other
    #[arg(long)]
    held_out: bool,
}

/// What one configuration came to.
#[derive(Debug, Serialize)]
struct Outcome {
    configuration: String,
    /// Reads that were judged.
    reads: usize,
    /// Of them, different ones: what a cache by the exact request would have to query at least.
    distinct: usize,
    /// Reads that had to wait for the source.
    demand_queries: usize,
    hit_ratio: f64,
    /// Microseconds.
    p50_micros: u64,
    p99_micros: u64,
    /// Segments that were read ahead and used, of all read ahead.
    precision: Option<f64>,
    used_segments: u64,
    wasted_segments: u64,
    read_ahead_bytes: u64,
}

impl Replay {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        if !(0.0..1.0).contains(&self.train) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "--train must be 0 or more and less than 1",
            ));
        }
        let reads = trace::read(&self.trace)?;
        let folder = tempfile::tempdir().map_err(|error| {
            let text = format!("no room for a temporary library: {error}");
            Error::caused(ErrorKind::Internal, text, error)
        })?;
        synthetic::fill(folder.path(), &reads).await?;
        let default = ["prefetch=off", "prefetch=learned"].map(str::to_owned).to_vec();
        let configurations = if self.with.is_empty() { default } else { self.with.clone() };
        let mut outcomes = Vec::new();
        for configuration in configurations {
            let settings = settings(globals, folder.path(), &configuration)?;
            outcomes.push(self.play(&reads, settings, configuration).await?);
            // What one learned is not for the next.
            let _ = std::fs::remove_file(folder.path().join("moves.bin"));
        }
        out.answer(&outcomes, |outcomes| table(outcomes))
    }

    async fn play(&self, reads: &[Read], settings: Settings, name: String) -> Result<Outcome> {
        let split = (reads.len() as f64 * self.train) as usize;
        let (lesson, exam) = reads.split_at(split.min(reads.len()));
        let engine = Rushes::open(settings).await?;
        for read in lesson.iter().filter(|read| !self.held_out || is_even(&read.video)) {
            ask(&engine, read).await?;
        }
        let before = segments(&engine).await?;
        let (mut micros, mut queries, mut distinct) = (Vec::new(), 0, HashSet::new());
        for read in exam.iter().filter(|read| !self.held_out || !is_even(&read.video)) {
            let began = Instant::now();
            let tier = ask(&engine, read).await?;
            micros.push(began.elapsed().as_micros() as u64);
            queries += usize::from(tier >= Tier::Store);
            distinct.insert((&read.video, &read.kind, read.from.to_bits(), read.to.to_bits()));
            engine.read_ahead_done().await;
        }
        let after = segments(&engine).await?;
        let grown = |name: &str| number(&after, name).saturating_sub(number(&before, name));
        // What is still waiting to be used counts as wasted: the trace is over.
        let (used, wasted) = (grown("used"), grown("unused") + grown("open"));
        micros.sort_unstable();
        let percentile = |percent: usize| {
            micros.get(micros.len() * percent / 100).or(micros.last()).copied().unwrap_or(0)
        };
        Ok(Outcome {
            configuration: name,
            reads: micros.len(),
            distinct: distinct.len(),
            demand_queries: queries,
            hit_ratio: 1.0 - queries as f64 / micros.len().max(1) as f64,
            p50_micros: percentile(50),
            p99_micros: percentile(99),
            precision: (used + wasted > 0).then(|| used as f64 / (used + wasted) as f64),
            used_segments: used,
            wasted_segments: wasted,
            read_ahead_bytes: grown("bytes"),
        })
    }
}

/// The settings of the command line with those of a configuration over them.
fn settings(globals: &Globals, library: &Path, configuration: &str) -> Result<Settings> {
    let mut over = Vec::new();
    for pair in configuration.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            let text = format!("{pair:?} is not KEY=VALUE, as in prefetch=off,memory=16MB");
            Error::new(ErrorKind::Invalid, text)
        })?;
        over.push((key.trim(), value.trim().to_owned()));
    }
    let settings = globals.settings_with(&over)?;
    Ok(Settings { library: library.to_owned(), database: None, ..settings })
}

async fn ask(engine: &Rushes, read: &Read) -> Result<Tier> {
    let request = EntriesRequest {
        video: read.video.clone(),
        kinds: vec![read.kind.to_string()],
        from: Some(read.from),
        to: Some(read.to),
        limit: Some(1000),
        ..Default::default()
    };
    let asked = rushes::in_session(&read.session, engine.entries(&request));
    Ok(asked.await?.served.tier)
}

/// What was read ahead so far.
async fn segments(engine: &Rushes) -> Result<Value> {
    Ok(engine.stats().await?.pointer("/prefetch/segments").cloned().unwrap_or_default())
}

fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// One half of all videos, the same in each run.
fn is_even(video: &str) -> bool {
    video.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % 2 == 0
}

fn table(outcomes: &[Outcome]) -> String {
    let mut table = Table::new(&[
        "configuration",
        "reads",
        "distinct",
        "queries",
        "hit",
        "p50 us",
        "p99 us",
        "precision",
        "wasted",
    ]);
    for outcome in outcomes {
        table.row([
            outcome.configuration.clone(),
            outcome.reads.to_string(),
            outcome.distinct.to_string(),
            outcome.demand_queries.to_string(),
            format!("{:.1} %", outcome.hit_ratio * 100.0),
            outcome.p50_micros.to_string(),
            outcome.p99_micros.to_string(),
            outcome.precision.map_or_else(|| "-".to_owned(), |share| format!("{share:.2}")),
            outcome.wasted_segments.to_string(),
        ]);
    }
    table.text()
}
