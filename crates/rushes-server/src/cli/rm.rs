//! `rushes rm`: videos leave the library.

use clap::Args;
use rushes::{Removed, Result};

use super::globals::Globals;
use super::output::Output;
use crate::words::Bytes;
use crate::written::Written;

/// Delete videos: their entries, conversations, and pictures that no other video uses
///
/// The file that a video was ingested from is left alone.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// The videos
    #[arg(required = true)]
    videos: Vec<String>,
}

impl Rm {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let engine = globals.open().await?;
        let mut removed = Vec::new();
        for video in &self.videos {
            let done = engine.remove(video).await?;
            removed.push(Written::by(&engine, done).await?);
        }
        out.answer(&removed, |removed| removed.iter().map(human).collect())
    }
}

fn human(removed: &Written<Removed>) -> String {
    let Removed { video, blobs, bytes } = &removed.done;
    format!("removed {video}: {blobs} pictures, {}\n", Bytes(*bytes))
}
