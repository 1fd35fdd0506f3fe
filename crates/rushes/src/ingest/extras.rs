//! What comes along with a video: chapters and subtitles inside the file, side files beside it.
//!
//! Each is imported by a recipe of its own, so bringing it along again changes nothing. A side
//! file that cannot be read is a warning: the video itself is whole.

use std::path::Path;

use rushes_store::{Kind as EntryKind, NewEntry, Older, Recipe, Video};
use serde_json::json;

use super::options::{Event, IngestOptions, Ingested};
use super::pipeline::Events;
use crate::engine::Rushes;
use crate::error::Result;
use crate::ffmpeg::Probe;
use crate::import::{self, Imported};

impl Rushes {
    /// Imports chapters, subtitles and side files, and counts them. `probe` is at hand when the
    /// video was taken in just now; otherwise what is inside it was imported before.
    pub(super) async fn bring_along(
        &self,
        video: &Video,
        beside: Option<&Path>,
        probe: Option<&Probe>,
        options: &IngestOptions,
        events: &Events,
        ingested: &mut Ingested,
    ) -> Result<()> {
        if let Some(probe) = probe {
            let chapters = self.chapters(video, probe).await;
            count(chapters, "chapters", events, ingested).await;
        }
        let Some(file) = beside.filter(|_| options.sidecars) else { return Ok(()) };
        for (side, options) in import::sidecars(file) {
            let name = options.origin.clone();
            let imported = self.import_file(video.id.as_str(), &side, options).await;
            count(imported, &name, events, ingested).await;
        }
        Ok(())
    }

    async fn chapters(&self, video: &Video, probe: &Probe) -> Result<Imported> {
        let entries: Vec<_> = probe
            .chapters
            .iter()
            .map(|(start, end, title)| chapter(*start, *end, title))
            .collect::<Result<_>>()?;
        let mut imported = Imported::default();
        if entries.is_empty() {
            return Ok(imported);
        }
        let recipe = embedded(json!({ "from": "chapters" }));
        let store = &self.inner.store;
        let _lock = self.lock(&video.id)?;
        let run = store.run_open(&video.id, &recipe, false).await?;
        store.run_write(run.id, entries).await?;
        let finished =
            store.run_finish(run.id, &[EntryKind::new("chapter")?], Older::Keep).await?;
        self.applied(&finished.change).await;
        imported.added.insert("chapter".to_owned(), finished.added);
        Ok(imported)
    }
}

fn chapter(start: f64, end: f64, title: &str) -> Result<NewEntry> {
    Ok(NewEntry {
        kind: EntryKind::new("chapter")?,
        start,
        end: end.max(start),
        estimated: false,
        data: json!({ "title": title }),
        text: Some(title.to_owned()),
        label: None,
        blob: None,
    })
}

fn embedded(params: serde_json::Value) -> Recipe {
    Recipe { tool: "ffmpeg".to_owned(), params, ..Recipe::default() }
}

/// Adds up what was imported; a failure is told and passed over.
async fn count(imported: Result<Imported>, what: &str, events: &Events, ingested: &mut Ingested) {
    match imported {
        Ok(imported) => {
            for (kind, added) in imported.added {
                *ingested.entries.entry(kind).or_default() += added;
            }
            if imported.rejected > 0 {
                let message = format!("{what}: {} records were passed over", imported.rejected);
                events.tell(Event::Warning { message }).await;
            }
        }
        Err(error) => {
            events.tell(Event::Warning { message: format!("{what}: {error}") }).await;
        }
    }
}
