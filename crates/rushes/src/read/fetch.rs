//! One cached read: key, tiers, and on a miss the source. Every face and answer reads through here.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use rushes_cache::{Fetched, Key, LoadError, Loaded, Origin, Scope, Value};
use rushes_store::{
    BlobHash, Entry, EntryId, EntryQuery, Hit, Kind, SearchQuery, Timeline, Video, VideoId, Window,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::Scopes;
use super::served::Tier;
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::ffmpeg::Timing;

/// A value and the slowest place that was needed for it.
#[derive(Clone, Debug)]
pub(crate) struct From<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it came from.
    pub(crate) tier: Tier,
}

/// Names of the cache's namespaces: one for each shape of value.
pub(super) mod namespace {
    pub(in crate::read) const RECORDS: &str = "records";
    pub(in crate::read) const SEGMENTS: &str = "segments";
    pub(in crate::read) const ENCODED: &str = "encoded";
    pub(super) const PICTURES: &str = "pictures";
    pub(super) const TIMING: &str = "timing";
}

impl Rushes {
    /// The one video that `name` means: an id, a unique prefix of ids, or a name.
    pub(crate) async fn resolve(&self, name: &str) -> Result<From<Arc<Video>>> {
        if name.is_empty() {
            return Err(Error::invalid(
                "`video` is missing: name one by its id, a unique prefix of its id, or its name",
            ));
        }
        if name.len() > 1024 || name.contains('\0') {
            return Err(Error::invalid("a video is named by 1 to 1024 bytes without NUL"));
        }
        let store = self.inner.store.clone();
        let wanted = name.to_owned();
        let found: From<Arc<Vec<Video>>> = self
            .records(format!("find/{name}"), &[Scopes::videos()], move || async move {
                Ok(store.find(&wanted, 3).await?)
            })
            .await?;
        match found.value.as_slice() {
            [video] => Ok(From { value: Arc::new(video.clone()), tier: found.tier }),
            [] => Err(Error::not_found(format!(
                "no video is called {name:?}; `rushes ls` lists what there is"
            ))),
            several => {
                let ids: Vec<_> = several.iter().map(|video| video.id.as_str()).collect();
                Err(Error::invalid(format!("{name:?} may mean {}: name one id", ids.join(" or "))))
            }
        }
    }

    /// All entries of the kinds (empty: all) in a window, in time order, at most `limit`; so
    /// `len() == limit` means there may be more.
    pub(crate) async fn window(
        &self,
        video: &Video,
        kinds: &[Kind],
        window: Window,
        limit: usize,
    ) -> Result<From<Vec<Arc<Entry>>>> {
        let (id, kinds) = (video.id.clone(), kinds.to_vec());
        let query = EntryQuery { video: id, kinds, window, model: None, limit, after: None };
        let page = self.page(video, query).await?;
        Ok(From { value: page.value.items, tier: page.tier })
    }

    /// What is known of a video, kind by kind.
    pub(crate) async fn known(&self, video: &VideoId) -> Result<From<Arc<Vec<Timeline>>>> {
        let store = self.inner.store.clone();
        let id = video.clone();
        let scopes = Scopes::of_kinds(video, &[]);
        self.records(format!("video/{video}/known"), &scopes, move || async move {
            Ok(store.timelines(&id).await?)
        })
        .await
    }

    /// One entry; `Gone` when it was there once, `NotFound` when it never was.
    pub(crate) async fn entry(&self, video: &VideoId, id: EntryId) -> Result<From<Arc<Entry>>> {
        let store = self.inner.store.clone();
        let scopes = Scopes::of_kinds(video, &[]);
        let found: From<Arc<Option<Entry>>> = self
            .records(format!("video/{video}/entry/{id}"), &scopes, move || async move {
                Ok(store.entry(id).await?)
            })
            .await?;
        if let Some(entry) = found.value.as_ref().as_ref().filter(|entry| entry.video == *video) {
            return Ok(From { value: Arc::new(entry.clone()), tier: found.tier });
        }
        if self.inner.store.was_given(id).await? {
            let message = format!("entry {id} is gone: it was deleted or superseded");
            return Err(Error::new(ErrorKind::Gone, message));
        }
        Err(Error::not_found(format!("there was never an entry {id}")))
    }

    /// The last entry of a kind that starts at or before `at` seconds.
    pub(crate) async fn last_at(
        &self,
        video: &VideoId,
        kind: &Kind,
        at: f64,
    ) -> Result<From<Arc<Option<Entry>>>> {
        let store = self.inner.store.clone();
        let (id, of) = (video.clone(), kind.clone());
        let scopes = Scopes::of_kinds(video, std::slice::from_ref(kind));
        self.records(format!("video/{video}/last/{kind}/{at}"), &scopes, move || async move {
            Ok(store.entry_at(&id, &of, at).await?)
        })
        .await
    }

    /// What a search finds.
    pub(crate) async fn found(&self, query: SearchQuery) -> Result<From<Arc<Vec<Hit>>>> {
        let store = self.inner.store.clone();
        let key = format!("search/{query:?}");
        let scopes = [Scopes::all_entries(), Scopes::videos()];
        self.records(key, &scopes, move || async move { Ok(store.search(&query).await?) }).await
    }

    /// A blob's bytes (frames, thumbnails); an error when it is not there.
    pub(crate) async fn blob(&self, video: &VideoId, hash: &BlobHash) -> Result<From<Bytes>> {
        let blobs = self.inner.blobs.clone();
        let hash = *hash;
        self.derived(video, format!("blob/{hash}"), Tier::Store, move || async move {
            let read = tokio::task::spawn_blocking(move || blobs.get(&hash));
            let bytes = read.await.map_err(interrupted)??;
            bytes.ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, format!("the library lacks the file of blob {hash}"))
            })
        })
        .await
    }

    /// Bytes derived from a video's picture data (a resized frame, a sheet, a clip), made once by
    /// `make` and cached under `key` until the video or its frames change. `tier` says what `make`
    /// itself reads from.
    pub(crate) async fn derived<F, Fut>(
        &self,
        video: &VideoId,
        key: String,
        tier: Tier,
        make: F,
    ) -> Result<From<Bytes>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Bytes>> + Send + 'static,
    {
        let key = Key::new(namespace::PICTURES, format!("video/{video}/{key}"));
        let scopes = Scopes::of_kinds(video, &[Kind::frame()]);
        // Making a picture holds much state: on the heap it does not weigh on the caller's stack.
        let make = move || Box::pin(make());
        let (value, origin) = Box::pin(self.cached(&key, &scopes, make)).await?;
        Ok(From { value: value.to_bytes(), tier: served_by(origin, tier) })
    }

    /// The timing index of a video, if it has one.
    pub(crate) async fn timing(&self, video: &Video) -> Result<Option<Arc<Timing>>> {
        let Some(hash) = video.timing else { return Ok(None) };
        let blobs = self.inner.blobs.clone();
        let key = Key::new(namespace::TIMING, format!("video/{}/{hash}", video.id));
        let (value, _) = self
            .cached(&key, &[Scopes::video(&video.id)], move || async move {
                let read = tokio::task::spawn_blocking(move || blobs.get(&hash));
                let bytes = read.await.map_err(interrupted)??;
                bytes.ok_or_else(|| {
                    Error::new(ErrorKind::Corrupt, "the library lacks a video's timing index")
                })
            })
            .await?;
        let timing = value.decoded(|bytes| {
            let timing = Timing::from_bytes(bytes)?;
            let weight = timing.frames.len() * size_of::<crate::ffmpeg::FrameTime>();
            Ok::<_, Error>((timing, weight))
        })?;
        Ok(Some(timing))
    }

    /// The video's file, checked to be the one that was ingested (its size); an error that names
    /// the remedy when it is gone or another.
    pub(crate) async fn source(&self, video: &Video) -> Result<PathBuf> {
        let path = match (&video.media, &video.path) {
            (Some(media), _) => self.inner.blobs.path(media),
            (None, Some(path)) => PathBuf::from(path),
            (None, None) => return Err(gone(video, "the library does not know where it is")),
        };
        let facts = tokio::fs::metadata(&path)
            .await
            .map_err(|_| gone(video, "it is no longer where it was ingested from"))?;
        if facts.len() != video.size || changed_since(&facts, video.added) {
            self.check_content(video, &path).await?;
        }
        Ok(path)
    }

    /// A file whose size or time of change differs may still be the same: its bytes decide.
    async fn check_content(&self, video: &Video, path: &std::path::Path) -> Result<()> {
        if crate::ingest::hash_file(path).await? == video.hash {
            return Ok(());
        }
        Err(gone(video, "another file is now where it was ingested from"))
    }

    /// Records of the store, cached as JSON and decoded once for all readers.
    pub(super) async fn records<T, F, Fut>(
        &self,
        key: String,
        scopes: &[Scope],
        query: F,
    ) -> Result<From<Arc<T>>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let key = Key::new(namespace::RECORDS, key);
        // What the query saw may have been committed by another process whose changes are not yet
        // dropped here: then the value is fenced off, and the self-audit is not deceived.
        let engine = self.clone();
        let query = move || async move {
            let records = query().await?;
            engine.catch_up().await?;
            Ok::<_, Error>(records)
        };
        let (value, origin) =
            self.cached(&key, scopes, move || async move { encode(&query().await?) }).await?;
        let value = value.decoded(decode::<T>)?;
        Ok(From { value, tier: served_by(origin, Tier::Store) })
    }

    async fn cached<F, Fut>(&self, key: &Key, scopes: &[Scope], load: F) -> Result<(Value, Origin)>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Bytes>> + Send + 'static,
    {
        // A hit never waits, so a task that reads in a loop would keep its thread from all others.
        tokio::task::coop::consume_budget().await;
        self.freshen().await?;
        let ttl = Some(self.inner.settings.ttl);
        let load = move || async move {
            let bytes = load().await.map_err(|error| Arc::new(error) as LoadError)?;
            Ok(Loaded { bytes: Some(bytes), ttl })
        };
        let Fetched { value, origin, .. } = self
            .inner
            .cache
            .get_or_load(key, scopes, load)
            .await
            .map_err(|error| failed(&error))?;
        Ok((value.ok_or_else(absent)?, origin))
    }
}

/// The engine caches nothing as absent.
pub(super) fn absent() -> Error {
    Error::new(ErrorKind::Internal, "a record was cached as absent; please report this")
}

pub(crate) fn served_by(origin: Origin, source: Tier) -> Tier {
    match origin {
        Origin::Memory => Tier::Memory,
        Origin::Redis => Tier::Redis,
        Origin::Disk => Tier::Disk,
        Origin::Source => source,
    }
}

/// The engine's own error, as the loader gave it, or the cache's.
pub(crate) fn failed(error: &LoadError) -> Error {
    let cause: &(dyn std::error::Error + 'static) = error.as_ref();
    cause
        .downcast_ref::<Error>()
        .cloned()
        .unwrap_or_else(|| Error::new(ErrorKind::Internal, error.to_string()))
}

pub(super) fn encode<T: Serialize>(records: &T) -> Result<Bytes> {
    serde_json::to_vec(records)
        .map(Bytes::from)
        .map_err(|error| Error::caused(ErrorKind::Internal, "cannot encode records", error))
}

/// Decoded records weigh about three times their JSON: boxed strings, maps and numbers.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize)> {
    let records = serde_json::from_slice(bytes)
        .map_err(|error| Error::caused(ErrorKind::Corrupt, "cached records are damaged", error))?;
    Ok((records, bytes.len() * 3))
}

fn interrupted(error: tokio::task::JoinError) -> Error {
    Error::caused(ErrorKind::Internal, "a read was interrupted", error)
}

fn changed_since(facts: &std::fs::Metadata, added: f64) -> bool {
    let changed = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    changed.is_none_or(|time| time.as_secs_f64() > added)
}

fn gone(video: &Video, why: &str) -> Error {
    let message = format!(
        "the file of {:?} cannot be read: {why}; ingest it again from where it is now",
        video.name
    );
    Error::new(ErrorKind::Gone, message)
}
