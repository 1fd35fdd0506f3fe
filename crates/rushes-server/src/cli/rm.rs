//! `rushes rm`: videos leave the library.

use clap::Args;
use rushes::{Removed, Result, Rushes};

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
        // A name that means nothing is told before anything is deleted.
        let mut ids = Vec::new();
        for video in &self.videos {
            ids.push(engine.removable(video).await?);
        }
        let (mut removed, mut failed) = (Vec::new(), None);
        for id in ids {
            match remove(&engine, id.as_str()).await {
                Ok(gone) => removed.push(gone),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        // What is gone is told, whatever became of the rest.
        if failed.is_none() || !removed.is_empty() {
            out.answer(&removed, |removed| removed.iter().map(human).collect())?;
        }
        failed.map_or(Ok(()), Err)
    }
}

async fn remove(engine: &Rushes, id: &str) -> Result<Written<Removed>> {
    let done = engine.remove(id).await?;
    Written::by(engine, done).await
}

fn human(removed: &Written<Removed>) -> String {
    let Removed { video, blobs, bytes } = &removed.done;
    format!("removed {video}: {blobs} pictures, {}\n", Bytes(*bytes))
}
