//! What can be asked of a store.

use crate::model::{Kind, VideoId, Window};
use crate::page::Cursor;

/// Entries of a video in time order (start, then id).
#[derive(Clone, Debug, PartialEq)]
pub struct EntryQuery {
    /// The video.
    pub video: VideoId,
    /// Which kinds; empty means all.
    pub kinds: Vec<Kind>,
    /// When.
    pub window: Window,
    /// Only entries made by this model, if given.
    pub model: Option<String>,
    /// How many at most; the caller has bounded it.
    pub limit: usize,
    /// Where to go on.
    pub after: Option<Cursor>,
}

/// A search over text, or over the classes of objects.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchQuery {
    /// Words to find. Never parsed as a query language: quotes and operators are just text.
    pub text: Option<String>,
    /// The class of an object, compared without case.
    pub label: Option<String>,
    /// Only in these videos; empty means all.
    pub videos: Vec<VideoId>,
    /// Only these kinds; empty means all.
    pub kinds: Vec<Kind>,
    /// When.
    pub window: Window,
    /// How many at most.
    pub limit: usize,
    /// How many to pass over (search results are ranked, so pages go by offset).
    pub offset: usize,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Hit {
    /// The entry.
    pub entry: crate::model::Entry,
    /// Better is larger; comparable within one search only.
    pub score: f64,
    /// The text around the match, with each matched word between the marks U+0002 and U+0003.
    pub snippet: String,
}
