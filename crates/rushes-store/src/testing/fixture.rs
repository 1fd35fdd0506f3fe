//! Records for the checks.

use std::sync::Arc;

use serde_json::json;

use crate::model::{BlobHash, Entry, Kind, NewEntry, Recipe, Video, VideoId, Window};
use crate::query::{EntryQuery, SearchQuery};
use crate::store::{Finished, Older, Store};

pub(super) type Handle = Arc<dyn Store>;

pub(super) fn kind(name: &str) -> Kind {
    Kind::new(name).unwrap()
}

/// A video whose content, and so its id, follows from its name.
pub(crate) fn video(name: &str) -> Video {
    let hash = BlobHash::of(name.as_bytes());
    Video {
        id: VideoId::of(&hash),
        hash,
        name: name.to_owned(),
        path: Some(format!("/videos/{name}")),
        media: None,
        size: 1234,
        start: 0.5,
        duration: 60.25,
        probe: json!({"width": 640, "codec": "h264", "audio": [{"channels": 2}]}),
        thumbnail: None,
        timing: None,
        added: 1_700_000_000.25,
    }
}

/// A recipe, and so a model, of this name.
pub(super) fn recipe(model: &str) -> Recipe {
    Recipe {
        tool: "test".to_owned(),
        version: "1".to_owned(),
        model: model.to_owned(),
        params: json!({"every": 1.0}),
    }
}

pub(super) fn entry(name: &str, start: f64, end: f64) -> NewEntry {
    NewEntry {
        kind: kind(name),
        start,
        end,
        estimated: false,
        data: json!({}),
        text: None,
        label: None,
        blob: None,
    }
}

pub(super) fn caption(start: f64, end: f64, text: &str) -> NewEntry {
    let data = json!({"text": text});
    NewEntry { data, text: Some(text.to_owned()), ..entry(Kind::CAPTION, start, end) }
}

pub(super) fn object(at: f64, label: &str, score: f64) -> NewEntry {
    let data = json!({"label": label, "score": score, "box": [1, 2, 3, 4]});
    NewEntry { data, label: Some(label.to_owned()), ..entry(Kind::OBJECT, at, at) }
}

pub(super) fn frame(at: f64, picture: &[u8]) -> NewEntry {
    let blob = Some(BlobHash::of(picture));
    NewEntry { blob, data: json!({"number": at}), ..entry(Kind::FRAME, at, at) }
}

/// Puts a video of this name.
pub(super) async fn put(store: &Handle, name: &str) -> Video {
    let video = video(name);
    store.put_video(&video).await.unwrap();
    video
}

/// Writes entries in a run of their own and finishes it.
pub(super) async fn fill(
    store: &Handle,
    video: &Video,
    model: &str,
    entries: Vec<NewEntry>,
    older: Older,
) -> Finished {
    let run = store.run_open(&video.id, &recipe(model), false).await.unwrap();
    store.run_write(run.id, entries).await.unwrap();
    store.run_finish(run.id, &[], older).await.unwrap()
}

/// Asks for everything of a video.
pub(super) fn everything(video: &Video) -> EntryQuery {
    EntryQuery {
        video: video.id.clone(),
        kinds: Vec::new(),
        window: Window::ALL,
        model: None,
        limit: 1000,
        after: None,
    }
}

pub(super) async fn all(store: &Handle, video: &Video) -> Vec<Entry> {
    pages(store, everything(video)).await
}

/// Reads a query page by page to its end.
pub(super) async fn pages(store: &Handle, mut query: EntryQuery) -> Vec<Entry> {
    let mut entries = Vec::new();
    loop {
        let page = store.entries(&query).await.unwrap();
        assert!(page.items.len() <= query.limit, "a page is longer than its limit");
        assert!(page.next.is_none() || page.items.len() == query.limit, "a short page goes on");
        entries.extend(page.items);
        if page.next.is_none() {
            return entries;
        }
        query.after = page.next;
    }
}

pub(super) fn words(text: &str) -> SearchQuery {
    SearchQuery {
        text: Some(text.to_owned()),
        label: None,
        videos: Vec::new(),
        kinds: Vec::new(),
        window: Window::ALL,
        limit: 100,
        offset: 0,
    }
}
