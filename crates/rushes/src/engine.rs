//! The engine: a cheap handle to one open library.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rushes_cache::Cache;
use rushes_store::{Blobs, Message, Store, Video, VideoLock};
use serde::{Deserialize, Serialize};

use crate::answer::ModelFamily;
use crate::config::Settings;
use crate::error::{Error, Kind, Result};
use crate::ffmpeg::Limits;
use crate::read::{Freshness, Meter, Served};

/// An open library: clone it freely, all clones share one cache and one store.
#[derive(Clone)]
pub struct Rushes {
    pub(crate) inner: Arc<Inner>,
}

/// What all handles of an open library share.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Blobs,
    pub(crate) cache: Cache,
    pub(crate) freshness: Freshness,
    pub(crate) meter: Meter,
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
    pub served: Served,
}

/// Figures about the running engine: a JSON object with `library`, `cache`, `store` and `reads`.
pub type Stats = serde_json::Value;

impl std::fmt::Debug for Rushes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Rushes").field("library", &self.inner.settings.library).finish()
    }
}

impl Rushes {
    /// Opens the library, making it if it is not there. Fails when the folder cannot be written,
    /// the database is damaged, or a newer release made it.
    pub async fn open(settings: Settings) -> Result<Self> {
        crate::builder::open(settings).await
    }

    /// Closes this handle. Every write was durable when its call returned, so dropping all handles
    /// does the same; this one says so.
    pub async fn close(self) -> Result<()> {
        drop(self);
        Ok(())
    }

    /// The settings that the library was opened with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// A folder in the library for files on their way in; same file system as the blobs.
    pub fn incoming(&self) -> Result<PathBuf> {
        let folder = self.inner.settings.library.join("incoming");
        std::fs::create_dir_all(&folder).map_err(|error| {
            Error::caused(
                Kind::Internal,
                format!("cannot make the folder for uploads: {error}"),
                error,
            )
        })?;
        Ok(folder)
    }

    /// Figures about cache, store and reads.
    pub async fn stats(&self) -> Result<Stats> {
        Ok(serde_json::json!({
            "library": self.inner.settings.library,
            "cache": self.cache_stats(),
            "store": self.inner.store.facts().await?,
            "reads": self.inner.meter.snapshot(),
        }))
    }

    /// What images are priced for: the built-in model families with the settings' changes.
    pub(crate) fn families(&self) -> &[ModelFamily] {
        &self.inner.settings.families
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { pixels: self.inner.settings.pixels, ..Limits::default() }
    }

    /// One writer at a time for each video, in this process and others.
    pub(crate) fn lock(&self, video: &rushes_store::VideoId) -> Result<VideoLock> {
        Ok(VideoLock::take(&self.locks(), video)?)
    }

    fn locks(&self) -> PathBuf {
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
