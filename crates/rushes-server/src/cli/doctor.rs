//! `rushes doctor`: whether this machine and this library are in order.

use std::process::ExitCode;

use clap::Args;
use rushes::{ErrorKind, Leftovers, Result, Tool, Unfinished};
use serde::Serialize;

use super::exit;
use super::globals::Globals;
use super::output::Output;
use crate::words::Bytes;

/// Check the programs that Rushes calls and the integrity of the library
///
/// Names ingests that were broken off and never run again, and files that nothing refers to.
/// Neither does harm: no read sees them, and the same ingest again goes on where it was.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Drop what broken-off ingests have left
    #[arg(long)]
    repair: bool,
}

/// What was found.
#[derive(Serialize)]
struct Report {
    /// Our own version.
    rushes: &'static str,
    /// The programs.
    tools: [Tool; 2],
    /// The library's folder.
    library: String,
    /// Whether it can only be read.
    read_only: bool,
    /// What is wrong with the library; empty when it is sound.
    problems: Vec<String>,
    /// What broken-off work has left.
    leftovers: Leftovers,
    /// Whether that has been dropped.
    repaired: bool,
    /// Nothing is wrong.
    sound: bool,
    #[serde(skip)]
    failure: Option<ErrorKind>,
}

impl Doctor {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<ExitCode> {
        let mut report = Report {
            rushes: env!("CARGO_PKG_VERSION"),
            tools: rushes::tools().await,
            library: globals.settings()?.library.display().to_string(),
            read_only: false,
            problems: Vec::new(),
            leftovers: Leftovers::default(),
            repaired: false,
            sound: true,
            failure: None,
        };
        if let Err(error) = self.examine(globals, &mut report).await {
            // A library that cannot be opened is a finding, not the end of the examination.
            report.problems.push(error.to_string());
            report.failure = Some(error.kind());
        }
        if report.tools.iter().any(|tool| tool.problem.is_some()) {
            report.failure = Some(ErrorKind::Unavailable);
        }
        report.sound = report.failure.is_none();
        out.answer(&report, human)?;
        Ok(exit::of_batch(report.failure.as_slice()))
    }

    async fn examine(&self, globals: &Globals, report: &mut Report) -> Result<()> {
        let engine = globals.open().await?;
        report.read_only = engine.is_read_only();
        report.problems = engine.check().await?;
        if !report.problems.is_empty() {
            report.failure = Some(ErrorKind::Corrupt);
        }
        report.leftovers = match self.repair {
            true => engine.repair().await?,
            false => engine.leftovers().await?,
        };
        report.repaired = self.repair;
        Ok(())
    }
}

fn human(report: &Report) -> String {
    let mut text = format!("rushes   {}\n", report.rushes);
    for tool in &report.tools {
        let found =
            tool.version.as_deref().or(tool.problem.as_deref()).unwrap_or("unknown version");
        text += &format!("{:<8} {found}\n", tool.name);
        for (feature, there) in &tool.features {
            text += &format!("         {} {feature}\n", if *there { "has" } else { "lacks" });
        }
    }
    let only =
        if report.read_only { " (can only be read; its text index was not checked)" } else { "" };
    text += &format!("library  {}{only}\n", report.library);
    for problem in &report.problems {
        text += &format!("         {problem}\n");
    }
    for line in leftovers(report) {
        text += &format!("         {line}\n");
    }
    text + if report.sound { "all is sound" } else { "something is wrong" }
}

/// What broken-off work has left, and what can be done about it.
fn leftovers(report: &Report) -> Vec<String> {
    let Leftovers { unfinished, files, bytes } = &report.leftovers;
    let mut lines = Vec::new();
    for Unfinished { video, name, recipe, entries } in unfinished {
        let (name, by) = (name.as_deref().unwrap_or("never finished"), &recipe.tool);
        let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
        lines.push(format!("broken off: {entries} entries{by} of {video} ({name})"));
    }
    if *files > 0 {
        lines.push(format!("{files} files that nothing refers to, {}", Bytes(*bytes)));
    }
    match (lines.is_empty(), report.repaired) {
        (true, _) => {}
        (false, true) => lines.push("these were dropped".to_owned()),
        (false, false) => lines.push(
            "ingest the same file again to go on with it; rushes doctor --repair drops these"
                .to_owned(),
        ),
    }
    lines
}
