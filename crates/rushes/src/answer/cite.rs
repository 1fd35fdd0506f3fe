//! Stable references: `video@12.480-15.120#caption/81`.

use rushes_store::{Entry, EntryId, Kind, VideoId};
use serde::Serialize;

use crate::error::Result;
use crate::read::Served;

/// A stable name for one entry. It resolves to that entry or says that it is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The video.
    pub video: VideoId,
    /// Start, milliseconds.
    pub start_ms: i64,
    /// End, milliseconds.
    pub end_ms: i64,
    /// The kind.
    pub kind: Kind,
    /// The entry.
    pub entry: EntryId,
}

impl Reference {
    /// The reference of an entry.
    pub fn of(_entry: &Entry) -> Self {
        unreachable!("built with the answers")
    }

    /// Reads a reference as written.
    pub fn parse(_text: &str) -> Result<Self> {
        Err(crate::Error::invalid("not built yet"))
    }
}

/// What a reference stands for.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cited {
    /// The reference, as written.
    pub reference: String,
    /// The video's name.
    pub name: String,
    /// The entry.
    pub entry: Entry,
    /// What it says, as text.
    pub text: String,
    /// The time as people write it, `0:00:12.480`.
    pub time: String,
    /// Path of the frame on screen at the start, below the server's root.
    pub frame: String,
    /// Path of the clip.
    pub clip: String,
    /// Who answered.
    pub served: Served,
}
