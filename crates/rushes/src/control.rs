//! The cache as its operator sees it: what it has, what is hot, what more memory would give; and
//! the means to drop and to warm.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rushes_cache::{Budget, Cache, Key, LoadError, Lookup, Pattern, Scope};
use serde::{Deserialize, Serialize};

use crate::engine::Rushes;
use crate::error::{Error, Result};
use crate::read::EntriesRequest;

/// Longest key, tag or pattern, bytes.
const LONGEST: usize = 4_096;

/// What of the cache is dropped: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Drops {
    /// One key, as `NAMESPACE:ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// All that carries this tag, as `video/ID/entries/caption`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// All keys that the wildcard `NAMESPACE:ID` matches; `*` is any run of characters, `?` one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A whole namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Everything.
    pub all: bool,
}

/// What was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Dropped {
    /// Entries in memory that were covered.
    pub entries: usize,
}

/// What the cache has for a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CachedValue {
    /// The key, as `NAMESPACE:ID`.
    pub key: String,
    /// `hit`, `absent` (known not to exist) or `miss`.
    pub found: String,
    /// Bytes of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// The value, when it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub value: Option<serde_json::Value>,
}

/// A key that is hit often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Hot {
    /// The key, as `NAMESPACE:ID`.
    pub key: String,
    /// About how many hits it got lately, by a sample.
    pub hits: u64,
}

/// What memory of one size would give.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Point {
    /// Bytes.
    pub memory: u64,
    /// Share of look-ups answered from memory.
    pub hit_ratio: f64,
}

/// Hit ratio against memory, estimated from a sample of the keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MemoryCurve {
    /// The memory that it has now, bytes.
    pub memory: u64,
    /// Look-ups that the sample saw; with a few hundred or less it says little.
    pub references: u64,
    /// The smallest memory first.
    pub points: Vec<Point>,
}

/// What is to be warmed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Warm {
    /// Ids or names of videos; none: the newest ones.
    pub videos: Vec<String>,
    /// It ends after so many seconds; 30 when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// What was warmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Warmed {
    /// Videos whose entries are in memory now.
    pub videos: usize,
    /// Entries that were read.
    pub entries: usize,
    /// Whether the time was over before all was read.
    pub cut_short: bool,
}

impl Rushes {
    /// Drops what is named from every tier. When this has returned, no later read is answered with
    /// it.
    pub async fn drop_cached(&self, what: &Drops) -> Result<Dropped> {
        let Drops { key, tag, pattern, namespace, all } = what;
        let given = [key, tag, pattern, namespace].into_iter().flatten().count();
        if given + usize::from(*all) != 1 {
            let wanted = "say what to drop by exactly one of key, tag, pattern, namespace and all";
            return Err(Error::invalid(wanted));
        }
        let cache = &self.inner.cache;
        if let Some(key) = key {
            let key = parsed(key)?;
            let entries = usize::from(cache.peek(&key).is_some());
            cache.remove(&key).await;
            return Ok(Dropped { entries });
        }
        if let Some(tag) = tag {
            let scope = Scope::new(checked(tag)?);
            let entries = cache.covered_by(&scope);
            cache.invalidate(&[scope]).await;
            return Ok(Dropped { entries });
        }
        let pattern = match (pattern, namespace) {
            (Some(text), _) => Pattern::parse(checked(text)?),
            (None, Some(name)) => Ok(Pattern::within(checked(name)?, "*")),
            (None, None) => Ok(Pattern::across("*", "*")),
        };
        let pattern = pattern.map_err(|error| Error::invalid(error.to_string()))?;
        let entries = cache.covered(&pattern);
        cache.invalidate_matching(&pattern).await;
        Ok(Dropped { entries })
    }

    /// What the cache has for a key, in memory or below; nothing is loaded.
    pub async fn cached_value(&self, key: &str) -> Result<CachedValue> {
        let answer = |found: &str| CachedValue {
            key: key.to_owned(),
            found: found.to_owned(),
            bytes: None,
            value: None,
        };
        Ok(match self.inner.cache.get(&parsed(key)?).await {
            Lookup::Hit(value) => CachedValue {
                bytes: Some(value.bytes().len()),
                value: serde_json::from_slice(value.bytes()).ok(),
                ..answer("hit")
            },
            Lookup::Absent => answer("absent"),
            Lookup::Miss => answer("miss"),
        })
    }

    /// The keys that are hit most, the hottest first.
    pub fn hot_keys(&self, most: usize) -> Vec<Hot> {
        let shown = |key: &Key| format!("{}:{}", key.namespace(), key.id().escape_ascii());
        let top = self.inner.cache.top(most.min(LONGEST)).into_iter();
        top.map(|hot| Hot { key: shown(&hot.key), hits: hot.hits }).collect()
    }

    /// What other sizes of the memory tier would give.
    pub fn memory_curve(&self) -> MemoryCurve {
        let curve = self.inner.cache.curve();
        let points = curve.points.iter();
        let point = |point: &rushes_cache::CurvePoint| Point {
            memory: point.capacity,
            hit_ratio: point.hit_ratio,
        };
        MemoryCurve {
            memory: self.inner.settings.memory,
            references: curve.references,
            points: points.map(point).collect(),
        }
    }

    /// Reads the entries of videos, as anybody would, so that the next who asks finds them in
    /// memory. Dropping the call ends it.
    pub async fn warm_cache(&self, wanted: &Warm) -> Result<Warmed> {
        let seconds = Duration::try_from_secs_f64(wanted.seconds.unwrap_or(30.0))
            .map_err(|_| Error::invalid("seconds is a time from 0 on"))?;
        let ends = Instant::now() + seconds.min(Duration::from_secs(3600));
        let videos = match wanted.videos.is_empty() {
            true => self.newest().await?,
            false => wanted.videos.clone(),
        };
        let mut warmed = Warmed::default();
        for video in videos {
            let mut after = None;
            loop {
                if Instant::now() >= ends {
                    return Ok(Warmed { cut_short: true, ..warmed });
                }
                let request = EntriesRequest {
                    video: video.clone(),
                    limit: Some(1_000),
                    cursor: after.take(),
                    ..EntriesRequest::default()
                };
                let page = self.entries(&request).await?;
                warmed.entries += page.items.len();
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            warmed.videos += 1;
        }
        Ok(warmed)
    }

    /// Brings the keys that were hit most before the last shutdown up from the disk cache, in the
    /// background. What is not there any more is left alone.
    pub(crate) fn warm_from_record(&self) {
        let Some(mark) = &self.inner.mark else { return };
        let recorded = Cache::hottest_before(&mark.hottest());
        let recorded = recorded.inspect_err(|error| tracing::warn!(%error, "begins cold"));
        let budget = Budget { bytes: self.inner.settings.memory / 2, ..Budget::default() };
        let gone = |_: Vec<Key>| async { Err(Arc::new(NotCached) as LoadError) };
        drop(self.inner.cache.warm(recorded.unwrap_or_default(), budget, gone));
    }

    async fn newest(&self) -> Result<Vec<String>> {
        let page = self.videos(100, None).await?;
        Ok(page.items.iter().map(|video| video.id.to_string()).collect())
    }
}

/// A recorded key that no tier has any more.
#[derive(Debug)]
struct NotCached;

impl std::fmt::Display for NotCached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it is not cached any more")
    }
}

impl std::error::Error for NotCached {}

/// The key that `NAMESPACE:ID` means.
fn parsed(text: &str) -> Result<Key> {
    let (namespace, id) = checked(text)?.split_once(':').ok_or_else(|| {
        Error::invalid(format!("{text:?} is no key: write NAMESPACE:ID, as records:find/talk.mp4"))
    })?;
    Ok(Key::new(namespace, id))
}

fn checked(text: &str) -> Result<&str> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(Error::invalid(format!("a key, tag or pattern is 1 to {LONGEST} bytes")));
    }
    Ok(text)
}
