//! The shipped binary on a library of its own, which is gone with this value.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::child::{self, Cost};
use crate::footage;

/// A library in a folder on disk (not in memory: where the system keeps its build output).
pub(crate) struct Library {
    folder: TempDir,
    binary: PathBuf,
}

impl Library {
    /// An empty one.
    pub(crate) fn new() -> Result<Self> {
        let binary = binary()?;
        let folder = tempfile::tempdir_in(footage::root().join("target"))?;
        Ok(Self { folder, binary })
    }

    /// `rushes --library FOLDER --json ARGUMENTS`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--library").arg(self.folder.path()).arg("--json").args(arguments);
        command
    }

    /// Runs a command of the binary.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Cost> {
        child::run(&mut self.command(arguments))
    }

    /// Runs a command and reads its one JSON answer.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let answer = self.run(arguments)?.stdout;
        serde_json::from_slice(&answer).with_context(|| format!("the answer to {arguments:?}"))
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("rushes.db")
    }

    /// A path in the library's folder for files of the measurement.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Takes a small video in, to hang entries on, and gives its id.
    pub(crate) fn add_video(&self) -> Result<String> {
        let clip = footage::root().join("demo/cup.mp4");
        self.run(&["ingest", text(&clip)?, "--frames", "1", "--no-sidecars"])?;
        let listed = self.ask(&["ls"])?;
        let id = listed.pointer("/items/0/id").or_else(|| listed.pointer("/0/id"));
        id.and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no id in {listed}"))
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// The release build of `rushes`, brought up to date once a run; or the build that
/// `RUSHES_BENCH_BINARY` names.
fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("RUSHES_BENCH_BINARY") {
        return Ok(named.into());
    }
    static BUILT: OnceLock<bool> = OnceLock::new();
    let built = *BUILT.get_or_init(|| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--release", "--quiet", "-p", "rushes-server"]);
        cargo.current_dir(footage::root()).status().is_ok_and(|status| status.success())
    });
    if !built {
        bail!("cargo build --release -p rushes-server failed");
    }
    Ok(footage::root().join("target/release/rushes"))
}
