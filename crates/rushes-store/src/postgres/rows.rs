//! Rows to records.

use tokio_postgres::Row;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::text::unpack;
use crate::error::{Error, Result};
use crate::model::{BlobHash, Entry, Kind, Message, Recipe, Role, Video, VideoId};

/// Columns that [`video`] reads, from a table or alias `v`.
pub(super) const VIDEO: &str = "v.row, v.id, v.hash, v.name, v.path, v.media, v.size, v.start, \
                                v.duration, v.probe, v.thumbnail, v.timing, v.added";

/// A video with its row number.
pub(super) fn video(row: &Row) -> Result<(i64, Video)> {
    let id: String = row.try_get(1)?;
    let damaged = |what: &str| Error::Corrupt(format!("video {id}: its {what} is damaged"));
    let path: Option<String> = row.try_get(4)?;
    let video = Video {
        hash: blob(row, 2)?.ok_or_else(|| damaged("hash"))?,
        name: unpack(row.try_get(3)?),
        path: path.map(unpack),
        media: blob(row, 5)?,
        size: unsigned(row.try_get(6)?),
        start: row.try_get(7)?,
        duration: row.try_get(8)?,
        probe: row.try_get(9)?,
        thumbnail: blob(row, 10)?,
        timing: blob(row, 11)?,
        added: row.try_get(12)?,
        id: VideoId::parse(&id).map_err(|_| damaged("id"))?,
    };
    Ok((row.try_get(0)?, video))
}

/// A count that a column holds.
pub(super) fn unsigned(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A hash from a column.
pub(super) fn blob(row: &Row, column: usize) -> Result<Option<BlobHash>> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    bytes.map(hash).transpose()
}

/// A hash from its bytes.
pub(super) fn hash(bytes: &[u8]) -> Result<BlobHash> {
    let whole = bytes.try_into().map(BlobHash);
    whole.map_err(|_| Error::Corrupt(format!("a hash of {} bytes", bytes.len())))
}

/// Hashes from a column that holds a list of them, or nothing.
pub(super) fn blobs(row: &Row, column: usize) -> Result<Vec<BlobHash>> {
    let list: Option<Vec<&[u8]>> = row.try_get(column)?;
    list.unwrap_or_default().into_iter().map(hash).collect()
}

/// A hash as it is stored.
pub(super) fn stored(hash: &Option<BlobHash>) -> Option<&[u8]> {
    hash.as_ref().map(|hash| hash.0.as_slice())
}

/// What all entries of a lane share.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) video: VideoId,
    pub(super) kind: Kind,
    pub(super) recipe: Recipe,
}

/// Columns that [`lane`] reads, from `lanes l`, `recipes r` and `videos v`.
pub(super) const LANE: &str = "l.id AS lane, v.id AS video, l.kind, r.tool, r.version, r.model, \
                               r.params";
/// How many columns [`LANE`] has.
pub(super) const LANE_COLUMNS: usize = 7;

/// A lane from the first columns.
pub(super) fn lane(row: &Row) -> Result<Lane> {
    let id: i64 = row.try_get(0)?;
    let damaged = |what: &str| Error::Corrupt(format!("lane {id}: its {what} is damaged"));
    Ok(Lane {
        video: VideoId::parse(row.try_get(1)?).map_err(|_| damaged("video"))?,
        kind: Kind::new(row.try_get(2)?).map_err(|_| damaged("kind"))?,
        recipe: recipe(row, 3)?,
    })
}

/// A recipe from four columns, which begin at column `first`.
pub(super) fn recipe(row: &Row, first: usize) -> Result<Recipe> {
    let params: &str = row.try_get(first + 3)?;
    Ok(Recipe {
        tool: unpack(row.try_get(first)?),
        version: unpack(row.try_get(first + 1)?),
        model: unpack(row.try_get(first + 2)?),
        params: serde_json::from_str(params)
            .map_err(|_| Error::Corrupt(format!("the recipe {params:?} is damaged")))?,
    })
}

/// Columns that [`entry`] reads, from a table or alias `e`.
pub(super) const ENTRY: &str = "e.id, e.starts, e.ends, e.estimated, e.data, e.blob";

/// An entry from the columns [`ENTRY`], which follow those of its lane.
pub(super) fn entry(row: &Row, lane: &Lane) -> Result<Entry> {
    let first = LANE_COLUMNS;
    Ok(Entry {
        id: row.try_get(first)?,
        video: lane.video.clone(),
        kind: lane.kind.clone(),
        start: row.try_get(first + 1)?,
        end: row.try_get(first + 2)?,
        estimated: row.try_get(first + 3)?,
        data: row.try_get(first + 4)?,
        blob: blob(row, first + 5)?,
        recipe: lane.recipe.clone(),
    })
}

/// A message from the columns `id, role, content, at`.
pub(super) fn message(row: &Row, video: &VideoId) -> Result<Message> {
    let id = row.try_get(0)?;
    Ok(Message {
        id,
        video: video.clone(),
        role: Role::named(row.try_get(1)?)
            .ok_or_else(|| Error::Corrupt(format!("message {id}: its role is damaged")))?,
        content: unpack(row.try_get(2)?),
        at: row.try_get(3)?,
    })
}

/// JSON that is text already.
#[derive(Debug)]
pub(super) struct JsonText<'a>(pub(super) &'a str);

impl ToSql for JsonText<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }

    to_sql_checked!();
}
