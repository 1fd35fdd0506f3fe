//! The engine: a cheap handle to one library.

use std::path::Path;

use rushes_store::{Message, Role, Timeline, Video, VideoId};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::answer::{
    BurstRequest, Cited, Clip, ClipRequest, Context, ContextRequest, FrameImage, FrameRequest,
    SearchRequest, SearchResults, Sheet, SheetRequest,
};
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::import::{ImportOptions, Imported};
use crate::ingest::{Event, IngestOptions, Ingested, Source};
use crate::read::{Entries, EntriesRequest, Served};

/// An open library: clone it freely, all clones share one cache and one store.
#[derive(Clone, Debug)]
pub struct Rushes {}

/// A page of videos.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Videos {
    /// The videos, newest first.
    pub items: Vec<Video>,
    /// The next page's cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Who answered.
    pub served: Served,
}

/// A page of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Messages {
    /// The messages, oldest first.
    pub items: Vec<Message>,
    /// The next page's cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Who answered.
    pub served: Served,
}

/// What [`Rushes::remove`] did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Removed {
    /// The video's id.
    pub video: String,
    /// Files that no other video uses, now deleted.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Figures about the running engine: a JSON object with `library`, `cache`, `store`, `reads`.
pub type Stats = serde_json::Value;

macro_rules! later {
    () => {
        Err(Error::new(crate::error::Kind::Unsupported, "not built yet"))
    };
}

impl Rushes {
    /// Opens the library, making it if it is not there.
    pub async fn open(_settings: Settings) -> Result<Self> {
        later!()
    }

    /// Waits for work under way and closes the library.
    pub async fn close(self) -> Result<()> {
        later!()
    }

    /// Videos, newest first. `limit` 1 to 1000.
    pub async fn videos(&self, _limit: usize, _cursor: Option<&str>) -> Result<Videos> {
        later!()
    }

    /// The one video that `name` means: an id, a unique prefix of ids, or a name.
    pub async fn video(&self, _name: &str) -> Result<Video> {
        later!()
    }

    /// What is known of a video, kind by kind.
    pub async fn timelines(&self, _video: &VideoId) -> Result<Vec<Timeline>> {
        later!()
    }

    /// Deletes a video: its rows, cached values, and files that no other video uses.
    pub async fn remove(&self, _name: &str) -> Result<Removed> {
        later!()
    }

    /// Takes a video in. Dropping the future (or the receiver of `events`) does not corrupt
    /// anything: what is not finished is invisible and is resumed by the next ingest.
    pub async fn ingest(
        &self,
        _source: Source,
        _options: IngestOptions,
        _events: Option<mpsc::Sender<Event>>,
    ) -> Result<Ingested> {
        later!()
    }

    /// Imports what a model produced from a file or, for label files one a frame, a folder.
    pub async fn import_file(
        &self,
        _video: &str,
        _path: &Path,
        _options: ImportOptions,
    ) -> Result<Imported> {
        later!()
    }

    /// Entries of a video in a window.
    pub async fn entries(&self, _request: &EntriesRequest) -> Result<Entries> {
        later!()
    }

    /// One frame's image.
    pub async fn frame(&self, _request: &FrameRequest) -> Result<FrameImage> {
        later!()
    }

    /// Native frames of a short window.
    pub async fn burst(&self, _request: &BurstRequest) -> Result<Vec<FrameImage>> {
        later!()
    }

    /// Everything known around a moment, within a token budget.
    pub async fn context(&self, _request: &ContextRequest) -> Result<Context> {
        later!()
    }

    /// Search over text and object classes.
    pub async fn search(&self, _request: &SearchRequest) -> Result<SearchResults> {
        later!()
    }

    /// A contact sheet.
    pub async fn sheet(&self, _request: &SheetRequest) -> Result<Sheet> {
        later!()
    }

    /// A clip.
    pub async fn clip(&self, _request: &ClipRequest) -> Result<Clip> {
        later!()
    }

    /// What a reference stands for.
    pub async fn cite(&self, _reference: &str) -> Result<Cited> {
        later!()
    }

    /// The small picture of a video: bytes, media type and entity tag.
    pub async fn thumbnail(&self, _video: &str) -> Result<FrameImage> {
        later!()
    }

    /// Path of the video's file, for players: where it was ingested from, or in the library.
    pub async fn media(&self, _video: &str) -> Result<std::path::PathBuf> {
        later!()
    }

    /// Messages about a video, oldest first. `limit` 1 to 1000.
    pub async fn messages(
        &self,
        _video: &str,
        _limit: usize,
        _cursor: Option<&str>,
    ) -> Result<Messages> {
        later!()
    }

    /// Appends a message to the conversation about a video.
    pub async fn append(&self, _video: &str, _role: Role, _content: &str) -> Result<Message> {
        later!()
    }

    /// Figures about cache, store and reads.
    pub async fn stats(&self) -> Result<Stats> {
        later!()
    }
}
