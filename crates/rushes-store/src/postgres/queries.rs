//! Reading videos and messages, and what `stats` and `doctor` ask.

use deadpool_postgres::GenericClient;
use serde_json::json;

use super::ask::{self, Params, number};
use super::migrate;
use super::rows::{self, VIDEO};
use super::videos::digest;
use crate::error::Result;
use crate::model::{BlobHash, Message, Video, VideoId};
use crate::page::{Cursor, Page};

/// Digits that a prefix of ids has at least.
const SHORTEST_PREFIX: usize = 4;

pub(super) async fn video(db: &impl GenericClient, id: &VideoId) -> Result<Option<Video>> {
    let videos = videos_where(db, "v.id = $1", &[&id.as_str()]).await?;
    Ok(videos.into_iter().next().map(|(_, video)| video))
}

pub(super) async fn video_by_hash(
    db: &impl GenericClient,
    hash: &BlobHash,
) -> Result<Option<Video>> {
    let videos = videos_where(db, "v.hash = $1", &[&hash.0.as_slice()]).await?;
    Ok(videos.into_iter().next().map(|(_, video)| video))
}

/// Visible videos, with their row numbers, by a condition on `v`.
async fn videos_where(
    db: &impl GenericClient,
    condition: &str,
    params: Params<'_>,
) -> Result<Vec<(i64, Video)>> {
    let sql = format!("SELECT {VIDEO} FROM videos v WHERE v.ready AND {condition}");
    ask::rows(db, &sql, params).await?.iter().map(rows::video).collect()
}

/// What `name` may mean: the first of an exact id, an exact name, a prefix of ids that finds any.
pub(super) async fn find(db: &impl GenericClient, name: &str, limit: usize) -> Result<Vec<Video>> {
    let limit = number(limit);
    let newest = "ORDER BY v.added DESC, v.row DESC LIMIT $2";
    let by_name = format!("v.row IN (SELECT video FROM names WHERE digest = $1) {newest}");
    // Digits sort before letters, and 'g' is the first letter that no id holds.
    let by_prefix = format!("v.id >= $1 AND v.id < $1::text || 'g' {newest}");
    let digits = name.to_ascii_lowercase();
    let is_id = VideoId::parse(&digits).is_ok();
    let is_prefix = name.len() >= SHORTEST_PREFIX && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let mut found = Vec::new();
    if is_id {
        found = videos_where(db, "v.id = $1 LIMIT $2", &[&digits, &limit]).await?;
    }
    if found.is_empty() {
        found = videos_where(db, &by_name, &[&digest(&[name]), &limit]).await?;
    }
    if found.is_empty() && is_prefix {
        found = videos_where(db, &by_prefix, &[&digits, &limit]).await?;
    }
    Ok(found.into_iter().map(|(_, video)| video).collect())
}

/// All videos, newest first.
pub(super) async fn videos(
    db: &impl GenericClient,
    limit: usize,
    after: Option<Cursor>,
) -> Result<Page<Video>> {
    let after = after.unwrap_or(Cursor { start: f64::INFINITY, id: i64::MAX });
    let condition = "(v.added, v.row) < ($1, $2) ORDER BY v.added DESC, v.row DESC LIMIT $3";
    let wanted = number(limit.saturating_add(1));
    let mut found = videos_where(db, condition, &[&after.start, &after.id, &wanted]).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    let next = next.map(|(row, video)| Cursor { start: video.added, id: *row });
    Ok(Page { items: found.into_iter().map(|(_, video)| video).collect(), next })
}

/// Messages about a video, oldest first, after the one with the id `after`.
pub(super) async fn messages(
    db: &impl GenericClient,
    video: &VideoId,
    limit: usize,
    after: i64,
) -> Result<Page<Message>> {
    let wanted = number(limit.saturating_add(1));
    let sql =
        "SELECT m.id, m.role, m.content, m.at FROM videos v JOIN messages m ON m.video = v.row
         WHERE v.id = $1 AND v.ready AND m.id > $2 ORDER BY m.id LIMIT $3";
    let found = ask::rows(db, sql, &[&video.as_str(), &after, &wanted]).await?;
    let messages = found.iter().map(|row| rows::message(row, video));
    let mut items = messages.collect::<Result<Vec<_>>>()?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more);
    let next = next.map(|message| Cursor { start: message.at, id: message.id });
    Ok(Page { items, next })
}

/// Blobs that any row names, each once, in order, after one.
pub(super) async fn named(
    db: &impl GenericClient,
    after: Option<BlobHash>,
    limit: usize,
) -> Result<Vec<BlobHash>> {
    let part = |table: &str, column: &str| {
        format!(
            "(SELECT DISTINCT {column} FROM {table} WHERE {column} > $1
              ORDER BY {column} LIMIT $2)"
        )
    };
    let [a, b, c, d] = [
        part("entries", "blob"),
        part("videos", "media"),
        part("videos", "thumbnail"),
        part("videos", "timing"),
    ];
    let sql = format!("{a} UNION {b} UNION {c} UNION {d} ORDER BY 1 LIMIT $2");
    let after: &[u8] = after.as_ref().map_or(&[], |hash| &hash.0);
    let found = ask::rows(db, &sql, &[&after, &number(limit)]).await?;
    let mut named = Vec::with_capacity(found.len());
    for row in &found {
        named.extend(rows::blob(row, 0)?);
    }
    Ok(named)
}

/// Bytes, rows and versions. Nothing here scans entries.
pub(super) async fn facts(db: &impl GenericClient) -> Result<serde_json::Value> {
    let sql = "SELECT current_setting('server_version'), (SELECT seq FROM library),
        (SELECT count(*) FROM videos WHERE ready),
        (SELECT coalesce(sum(count), 0)::bigint FROM lanes WHERE run IS NULL),
        (SELECT count(DISTINCT (video, kind)) FROM lanes WHERE run IS NULL),
        (SELECT count(*) FROM recipes), (SELECT count(*) FROM messages),
        (SELECT count(*) FROM runs WHERE open),
        (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'rushes' AND c.relkind = 'r')";
    let row = ask::row(db, sql, &[]).await?;
    let number = |column: usize| row.try_get::<_, i64>(column);
    Ok(json!({
        "backend": "postgres",
        "version": row.try_get::<_, &str>(0)?,
        "schema": migrate::latest(),
        "seq": number(1)?,
        "videos": number(2)?,
        "entries": number(3)?,
        "timelines": number(4)?,
        "recipes": number(5)?,
        "messages": number(6)?,
        "open_runs": number(7)?,
        "bytes": number(8)?,
    }))
}

/// What must hold between rows, beyond what the schema enforces: problems that a query finds.
const RULES: [(&str, &str); 7] = [
    (
        "SELECT l.id FROM lanes l CROSS JOIN LATERAL (
             SELECT count(*) AS entries, count(e.words) AS texts,
                    coalesce(sum(e.length), 0)::bigint AS words
             FROM entries e WHERE e.lane = l.id
         ) c WHERE (l.count, l.texts, l.words) <> (c.entries, c.texts, c.words)",
        "lane: its counts are not those of its entries",
    ),
    (
        "SELECT e.id FROM entries e WHERE NOT EXISTS (SELECT 1 FROM lanes l WHERE l.id = e.lane)",
        "entry: the lane that it belongs to is not there",
    ),
    (
        "SELECT e.id FROM entries e JOIN lanes l ON l.id = e.lane WHERE e.ends < e.starts
         OR e.ends > l.ends
         OR CASE WHEN e.long THEN NOT l.long ELSE e.ends - e.starts > l.longest END",
        "entry: its times are not within those of its lane",
    ),
    (
        "SELECT l.id FROM lanes l LEFT JOIN runs u ON u.id = l.run AND u.open
         WHERE l.run IS NOT NULL AND u.id IS NULL",
        "lane: its run is not open",
    ),
    (
        "SELECT e.id FROM entries e, entry_ids s WHERE e.id > s.last_value OR NOT s.is_called",
        "entry: its id would be given again",
    ),
    (
        "SELECT e.id FROM entries e WHERE (e.words IS NULL) <> (e.text IS NULL)
         OR length(e.words) - length(replace(e.words, '||', '|')) + (e.words <> '')::int
            <> e.length",
        "entry: the words that search finds it by do not match its text",
    ),
    (
        "SELECT v.row FROM videos v WHERE ready AND NOT EXISTS
         (SELECT 1 FROM names n WHERE n.video = v.row AND n.name = v.name)",
        "video: it is not found by its name",
    ),
];

/// Problems of the rows, one a line.
pub(super) async fn check(db: &impl GenericClient) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for (sql, what) in RULES {
        for row in ask::rows(db, &format!("{sql} LIMIT 10"), &[]).await? {
            problems.push(format!("{what} (id {})", row.try_get::<_, i64>(0)?));
        }
    }
    Ok(problems)
}
