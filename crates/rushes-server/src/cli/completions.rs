//! `rushes completions`: what a shell needs to complete our words.

use clap::{Args, CommandFactory};
use rushes::Result;

use super::output::Output;

/// Print completions for a shell
///
/// As: rushes completions bash > ~/.local/share/bash-completion/completions/rushes
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self, out: &Output) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "rushes", &mut script);
        out.file(&script, None)
    }
}
