//! `rushes ls`: the videos of the library.

use clap::Args;
use rushes::store::Video;
use rushes::{Result, Videos};

use super::globals::Globals;
use super::output::Output;
use super::table::Table;
use crate::words::{Bytes, clock};

/// List the videos, newest first
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Videos on a page, 1 to 1000
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Go on after an earlier page
    #[arg(long)]
    cursor: Option<String>,
}

impl Ls {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let engine = globals.open().await?;
        let videos = engine.videos(self.limit, self.cursor.as_deref()).await?;
        out.answer(&videos, human)
    }
}

fn human(videos: &Videos) -> String {
    if videos.items.is_empty() {
        return "The library is empty: rushes ingest FILE".to_owned();
    }
    let mut table = Table::new(&["ID", "LENGTH", "PICTURE", "SIZE", "NAME"]);
    for video in videos.items.iter() {
        table.row([
            video.id.to_string(),
            clock(video.duration),
            picture(video),
            Bytes(video.size).to_string(),
            video.name.clone(),
        ]);
    }
    table.text() + &more(videos.next.as_deref())
}

/// The size of a video's picture, as its probe found it.
pub(super) fn picture(video: &Video) -> String {
    let side = |name: &str| video.probe.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
    format!("{}x{}", side("width"), side("height"))
}

/// How to ask for the next page; nothing at the end.
pub(super) fn more(next: Option<&str>) -> String {
    next.map(|cursor| format!("more: --cursor {cursor}\n")).unwrap_or_default()
}
