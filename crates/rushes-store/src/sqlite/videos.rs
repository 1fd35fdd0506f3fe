//! Writing videos and the conversations about them.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension, Transaction, params};

use super::sql::generations::touch;
use super::{change, runs};
use crate::change::{Change, ChangeSet, Family};
use crate::error::{Error, Result};
use crate::model::{BlobHash, Message, Role, Video, VideoId};

/// The row number of a video, ready or not.
pub(super) fn row_of(transaction: &Transaction<'_>, id: &VideoId) -> Result<Option<i64>> {
    let mut statement = transaction.prepare_cached("SELECT row FROM videos WHERE id = ?")?;
    Ok(statement.query_row([id.as_str()], |row| row.get(0)).optional()?)
}

/// The row number of a video that reads see.
pub(super) fn ready(transaction: &Transaction<'_>, id: &VideoId) -> Result<i64> {
    let mut statement =
        transaction.prepare_cached("SELECT row FROM videos WHERE id = ? AND ready")?;
    let row = statement.query_row([id.as_str()], |row| row.get(0)).optional()?;
    row.ok_or_else(|| Error::NotFound(format!("no video {id} in the library")))
}

/// The row number of a video, which is made, unseen by reads, if it is not there.
pub(super) fn placeholder(transaction: &Transaction<'_>, id: &VideoId) -> Result<i64> {
    if let Some(row) = row_of(transaction, id)? {
        return Ok(row);
    }
    transaction
        .prepare_cached("INSERT INTO videos (id, ready) VALUES (?, 0)")?
        .execute([id.as_str()])?;
    let row = transaction.last_insert_rowid();
    touch(transaction, Family::Videos, Some(id.as_str()))?;
    Ok(row)
}

pub(super) fn put(transaction: &Transaction<'_>, video: &Video) -> Result<ChangeSet> {
    upsert(transaction, video)?;
    change::commit(transaction, vec![Change::Video(video.id.clone())])
}

/// Writes a video's row and remembers its name.
pub(super) fn upsert(transaction: &Transaction<'_>, video: &Video) -> Result<()> {
    check(transaction, video)?;
    let row = placeholder(transaction, &video.id)?;
    let bytes = |hash: &Option<BlobHash>| hash.map(|hash| hash.0);
    transaction
        .prepare_cached(
            "UPDATE videos SET ready = 1, hash = ?2, name = ?3, path = ?4, media = ?5, size = ?6,
             start = ?7, duration = ?8, probe = ?9, thumbnail = ?10, timing = ?11, added = ?12
             WHERE row = ?1",
        )?
        .execute(params![
            row,
            video.hash.0,
            video.name,
            video.path,
            bytes(&video.media),
            video.size,
            video.start,
            video.duration,
            video.probe.to_string(),
            bytes(&video.thumbnail),
            bytes(&video.timing),
            video.added,
        ])?;
    transaction
        .prepare_cached("INSERT INTO names VALUES (?, ?) ON CONFLICT DO NOTHING")?
        .execute(params![video.name, row])?;
    touch(transaction, Family::Videos, Some(video.id.as_str()))
}

fn check(transaction: &Transaction<'_>, video: &Video) -> Result<()> {
    let times = [video.start, video.duration, video.added];
    if times.iter().any(|time| !time.is_finite()) || video.duration < 0.0 {
        return Err(Error::invalid("a video's times must be finite seconds"));
    }
    if i64::try_from(video.size).is_err() {
        return Err(Error::Invalid(format!("{} bytes is no size of a file", video.size)));
    }
    let other: Option<String> = transaction
        .prepare_cached(
            "SELECT id FROM videos WHERE (id = ?1) <> (hash = ?2) AND (id = ?1 OR hash = ?2)",
        )?
        .query_row(params![video.id.as_str(), video.hash.0], |row| row.get(0))
        .optional()?;
    match other {
        None => Ok(()),
        Some(id) if id == video.id.as_str() => {
            Err(Error::Invalid(format!("video {id} has other content; take a longer id")))
        }
        Some(id) => Err(Error::Invalid(format!("this content is in the library as video {id}"))),
    }
}

/// Removes a video, ready or not, with all that hangs on it.
pub(super) fn remove(
    transaction: &Transaction<'_>,
    id: &VideoId,
) -> Result<(ChangeSet, Vec<BlobHash>)> {
    let row = row_of(transaction, id)?
        .ok_or_else(|| Error::NotFound(format!("no video {id} in the library")))?;
    let mut blobs = own_blobs(transaction, row)?;
    for lane in runs::lanes_of_video(transaction, row)? {
        blobs.extend(runs::remove_lane(transaction, lane)?);
    }
    transaction.execute(
        "DELETE FROM temp.again WHERE run IN (SELECT id FROM runs WHERE video = ?)",
        [row],
    )?;
    transaction.execute("DELETE FROM runs WHERE video = ?", [row])?;
    transaction.execute("DELETE FROM videos WHERE row = ?", [row])?;
    for family in [Family::Videos, Family::Entries, Family::Messages] {
        touch(transaction, family, Some(id.as_str()))?;
    }
    change::forget_parts(transaction, id)?;
    let change = change::commit(transaction, vec![Change::Video(id.clone())])?;
    Ok((change, unused(transaction, blobs)?))
}

fn own_blobs(transaction: &Transaction<'_>, row: i64) -> Result<Vec<BlobHash>> {
    let sql = "SELECT media, thumbnail, timing FROM videos WHERE row = ?";
    let found: [Option<[u8; 32]>; 3] =
        transaction.query_row(sql, [row], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    Ok(found.into_iter().flatten().map(BlobHash).collect())
}

/// Those of `blobs`, each once, that no row refers to.
pub(super) fn unused(db: &rusqlite::Connection, mut blobs: Vec<BlobHash>) -> Result<Vec<BlobHash>> {
    blobs.sort_unstable();
    blobs.dedup();
    let mut statement = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM entries WHERE blob = ?1)
             OR EXISTS (SELECT 1 FROM videos WHERE media = ?1)
             OR EXISTS (SELECT 1 FROM videos WHERE thumbnail = ?1)
             OR EXISTS (SELECT 1 FROM videos WHERE timing = ?1)",
    )?;
    let mut unused = Vec::new();
    for blob in blobs {
        if !statement.query_row([blob.0], |row| row.get::<_, bool>(0))? {
            unused.push(blob);
        }
    }
    Ok(unused)
}

/// Appends a message to the conversation about a video.
pub(super) fn append(
    transaction: &Transaction<'_>,
    video: &VideoId,
    role: Role,
    content: String,
) -> Result<(Message, ChangeSet)> {
    if content.is_empty() {
        return Err(Error::invalid("a message must not be empty"));
    }
    let row = ready(transaction, video)?;
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    transaction
        .prepare_cached("INSERT INTO messages (video, role, content, at) VALUES (?, ?, ?, ?)")?
        .execute(params![row, role.name(), content, at])?;
    let id = transaction.last_insert_rowid();
    touch(transaction, Family::Messages, Some(video.as_str()))?;
    let change = change::commit(transaction, vec![Change::Messages(video.clone())])?;
    Ok((Message { id, video: video.clone(), role, content, at }, change))
}
