//! `rushes show`: what is known of a video, or its entries.

use std::pin::pin;

use clap::Args;
use futures::TryStreamExt;
use rushes::read::{Entries, EntriesRequest, Total};
use rushes::store::{Entry, Timeline, Video};
use rushes::{Result, Rushes};
use serde::Serialize;

use super::asking::{KindArgs, WindowArgs};
use super::globals::Globals;
use super::ls::{more, picture};
use super::output::Output;
use super::table::Table;
use crate::words::{self, Bytes, begins, clock, ends};

/// Show what is known of a video; with --kind or a window its entries
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The video
    video: String,
    #[command(flatten)]
    kinds: KindArgs,
    #[command(flatten)]
    window: WindowArgs,
    /// Only entries made by this model
    #[arg(long)]
    model: Option<String>,
    /// Entries on a page, 1 to 1000
    #[arg(long)]
    limit: Option<usize>,
    /// Go on after an earlier page
    #[arg(long)]
    cursor: Option<String>,
    /// Say how many there are on all pages, too: none, exact or estimated
    #[arg(long, value_parser = words::choice::<Total>, default_value = "none", hide_default_value = true)]
    total: Total,
    /// All pages; with --json an entry a line. --limit is how many are read at a time
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Known {
    video: Video,
    timelines: Vec<Timeline>,
}

impl Show {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let engine = globals.open().await?;
        if self.all {
            return all(&engine, self.request(), out).await;
        }
        if self.asks_for_entries() {
            let entries = engine.entries(&self.request()).await?;
            return out.answer(&entries, entries_text);
        }
        out.answer(&known(&engine, &self.video).await?, known_text)
    }

    fn asks_for_entries(&self) -> bool {
        let paged = self.limit.is_some() || self.cursor.is_some() || self.total != Total::None;
        paged || self.window.is_given() || self.model.is_some() || !self.kinds.kinds.is_empty()
    }

    fn request(self) -> EntriesRequest {
        EntriesRequest {
            video: self.video,
            kinds: self.kinds.kinds,
            from: self.window.from(),
            to: self.window.to(),
            model: self.model,
            limit: self.limit,
            cursor: self.cursor,
            total: self.total,
        }
    }
}

/// Prints page after page as they come.
async fn all(engine: &Rushes, request: EntriesRequest, out: &Output) -> Result<()> {
    let mut pages = pin!(engine.entries_stream(request));
    let mut found = false;
    while let Some(mut page) = pages.try_next().await? {
        if out.json {
            page.items.iter().try_for_each(|entry| out.event(entry))?;
            continue;
        }
        // What follows is here.
        page.next = None;
        let rows = entries_text(&page);
        let rows = if found { rows.split_once('\n').map_or("", |(_, rows)| rows) } else { &rows };
        out.text(rows)?;
        found = true;
    }
    Ok(())
}

async fn known(engine: &Rushes, name: &str) -> Result<Known> {
    let video = engine.video(name).await?;
    let timelines = engine.timelines(&video.id).await?;
    Ok(Known { video, timelines })
}

fn known_text(known: &Known) -> String {
    let video = &known.video;
    let mut text = format!("{}\n{}\n", video.name, "-".repeat(video.name.chars().count()));
    let place = video.path.as_deref().unwrap_or("in the library");
    for (what, value) in [
        ("id", video.id.to_string()),
        ("length", format!("{} from {}", clock(video.duration), clock(video.start))),
        ("picture", picture(video)),
        ("size", Bytes(video.size).to_string()),
        ("file", place.to_owned()),
    ] {
        text += &format!("{what:<8} {value}\n");
    }
    let mut table = Table::new(&["KIND", "ENTRIES", "MADE BY"]);
    for line in &known.timelines {
        let makers: Vec<String> = line.recipes.iter().map(maker).collect();
        table.row([line.kind.to_string(), line.count.to_string(), makers.join(", ")]);
    }
    text + "\n" + &table.text()
}

/// Tool, version and model, and the file that it came from.
fn maker(recipe: &rushes::store::Recipe) -> String {
    let parts = [&recipe.tool, &recipe.version, &recipe.model];
    let parts: Vec<&str> =
        parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let made = parts.join(" ");
    match (made.as_str(), recipe.params["source"].as_str()) {
        ("", None) => "unknown".to_owned(),
        ("", Some(source)) => source.to_owned(),
        (_, None) => made,
        (_, Some(source)) => format!("{made} ({source})"),
    }
}

fn entries_text(entries: &Entries) -> String {
    let mut table = Table::new(&["ID", "START", "END", "KIND", "WHAT"]);
    for entry in entries.items.iter() {
        let end = if entry.estimated { "~" } else { "" };
        table.row([
            entry.id.to_string(),
            begins(entry.start, entry.end),
            ends(entry.start, entry.end) + end,
            entry.kind.to_string(),
            what(entry),
        ]);
    }
    let mut text = table.text();
    if table.is_empty() {
        text += "none found\n";
    }
    if let Some(total) = &entries.total {
        let about = if total.exact { "" } else { "about " };
        text += &format!("{about}{} in all\n", total.count);
    }
    for kind in &entries.never_computed {
        text += &format!("{kind}: never computed for this video\n");
    }
    text + &more(entries.next.as_deref())
}

/// What an entry says: its words, else its data.
fn what(entry: &Entry) -> String {
    let words = ["text", "caption", "title"].into_iter().find_map(|name| entry.data.get(name));
    match words.and_then(serde_json::Value::as_str) {
        Some(words) => words.to_owned(),
        None => entry.data.to_string(),
    }
}
