//! Flags of every command, and the library they open.

use std::path::PathBuf;

use clap::Args;
use rushes::config::Settings;
use rushes::{Result, Rushes};

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Globals {
    /// The library's folder [default: rushes in the user's data folder]
    #[arg(long, global = true, env = "RUSHES_LIBRARY", value_name = "DIR")]
    pub(crate) library: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log more on standard error (twice: much more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Globals {
    /// The settings that these flags ask for.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::default();
        if let Some(library) = &self.library {
            settings.library.clone_from(library);
        }
        Ok(settings)
    }

    /// Opens the library.
    pub(crate) async fn open(&self) -> Result<Rushes> {
        Rushes::open(self.settings()?).await
    }
}
