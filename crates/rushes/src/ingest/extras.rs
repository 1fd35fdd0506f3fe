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
use crate::ffmpeg::{self, Probe};
use crate::import::{self, Format, ImportOptions, Imported};

impl Rushes {
    /// Imports chapters, subtitles and side files, and counts them. `probe` is at hand when the
    /// video was taken in just now; otherwise it is made again only if something inside the file
    /// was not brought along, as when the ingest was killed at that point.
    pub(super) async fn bring_along(
        &self,
        video: &Video,
        beside: Option<&Path>,
        probe: Option<&Probe>,
        options: &IngestOptions,
        events: &Events,
        ingested: &mut Ingested,
    ) -> Result<()> {
        match probe {
            Some(probe) => self.unpack(video, probe, events, ingested).await,
            None if self.is_packed(video).await? => {
                let probe = ffmpeg::probe(&self.source(video).await?, &self.limits()).await?;
                self.unpack(video, &probe, events, ingested).await;
            }
            None => {}
        }
        let Some(file) = beside.filter(|_| options.sidecars) else { return Ok(()) };
        for (side, options) in import::sidecars(file) {
            let name = options.origin.clone();
            let imported = self.import_file(video.id.as_str(), &side, options).await;
            count(imported, &name, events, ingested).await;
        }
        Ok(())
    }

    /// Whether the file holds subtitles or chapters that were never brought along.
    async fn is_packed(&self, video: &Video) -> Result<bool> {
        let mut recipes = Vec::new();
        if video.probe.get("chapters").is_some() {
            recipes.push(of_chapters());
        }
        for subtitle in video.probe["subtitles"].as_array().into_iter().flatten() {
            let stream = subtitle["stream"].as_u64().unwrap_or_default() as u32;
            recipes.push(of_subtitles(stream, subtitle["language"].as_str().unwrap_or("und")));
        }
        for recipe in recipes {
            if !self.inner.store.has_run(&video.id, &recipe).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn unpack(&self, video: &Video, probe: &Probe, events: &Events, ingested: &mut Ingested) {
        let chapters = self.chapters(video, probe).await;
        count(chapters, "chapters", events, ingested).await;
        for (stream, language) in &probe.subtitles {
            let imported = self.subtitles(video, *stream, language).await;
            count(imported, &format!("subtitle stream {stream}"), events, ingested).await;
        }
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
        let store = &self.inner.store;
        let _lock = self.lock(&video.id).await?;
        let run = store.run_open(&video.id, &of_chapters(), false).await?;
        store.run_write(run.id, entries).await?;
        let finished = store.run_finish(run.id, &[EntryKind::new("chapter")?], Older::Keep).await?;
        self.applied(&finished.change).await;
        imported.added.insert("chapter".to_owned(), finished.added);
        Ok(imported)
    }

    async fn subtitles(&self, video: &Video, stream: u32, language: &str) -> Result<Imported> {
        let path = self.source(video).await?;
        let text = ffmpeg::subtitle(&path, stream, &self.limits()).await?;
        let Recipe { tool, params, .. } = of_subtitles(stream, language);
        let options = ImportOptions {
            kind: Some(EntryKind::TRANSCRIPT.to_owned()),
            format: Some(Format::Webvtt),
            origin: format!("subtitle stream {stream}"),
            tool,
            params,
            ..ImportOptions::default()
        };
        self.import_bytes(video.id.as_str(), text.into(), options).await
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

fn of_chapters() -> Recipe {
    let params = json!({ "from": "chapters" });
    Recipe { tool: "ffmpeg".to_owned(), params, ..Recipe::default() }
}

fn of_subtitles(stream: u32, language: &str) -> Recipe {
    let params = json!({ "language": language, "stream": stream });
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
            // Most errors name the file already.
            let error = error.to_string();
            let named = error.starts_with(&format!("{what}:"));
            let message = if named { error } else { format!("{what}: {error}") };
            events.tell(Event::Warning { message }).await;
        }
    }
}
