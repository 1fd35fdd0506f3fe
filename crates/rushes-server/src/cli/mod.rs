//! The command line: one file a command or family of commands.
//!
//! Each command is a `clap` struct with a `run` that makes one call of the engine and prints its
//! answer through [`output::Output`]: text for people, or with `--json` the engine's own answer.

mod asking;
mod backup;
mod cache;
mod cite;
mod clip;
mod completions;
mod context;
mod dedup;
mod demo;
mod doctor;
pub(crate) mod exit;
mod globals;
mod import;
mod ingest;
mod ls;
mod mcp;
mod memory;
mod output;
mod picture;
mod prefetch;
mod remote;
mod replay;
mod rm;
mod search;
mod serve;
mod show;
mod sql;
mod stats;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rushes::{Error, ErrorKind, Result};

use crate::telemetry;
use globals::Globals;
use output::Output;

/// The data plane for video agents: frames, captions, transcripts, objects and memory.
///
/// A video is named by its id, a unique prefix of it (4 digits or more), or its file name. Times are
/// seconds of media time (12.5) or what a clock shows (0:12.5, 1:02:03).
#[derive(Debug, Parser)]
#[command(name = "rushes", version, after_help = "rushes --help lists the settings and the exit codes.",
          after_long_help = format!("{}\n{}", globals::listed(), exit::CODES))]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Ingest(ingest::Ingest),
    Import(Box<import::Import>),
    Ls(ls::Ls),
    Show(show::Show),
    Context(context::ContextOf),
    Search(search::Search),
    Sheet(picture::SheetOf),
    Frame(picture::Frame),
    Burst(picture::Burst),
    Clip(clip::ClipOf),
    Cite(cite::Cite),
    Memory(memory::Memory),
    Rm(rm::Rm),
    Stats(stats::Stats),
    Replay(replay::Replay),
    Sql(sql::Sql),
    Advise(sql::Advise),
    Cache(cache::Cache),
    Prefetch(prefetch::Prefetch),
    Serve(serve::Serve),
    Mcp(mcp::Mcp),
    Dedup(dedup::Dedup),
    Doctor(doctor::Doctor),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Demo(demo::Demo),
    Completions(completions::Completions),
}

/// Runs the command that was typed; says on standard error what went wrong.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let out = Output::new(cli.globals.json);
    let done = start(cli, &out).await;
    done.unwrap_or_else(|error| exit::report(&error, &out))
}

async fn start(cli: Cli, out: &Output) -> Result<ExitCode> {
    telemetry::init(&cli.globals.settings()?, cli.globals.verbose)?;
    match cli.command {
        // These end by themselves, cleanly, when they are told to stop.
        Command::Serve(serve) => serve.run(&cli.globals, out).await,
        Command::Mcp(mcp) => mcp.run(&cli.globals).await,
        Command::Demo(demo) => demo.run(&cli.globals, out).await.map(|()| ExitCode::SUCCESS),
        command => until_interrupted(command.run(&cli.globals, out)).await,
    }
}

/// Dropping a command's future stops it: what it had not finished was never visible.
async fn until_interrupted(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    tokio::select! {
        done = command => done,
        _ = tokio::signal::ctrl_c() => Err(Error::new(ErrorKind::Cancelled, "interrupted")),
    }
}

impl Command {
    async fn run(self, globals: &Globals, out: &Output) -> Result<ExitCode> {
        match self {
            Self::Ingest(command) => return command.run(globals, out).await,
            Self::Dedup(command) => return command.run(out).await,
            Self::Import(command) => command.run(globals, out).await,
            Self::Ls(command) => command.run(globals, out).await,
            Self::Show(command) => command.run(globals, out).await,
            Self::Context(command) => command.run(globals, out).await,
            Self::Search(command) => command.run(globals, out).await,
            Self::Sheet(command) => command.run(globals, out).await,
            Self::Frame(command) => command.run(globals, out).await,
            Self::Burst(command) => command.run(globals, out).await,
            Self::Clip(command) => command.run(globals, out).await,
            Self::Cite(command) => command.run(globals, out).await,
            Self::Memory(command) => command.run(globals, out).await,
            Self::Rm(command) => command.run(globals, out).await,
            Self::Stats(command) => command.run(globals, out).await,
            Self::Replay(command) => command.run(globals, out).await,
            Self::Sql(command) => command.run(globals, out).await,
            Self::Advise(command) => command.run(globals, out).await,
            Self::Cache(command) => command.run(globals, out).await,
            Self::Prefetch(command) => command.run(out).await,
            Self::Doctor(command) => return command.run(globals, out).await,
            Self::Backup(command) => return command.run(globals, out).await,
            Self::Restore(command) => return command.run(globals, out).await,
            Self::Completions(command) => command.run(out),
            Self::Serve(_) | Self::Mcp(_) | Self::Demo(_) => Ok(()),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_flag_is_declared_soundly() {
        super::Cli::command().debug_assert();
    }
}
