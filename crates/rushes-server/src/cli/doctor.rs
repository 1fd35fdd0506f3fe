//! `rushes doctor`: whether this machine and this library are in order.

use std::process::ExitCode;

use clap::Args;
use rushes::{ErrorKind, Result, Tool};
use serde::Serialize;

use super::exit;
use super::globals::Globals;
use super::output::Output;

/// Check the programs that Rushes calls and the integrity of the library
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

/// What was found.
#[derive(Serialize)]
struct Report {
    /// Our own version.
    rushes: &'static str,
    /// The programs.
    tools: [Tool; 2],
    /// The library's folder.
    library: String,
    /// What is wrong with the library; empty when it is sound.
    problems: Vec<String>,
    /// Nothing is wrong.
    sound: bool,
}

impl Doctor {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<ExitCode> {
        let tools = rushes::tools().await;
        let library = globals.settings()?.library.display().to_string();
        let problems = problems(globals).await;
        let installed = tools.iter().all(|tool| tool.problem.is_none());
        let sound = installed && problems.is_empty();
        let failures: &[ErrorKind] = match (installed, problems.is_empty()) {
            (false, _) => &[ErrorKind::Unavailable],
            (true, false) => &[ErrorKind::Corrupt],
            (true, true) => &[],
        };
        let rushes = env!("CARGO_PKG_VERSION");
        out.answer(&Report { rushes, tools, library, problems, sound }, human)?;
        Ok(exit::of_batch(failures))
    }
}

/// A library that cannot be opened is a finding, not the end of the examination.
async fn problems(globals: &Globals) -> Vec<String> {
    let checked = match globals.open().await {
        Ok(engine) => engine.check().await,
        Err(error) => Err(error),
    };
    checked.unwrap_or_else(|error| vec![error.to_string()])
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
    text += &format!("library  {}\n", report.library);
    for problem in &report.problems {
        text += &format!("         {problem}\n");
    }
    text + if report.sound { "all is sound" } else { "something is wrong" }
}
