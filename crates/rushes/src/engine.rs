//! The engine: a cheap handle to one open library.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rushes_cache::Cache;
use rushes_store::{Blobs, Error as StoreError, Message, Store, Video, VideoId, VideoLock};
use serde::{Deserialize, Serialize};

use crate::answer::ModelFamily;
use crate::config::Settings;
use crate::disk::DiskMark;
use crate::error::{Error, Result};
use crate::ffmpeg::Limits;
use crate::prefetch::{self, Prefetch};
use crate::read::{Freshness, Meter, Served};
use crate::sql::Recorder;
use crate::trace::Tape;

/// How often a write looks whether another one of the same video is done.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Statements of SQL in the figures.
const TOP: usize = 20;

/// An open library: clone it freely, all clones share one cache and one store.
#[derive(Clone)]
pub struct Rushes {
    pub(crate) inner: Arc<Inner>,
    /// Whose reads these are, for those who prefetch.
    pub(crate) session: u64,
}

/// What all handles of an open library share.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Blobs,
    pub(crate) cache: Cache,
    /// Of the disk cache, if there is one.
    pub(crate) mark: Option<DiskMark>,
    pub(crate) freshness: Freshness,
    pub(crate) meter: Meter,
    pub(crate) prefetch: Prefetch,
    pub(crate) recorder: Recorder,
    /// The trace that is being recorded.
    pub(crate) tape: OnceLock<Tape>,
    /// Whether the library's files may not be written.
    pub(crate) read_only: bool,
}

/// A page of videos.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Videos {
    /// The videos, newest first.
    #[serde(with = "crate::read::shared")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Video>))]
    pub items: Arc<Vec<Video>>,
    /// The next page's cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Who answered.
    #[serde(skip_serializing_if = "Served::is_told_apart")]
    pub served: Served,
}

/// A page of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Messages {
    /// The messages, oldest first.
    #[serde(with = "crate::read::shared")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Message>))]
    pub items: Arc<Vec<Message>>,
    /// The next page's cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Who answered.
    #[serde(skip_serializing_if = "Served::is_told_apart")]
    pub served: Served,
}

/// Figures about the running engine: a JSON object with `library`, `cache`, `store`, `reads` and `sql`.
pub type Stats = serde_json::Value;

impl std::fmt::Debug for Rushes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Rushes").field("library", &self.inner.settings.library).finish()
    }
}

impl Rushes {
    /// Opens the library, making it if it is not there. One whose files may not be written is
    /// opened to be read, and every write is refused. Fails when there is none and none can be
    /// made, the database is damaged, or a newer release made it.
    pub async fn open(settings: Settings) -> Result<Self> {
        crate::builder::open(settings).await
    }

    /// As [`Rushes::open`], but makes nothing: fails with [`crate::ErrorKind::NotFound`] where no library is.
    pub async fn open_existing(settings: Settings) -> Result<Self> {
        crate::builder::open_existing(settings).await
    }

    /// Whether the library's files may not be written, so that it can only be read.
    pub fn is_read_only(&self) -> bool {
        self.inner.read_only
    }

    /// Closes the library. Every write was durable when its call returned, so dropping all handles
    /// loses nothing; this also writes down what was learned for prefetching, waits until the disk
    /// cache is complete and records the hottest keys. Other handles go on without the disk cache.
    pub async fn close(self) -> Result<()> {
        prefetch::save(&self.inner).await;
        if let Some(tape) = self.inner.tape.get() {
            tape.end();
        }
        if let Some(mark) = &self.inner.mark {
            mark.close(&self.inner.cache, self.inner.freshness.seen()).await;
        }
        Ok(())
    }

    /// A handle for another session: what one agent reads is learned from apart from what others
    /// do. Clones belong to the session of the handle they were cloned from.
    pub fn session(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), session: prefetch::next_session() }
    }

    /// The settings that the library was opened with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Figures about cache, store and reads.
    pub async fn stats(&self) -> Result<Stats> {
        Ok(serde_json::json!({
            "library": self.inner.settings.library,
            "cache": self.cache_figures(),
            "store": self.inner.store.facts().await?,
            "reads": self.inner.meter.snapshot(),
            "prefetch": self.inner.prefetch.stats(),
            "sql": {
                "pool": self.inner.store.sql().figures(),
                "statements": self.statements(TOP),
            },
        }))
    }

    /// What images are priced for: the built-in model families with the settings' changes.
    pub(crate) fn families(&self) -> &[ModelFamily] {
        &self.inner.settings.families
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { pixels: self.inner.settings.pixels, ..Limits::default() }
    }

    /// One writer at a time for each video, in this process and others. Waits for the one before,
    /// within the `patience` setting.
    pub(crate) async fn lock(&self, video: &VideoId) -> Result<VideoLock> {
        self.check_writable()?;
        let began = Instant::now();
        loop {
            match VideoLock::take(&self.locks(), video) {
                Err(StoreError::Busy(_)) if began.elapsed() < self.inner.settings.patience => {
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
                taken => return Ok(taken?),
            }
        }
    }

    /// Refuses to write where nothing may be written.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if !self.is_read_only() {
            return Ok(());
        }
        let library = self.inner.settings.library.display();
        Err(Error::invalid(format!(
            "the library in {library} can only be read: its files may not be written by this user"
        )))
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.inner.settings.library.join("locks")
    }
}

/// The bytes of a path, refused when they could not be a file's name.
pub(crate) fn checked_path(path: &Path) -> Result<&Path> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() || bytes.contains(&0) || bytes.len() > 4096 {
        return Err(Error::invalid("a path is 1 to 4096 bytes without NUL"));
    }
    Ok(path)
}
