//! Reading videos and messages, and what `stats` and `doctor` ask.

use rusqlite::{Connection, Params, Transaction, params};
use serde_json::json;

use super::migrate;
use super::rows::{self, VIDEO};
use crate::error::Result;
use crate::model::{BlobHash, Message, Video, VideoId};
use crate::page::{Cursor, Page};

/// Digits that a prefix of ids has at least.
const SHORTEST_PREFIX: usize = 4;

pub(super) fn video(db: &Connection, id: &VideoId) -> Result<Option<Video>> {
    let videos = videos_where(db, "v.id = ?1", [id.as_str()])?;
    Ok(videos.into_iter().next().map(|(_, video)| video))
}

pub(super) fn video_by_hash(db: &Connection, hash: &BlobHash) -> Result<Option<Video>> {
    let videos = videos_where(db, "v.hash = ?1", [hash.0])?;
    Ok(videos.into_iter().next().map(|(_, video)| video))
}

/// Visible videos, with their row numbers, by a condition on `v`.
fn videos_where(
    db: &Connection,
    condition: &str,
    params: impl Params,
) -> Result<Vec<(i64, Video)>> {
    let sql = format!("SELECT {VIDEO} FROM videos v WHERE v.ready AND {condition}");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params)?;
    let mut videos = Vec::new();
    while let Some(row) = rows.next()? {
        videos.push(rows::video(row)?);
    }
    Ok(videos)
}

/// What `name` may mean: the first of an exact id, an exact name, a prefix of ids that finds any.
pub(super) fn find(db: &Connection, name: &str, limit: usize) -> Result<Vec<Video>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let newest = "ORDER BY v.added DESC, v.row DESC LIMIT ?2";
    let by_id = "v.id = ?1 LIMIT ?2";
    let by_name = format!("v.row IN (SELECT video FROM names WHERE name = ?1) {newest}");
    // Digits sort before letters, and 'g' is the first letter that no id holds.
    let by_prefix = format!("v.id >= ?1 AND v.id < ?1 || 'g' {newest}");
    let digits = name.to_ascii_lowercase();
    let is_prefix = name.len() >= SHORTEST_PREFIX && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let mut found = videos_where(db, by_id, params![digits, limit])?;
    if found.is_empty() {
        found = videos_where(db, &by_name, params![name, limit])?;
    }
    if found.is_empty() && is_prefix {
        found = videos_where(db, &by_prefix, params![digits, limit])?;
    }
    Ok(found.into_iter().map(|(_, video)| video).collect())
}

/// All videos, newest first.
pub(super) fn videos(db: &Connection, limit: usize, after: Option<Cursor>) -> Result<Page<Video>> {
    let after = after.unwrap_or(Cursor { start: f64::INFINITY, id: i64::MAX });
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let condition = "(v.added, v.row) < (?1, ?2) ORDER BY v.added DESC, v.row DESC LIMIT ?3";
    let mut found = videos_where(db, condition, params![after.start, after.id, wanted])?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    let next = next.map(|(row, video)| Cursor { start: video.added, id: *row });
    Ok(Page { items: found.into_iter().map(|(_, video)| video).collect(), next })
}

/// Messages about a video, oldest first, after the one with the id `after`.
pub(super) fn messages(
    db: &Connection,
    video: &VideoId,
    limit: usize,
    after: i64,
) -> Result<Page<Message>> {
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut statement = db.prepare_cached(
        "SELECT m.id, m.role, m.content, m.at FROM videos v JOIN messages m ON m.video = v.row
         WHERE v.id = ? AND v.ready AND m.id > ? ORDER BY m.id LIMIT ?",
    )?;
    let mut rows = statement.query(params![video.as_str(), after, wanted])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(rows::message(row, video)?);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more);
    let next = next.map(|message| Cursor { start: message.at, id: message.id });
    Ok(Page { items, next })
}

/// Blobs that any row names, each once, in order, after one.
pub(super) fn named(
    db: &Connection,
    after: Option<&BlobHash>,
    limit: usize,
) -> Result<Vec<BlobHash>> {
    // Each part is read in the order of an index, and no further than the answer needs.
    let part = |table: &str, column: &str| {
        format!(
            "SELECT * FROM (SELECT DISTINCT {column} FROM {table}
             WHERE {column} > ?1 ORDER BY {column} LIMIT ?2)"
        )
    };
    let [a, b, c, d] = [
        part("entries", "blob"),
        part("videos", "media"),
        part("videos", "thumbnail"),
        part("videos", "timing"),
    ];
    let sql = format!("{a} UNION {b} UNION {c} UNION {d} ORDER BY 1 LIMIT ?2");
    let mut statement = db.prepare_cached(&sql)?;
    let after: &[u8] = after.map_or(&[], |hash| &hash.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = statement.query_map(params![after, limit], |row| row.get(0).map(BlobHash))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Bytes, rows and versions. Nothing here scans entries.
pub(super) fn facts(db: &Connection) -> Result<serde_json::Value> {
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    let page: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let free: i64 = db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    let log = db.path().and_then(|path| std::fs::metadata(format!("{path}-wal")).ok());
    Ok(json!({
        "backend": "sqlite",
        "version": rusqlite::version(),
        "schema": migrate::latest(),
        "seq": number("SELECT seq FROM library")?,
        "videos": number("SELECT count(*) FROM videos WHERE ready")?,
        "entries": number("SELECT coalesce(sum(count), 0) FROM lanes WHERE run IS NULL")?,
        "timelines": number("SELECT count(DISTINCT video || kind) FROM lanes WHERE run IS NULL")?,
        "recipes": number("SELECT count(*) FROM recipes")?,
        "messages": number("SELECT count(*) FROM messages")?,
        "open_runs": number("SELECT count(*) FROM runs WHERE open = 1")?,
        "bytes": page * pages,
        "free_bytes": page * free,
        "log_bytes": log.map_or(0, |file| file.len()),
    }))
}

/// What must hold between rows, beyond what the schema enforces: problems that a query finds.
const RULES: [(&str, &str); 5] = [
    (
        "SELECT id FROM lanes WHERE count <> (SELECT count(*) FROM entries WHERE lane = lanes.id)",
        "lane: its count is not that of its entries",
    ),
    (
        "SELECT e.id FROM entries e JOIN lanes l ON l.id = e.lane WHERE e.ends < e.starts
         OR e.ends > l.ends OR (e.ends - e.starts > 60.0 AND NOT l.long)
         OR (e.ends - e.starts <= 60.0 AND e.ends - e.starts > l.longest)",
        "entry: its times are not within those of its lane",
    ),
    (
        "SELECT l.id FROM lanes l LEFT JOIN runs u ON u.id = l.run AND u.open = 1
         WHERE l.run IS NOT NULL AND u.id IS NULL",
        "lane: its run is not open",
    ),
    (
        "SELECT id FROM entries WHERE id >= (SELECT next_entry FROM library)",
        "entry: its id would be given again",
    ),
    (
        "SELECT row FROM videos v WHERE ready AND NOT EXISTS
         (SELECT 1 FROM names n WHERE n.video = v.row AND n.name = v.name)",
        "video: it is not found by its name",
    ),
];

/// Problems of the file and of its rows, one a line.
pub(super) fn check(db: &Connection) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    db.pragma_query(None, "integrity_check", |row| {
        problems.push(row.get::<_, String>(0)?);
        Ok(())
    })?;
    problems.retain(|line| line != "ok");
    db.pragma_query(None, "foreign_key_check", |row| {
        let (table, id): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        problems.push(format!("{table} {id:?}: what it belongs to is not there"));
        Ok(())
    })?;
    for (sql, what) in RULES {
        let mut statement = db.prepare(&format!("{sql} LIMIT 10"))?;
        for id in statement.query_map([], |row| row.get::<_, i64>(0))? {
            problems.push(format!("{what} (id {})", id?));
        }
    }
    Ok(problems)
}

/// Compares the text index with the entries. For the index this is a kind of write.
pub(super) fn check_text(transaction: &Transaction<'_>) -> Result<Option<String>> {
    let sql = "INSERT INTO entries_text (entries_text, rank) VALUES ('integrity-check', 1)";
    let found = transaction.execute(sql, []).err();
    Ok(found.map(|error| format!("the text index does not match the entries: {error}")))
}
