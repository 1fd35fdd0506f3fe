//! Writing videos and the conversations about them.

use std::time::{SystemTime, UNIX_EPOCH};

use deadpool_postgres::{GenericClient, Transaction};

use super::change::{self, lock, touch};
use super::rows::stored;
use super::text::pack;
use super::{ask, lanes, rows};
use crate::change::{Change, ChangeSet, Family};
use crate::error::{Error, Result};
use crate::model::{BlobHash, Message, Role, Video, VideoId};

/// The BLAKE3 digest of some texts, by which an index finds them however long they are.
pub(super) fn digest(texts: &[&str]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(&text.len().to_le_bytes()).update(text.as_bytes());
    }
    hasher.finalize().as_bytes().to_vec()
}

/// The row number of a video, which is made, unseen by reads, if it is not there. The caller holds
/// its lock.
pub(super) async fn placeholder(transaction: &Transaction<'_>, id: &VideoId) -> Result<i64> {
    let sql = "SELECT row FROM videos WHERE id = $1";
    if let Some(row) = ask::found(transaction, sql, &[&id.as_str()]).await? {
        return Ok(row.try_get(0)?);
    }
    let sql = "INSERT INTO videos (id) VALUES ($1) RETURNING row";
    Ok(ask::row(transaction, sql, &[&id.as_str()]).await?.try_get(0)?)
}

pub(super) async fn put(transaction: &Transaction<'_>, video: &Video) -> Result<ChangeSet> {
    lock(transaction, &video.id).await?;
    upsert(transaction, video).await?;
    let change = change::commit(transaction, vec![Change::Video(video.id.clone())]).await?;
    touch(transaction, &[(Family::Videos, Some(&video.id))]).await?;
    Ok(change)
}

/// Writes a video's row and remembers its name. The caller holds its lock, and touches it.
pub(super) async fn upsert(transaction: &Transaction<'_>, video: &Video) -> Result<()> {
    check(transaction, video).await?;
    let row = placeholder(transaction, &video.id).await?;
    let name = pack(&video.name);
    let sql = "UPDATE videos SET ready = TRUE, hash = $2, name = $3, path = $4, media = $5,
        size = $6, start = $7, duration = $8, probe = $9, thumbnail = $10, timing = $11, added = $12
        WHERE row = $1";
    let size = i64::try_from(video.size).unwrap_or(i64::MAX);
    ask::execute(
        transaction,
        sql,
        &[
            &row,
            &video.hash.0.as_slice(),
            &name,
            &video.path.as_deref().map(pack),
            &stored(&video.media),
            &size,
            &video.start,
            &video.duration,
            &video.probe,
            &stored(&video.thumbnail),
            &stored(&video.timing),
            &video.added,
        ],
    )
    .await?;
    let sql = "INSERT INTO names VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    ask::execute(transaction, sql, &[&digest(&[&video.name]), &row, &name]).await.map(drop)
}

async fn check(transaction: &Transaction<'_>, video: &Video) -> Result<()> {
    let times = [video.start, video.duration, video.added];
    if times.iter().any(|time| !time.is_finite()) || video.duration < 0.0 {
        return Err(Error::invalid("a video's times must be finite seconds"));
    }
    if i64::try_from(video.size).is_err() {
        return Err(Error::Invalid(format!("{} bytes is no size of a file", video.size)));
    }
    let sql = "SELECT id FROM videos WHERE (id = $1) <> (hash = $2)
        AND (id = $1 OR hash = $2) LIMIT 1";
    let (id, hash) = (video.id.as_str(), video.hash.0.as_slice());
    let Some(other) = ask::found(transaction, sql, &[&id, &hash]).await? else { return Ok(()) };
    let other: &str = other.try_get(0)?;
    if other == id {
        return Err(Error::Invalid(format!("video {id} has other content; take a longer id")));
    }
    Err(Error::Invalid(format!("this content is in the library as video {other}")))
}

/// Removes a video, ready or not, with all that hangs on it.
pub(super) async fn remove(
    transaction: &Transaction<'_>,
    id: &VideoId,
) -> Result<(ChangeSet, Vec<BlobHash>)> {
    lock(transaction, id).await?;
    let sql = "SELECT row, media, thumbnail, timing FROM videos WHERE id = $1";
    let found = ask::found(transaction, sql, &[&id.as_str()]).await?;
    let found = found.ok_or_else(|| Error::NotFound(format!("no video {id} in the library")))?;
    let row: i64 = found.try_get(0)?;
    let mut blobs = Vec::new();
    for column in 1..=3 {
        blobs.extend(rows::blob(&found, column)?);
    }
    let of_video = lanes::ids(transaction, "video = $1", row).await?;
    blobs.extend(lanes::remove(transaction, &of_video).await?);
    ask::execute(transaction, "DELETE FROM videos WHERE row = $1", &[&row]).await?;
    change::forget_parts(transaction, id).await?;
    let unused = unused(transaction, blobs).await?;
    let change = change::commit(transaction, vec![Change::Video(id.clone())]).await?;
    let families = [Family::Videos, Family::Entries, Family::Messages];
    touch(transaction, &families.map(|family| (family, Some(id)))).await?;
    Ok((change, unused))
}

/// Those of `blobs`, each once, that no row refers to.
pub(super) async fn unused(
    db: &impl GenericClient,
    mut blobs: Vec<BlobHash>,
) -> Result<Vec<BlobHash>> {
    blobs.sort_unstable();
    blobs.dedup();
    if blobs.is_empty() {
        return Ok(blobs);
    }
    let asked: Vec<&[u8]> = blobs.iter().map(|blob| blob.0.as_slice()).collect();
    let sql = "SELECT b FROM unnest($1::bytea[]) AS t (b)
        WHERE NOT EXISTS (SELECT 1 FROM entries WHERE blob = b)
        AND NOT EXISTS (SELECT 1 FROM videos WHERE media = b)
        AND NOT EXISTS (SELECT 1 FROM videos WHERE thumbnail = b)
        AND NOT EXISTS (SELECT 1 FROM videos WHERE timing = b)";
    let found = ask::rows(db, sql, &[&asked]).await?;
    let mut unused = Vec::with_capacity(found.len());
    for row in &found {
        unused.extend(rows::blob(row, 0)?);
    }
    unused.sort_unstable();
    Ok(unused)
}

/// Appends a message to the conversation about a video. Under the video's lock: messages become
/// visible in the order of their ids.
pub(super) async fn append(
    transaction: &Transaction<'_>,
    video: &VideoId,
    role: Role,
    content: &str,
) -> Result<(Message, ChangeSet)> {
    if content.is_empty() {
        return Err(Error::invalid("a message must not be empty"));
    }
    lock(transaction, video).await?;
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let sql = "INSERT INTO messages (video, role, content, at)
        SELECT row, $2, $3, $4 FROM videos WHERE id = $1 AND ready RETURNING id";
    let written =
        ask::found(transaction, sql, &[&video.as_str(), &role.name(), &pack(content), &at]).await?;
    let absent = || Error::NotFound(format!("no video {video} in the library"));
    let id = written.ok_or_else(absent)?.try_get(0)?;
    let change = change::commit(transaction, vec![Change::Messages(video.clone())]).await?;
    touch(transaction, &[(Family::Messages, Some(video))]).await?;
    let message = Message { id, video: video.clone(), role, content: content.to_owned(), at };
    Ok((message, change))
}
