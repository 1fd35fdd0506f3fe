//! Rows to records.

use rusqlite::Row;

use crate::error::{Error, Result};
use crate::model::{BlobHash, Entry, Kind, Message, Recipe, Role, Video, VideoId};

/// Columns that [`video`] reads, from a table or alias `v`.
pub(super) const VIDEO: &str = "v.row, v.id, v.hash, v.name, v.path, v.media, v.size, v.start, \
                                v.duration, v.probe, v.thumbnail, v.timing, v.added";

/// Columns that [`entry`] reads, from a table or alias `e`.
pub(super) const ENTRY: &str = "e.id, e.lane, e.starts, e.ends, e.estimated, e.data, e.blob";

/// A video with its row number.
pub(super) fn video(row: &Row<'_>) -> Result<(i64, Video)> {
    let id: String = row.get(1)?;
    let damaged = |what: &str| Error::Corrupt(format!("video {id}: its {what} is damaged"));
    let blob = |column| -> Result<Option<BlobHash>> {
        Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(BlobHash))
    };
    let video = Video {
        hash: blob(2)?.ok_or_else(|| damaged("hash"))?,
        name: row.get(3)?,
        path: row.get(4)?,
        media: blob(5)?,
        size: row.get(6)?,
        start: row.get(7)?,
        duration: row.get(8)?,
        probe: serde_json::from_str(row.get_ref(9)?.as_str().map_err(rusqlite::Error::from)?)
            .map_err(|_| damaged("probe"))?,
        thumbnail: blob(10)?,
        timing: blob(11)?,
        added: row.get(12)?,
        id: VideoId::parse(&id).map_err(|_| damaged("id"))?,
    };
    Ok((row.get(0)?, video))
}

/// What all entries of a lane share.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) id: i64,
    pub(super) video: VideoId,
    pub(super) kind: Kind,
    pub(super) recipe: Recipe,
    /// Duration in seconds that no entry of up to a minute exceeds.
    pub(super) longest: f64,
    /// Whether it has longer entries.
    pub(super) long: bool,
    /// The commit that made it, or last added to it.
    pub(super) finished: u64,
    pub(super) count: u64,
}

/// Columns that [`lane`] reads, from `lanes l`, `recipes r` and `videos v`.
pub(super) const LANE: &str = "l.id, v.id, l.kind, r.tool, r.version, r.model, r.params, \
                               l.longest, l.long, l.finished, l.count";

pub(super) fn lane(row: &Row<'_>) -> Result<Lane> {
    let id: i64 = row.get(0)?;
    let damaged = |what: &str| Error::Corrupt(format!("lane {id}: its {what} is damaged"));
    Ok(Lane {
        id,
        video: VideoId::parse(&row.get::<_, String>(1)?).map_err(|_| damaged("video"))?,
        kind: Kind::new(&row.get::<_, String>(2)?).map_err(|_| damaged("kind"))?,
        recipe: recipe(row, 3)?,
        longest: row.get(7)?,
        long: row.get(8)?,
        finished: row.get(9)?,
        count: row.get(10)?,
    })
}

/// A recipe from four columns, which begin at column `first`.
pub(super) fn recipe(row: &Row<'_>, first: usize) -> Result<Recipe> {
    let params: String = row.get(first + 3)?;
    Ok(Recipe {
        tool: row.get(first)?,
        version: row.get(first + 1)?,
        model: row.get(first + 2)?,
        params: serde_json::from_str(&params)
            .map_err(|_| Error::Corrupt(format!("the recipe {params:?} is damaged")))?,
    })
}

/// How many columns [`LANE`] has.
pub(super) const LANE_COLUMNS: usize = 11;

/// The lane that an entry's row belongs to.
pub(super) fn lane_of(row: &Row<'_>) -> Result<i64> {
    Ok(row.get(1)?)
}

/// An entry from the columns [`ENTRY`], which begin at column `first`.
pub(super) fn entry(row: &Row<'_>, first: usize, lane: &Lane) -> Result<Entry> {
    let id = row.get(first)?;
    let data = row.get_ref(first + 5)?.as_str().map_err(rusqlite::Error::from)?;
    let data = serde_json::from_str(data)
        .map_err(|error| Error::Corrupt(format!("entry {id}: its data is damaged: {error}")))?;
    Ok(Entry {
        id,
        video: lane.video.clone(),
        kind: lane.kind.clone(),
        start: row.get(first + 2)?,
        end: row.get(first + 3)?,
        estimated: row.get(first + 4)?,
        data,
        blob: row.get::<_, Option<[u8; 32]>>(first + 6)?.map(BlobHash),
        recipe: lane.recipe.clone(),
    })
}

/// A message from the columns `id, role, content, at`.
pub(super) fn message(row: &Row<'_>, video: &VideoId) -> Result<Message> {
    let id = row.get(0)?;
    Ok(Message {
        id,
        video: video.clone(),
        role: Role::named(&row.get::<_, String>(1)?)
            .ok_or_else(|| Error::Corrupt(format!("message {id}: its role is damaged")))?,
        content: row.get(2)?,
        at: row.get(3)?,
    })
}
