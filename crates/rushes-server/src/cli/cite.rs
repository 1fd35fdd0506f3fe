//! `rushes cite`: what a reference stands for.

use clap::Args;
use rushes::Result;
use rushes::answer::Cited;

use super::globals::Globals;
use super::output::Output;

/// Tell what a reference stands for, or that it is gone
#[derive(Debug, Args)]
pub(crate) struct Cite {
    /// The reference, as 1f3c...@12.480-15.120#caption/81
    reference: String,
}

impl Cite {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let cited = globals.open().await?.cite(&self.reference).await?;
        out.answer(&cited, human)
    }
}

fn human(cited: &Cited) -> String {
    let heading = format!("{} {} {}", cited.name, cited.time, cited.entry.kind);
    format!("{heading}\n{}\nframe {}\nclip  {}", cited.text, cited.frame, cited.clip)
}
