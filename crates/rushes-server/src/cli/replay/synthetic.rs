//! A library of the shape that a trace needs: its videos, as long as they were read, with entries
//! at the usual density.

use std::collections::BTreeMap;
use std::path::Path;

use rushes::Result;
use rushes::store::{
    BlobHash, Kind, NewEntry, Older, Recipe, SqliteOptions, SqliteStore, Store, Video, VideoId,
};
use serde_json::json;

use super::trace::Read;

/// Seconds between entries of a kind, and how long one lasts.
fn spacing(kind: &Kind) -> (f64, f64) {
    match kind.as_str() {
        Kind::FRAME => (1.0, 0.0),
        Kind::CAPTION => (5.0, 5.0),
        Kind::TRANSCRIPT => (3.0, 2.5),
        _ => (1.0, 0.0),
    }
}

/// Fills the database of a library that nobody has open.
pub(super) async fn fill(library: &Path, reads: &[Read]) -> Result<()> {
    let mut ends: BTreeMap<&str, BTreeMap<&Kind, f64>> = BTreeMap::new();
    for read in reads {
        let end = ends.entry(&read.video).or_default().entry(&read.kind).or_default();
        *end = end.max(read.to);
    }
    let store = SqliteStore::open(&library.join("rushes.db"), &SqliteOptions::default())?;
    for (name, kinds) in ends {
        let duration = kinds.values().copied().fold(1.0, f64::max);
        let video = video(name, duration);
        store.put_video(&video).await?;
        for kind in kinds.into_keys() {
            let recipe = Recipe { tool: "replay".to_owned(), ..Recipe::default() };
            let recipe = Recipe { model: kind.to_string(), ..recipe };
            let run = store.run_open(&video.id, &recipe, false).await?;
            store.run_write(run.id, entries(kind, duration)).await?;
            store.run_finish(run.id, std::slice::from_ref(kind), Older::Keep).await?;
        }
    }
    Ok(())
}

fn video(name: &str, duration: f64) -> Video {
    let hash = BlobHash::of(name.as_bytes());
    Video {
        id: VideoId::of(&hash),
        hash,
        name: name.to_owned(),
        path: None,
        media: None,
        size: 0,
        start: 0.0,
        duration,
        probe: json!({}),
        thumbnail: None,
        timing: None,
        added: 0.0,
    }
}

fn entries(kind: &Kind, duration: f64) -> Vec<NewEntry> {
    let (every, lasts) = spacing(kind);
    let count = (duration / every).ceil() as u32;
    let entry = |number: u32| {
        let start = f64::from(number) * every;
        NewEntry {
            kind: kind.clone(),
            start,
            end: start + lasts,
            estimated: false,
            data: json!({"number": number, "text": "about as many words as a caption usually has"}),
            text: None,
            label: None,
            blob: None,
        }
    };
    (0..count).map(entry).collect()
}
