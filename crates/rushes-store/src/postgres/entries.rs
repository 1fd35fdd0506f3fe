//! Reading entries: pages of windows, single ones, and what is known kind by kind.

use std::collections::HashMap;

use deadpool_postgres::{Client, GenericClient};
use futures::future::try_join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use super::ask::{self, number};
use super::rows::{self, ENTRY, LANE, Lane, unsigned};
use super::text::{pack, unpack};
use crate::error::Result;
use crate::model::{Entry, EntryId, Kind, Timeline, VideoId};
use crate::page::{Cursor, Page};
use crate::query::EntryQuery;

pub(super) async fn timelines(db: &impl GenericClient, video: &VideoId) -> Result<Vec<Timeline>> {
    let sql = format!(
        "SELECT {LANE}, l.count FROM videos v JOIN lanes l ON l.video = v.row AND l.run IS NULL
         JOIN recipes r ON r.id = l.recipe WHERE v.id = $1 AND v.ready
         ORDER BY l.kind, l.finished DESC, l.id DESC"
    );
    let mut timelines: Vec<Timeline> = Vec::new();
    for row in ask::rows(db, &sql, &[&video.as_str()]).await? {
        let (lane, count) = (rows::lane(&row)?, unsigned(row.try_get(rows::LANE_COLUMNS)?));
        match timelines.last_mut().filter(|timeline| timeline.kind == lane.kind) {
            Some(timeline) => {
                timeline.count += count;
                timeline.recipes.push(lane.recipe);
            }
            None => {
                timelines.push(Timeline { kind: lane.kind, count, recipes: vec![lane.recipe] });
            }
        }
    }
    Ok(timelines)
}

/// Beyond these seconds on either side of zero the edge of a window is not moved: PostgreSQL
/// refuses sums that overflow.
const FARTHEST: f64 = 1e300;

/// A window is touched by entries that start in it, and by earlier ones that reach into it. The
/// earlier ones start at most as long before as the longest of their lane lasts; so that one long
/// entry does not make every window look far back, long ones are looked up apart. Each lane gives
/// the first rows of each of the three from an index that holds them in order.
fn page_sql() -> String {
    let stretch = |condition: &str| {
        format!(
            "(SELECT {ENTRY} FROM entries e WHERE e.lane = c.lane AND (e.starts, e.id) > ($7, $8)
              AND {condition} ORDER BY e.starts, e.id LIMIT $9)"
        )
    };
    let [long, near, within] = [LONG_BEFORE, NEAR_BEFORE, WITHIN].map(stretch);
    format!(
        "WITH {}
         SELECT c.lane, c.video, c.kind, c.tool, c.version, c.model, c.params, {ENTRY}
         FROM c CROSS JOIN LATERAL ({long} UNION ALL {near} UNION ALL {within}) e
         ORDER BY e.starts, e.id LIMIT $9",
        asked(&format!("{LANE}, l.longest"))
    )
}

/// What of a lane a window holds, in three parts that exclude each other. Rounded towards the past:
/// durations and this difference are rounded numbers.
const NEAR_BEFORE: &str =
    "NOT e.long AND e.starts >= $6 - c.longest - (abs($6) + c.longest) * 8.9e-16
     AND e.starts < $4 AND e.ends > $4";
const LONG_BEFORE: &str = "e.long AND e.starts < $4 AND e.ends > $4";
const WITHIN: &str = "e.starts >= $4 AND e.starts < $5";

/// The visible lanes that a question is about, as `c`.
fn asked(columns: &str) -> String {
    format!(
        "c AS (
             SELECT {columns} FROM videos v JOIN lanes l ON l.video = v.row
             AND l.run IS NULL JOIN recipes r ON r.id = l.recipe
             WHERE v.id = $1 AND v.ready AND ($2::text[] IS NULL OR l.kind = ANY ($2))
             AND ($3::text IS NULL OR r.model = $3)
         )"
    )
}

/// A page of a window, as of one moment: it is one statement.
pub(super) async fn page(db: &impl GenericClient, query: &EntryQuery) -> Result<Page<Entry>> {
    let kinds = kinds(query);
    let model = query.model.as_deref().map(pack);
    let begin = Cursor { start: f64::NEG_INFINITY, id: EntryId::MIN };
    let after = query.after.unwrap_or(begin);
    let window = query.window;
    let back = window.from.clamp(-FARTHEST, FARTHEST);
    let found = ask::rows(
        db,
        &page_sql(),
        &[
            &query.video.as_str(),
            &kinds,
            &model,
            &window.from,
            &window.to,
            &back,
            &after.start,
            &after.id,
            &number(query.limit.saturating_add(1)),
        ],
    )
    .await?;
    let mut items = entries(&found)?;
    let more = items.len() > query.limit;
    items.truncate(query.limit);
    let next = items.last().filter(|_| more);
    let next = next.map(|entry| Cursor { start: entry.start, id: entry.id });
    Ok(Page { items, next })
}

/// How many entries there are on all pages of a window.
pub(super) async fn count(db: &impl GenericClient, query: &EntryQuery) -> Result<u64> {
    let of = |condition: &str| {
        format!("(SELECT count(*) FROM entries e WHERE e.lane = c.lane AND {condition})")
    };
    let sql = format!(
        "WITH {} SELECT coalesce(sum({} + {} + {}), 0)::bigint FROM c",
        asked("l.id AS lane, l.longest"),
        of(LONG_BEFORE),
        of(NEAR_BEFORE),
        of(WITHIN),
    );
    let window = query.window;
    let back = window.from.clamp(-FARTHEST, FARTHEST);
    let (kinds, model) = (kinds(query), query.model.as_deref().map(pack));
    let params: [&(dyn ToSql + Sync); 6] =
        [&query.video.as_str(), &kinds, &model, &window.from, &window.to, &back];
    let rows = ask::rows(db, &sql, &params).await?;
    rows.first().map_or(Ok(0), |row| Ok(unsigned(row.try_get(0)?)))
}

fn kinds(query: &EntryQuery) -> Option<Vec<&str>> {
    (!query.kinds.is_empty()).then(|| query.kinds.iter().map(Kind::as_str).collect())
}

/// Entries from rows that hold [`LANE`] and [`ENTRY`]; what those of a lane share is read once.
fn entries(found: &[Row]) -> Result<Vec<Entry>> {
    let mut lanes: HashMap<i64, Lane> = HashMap::new();
    let mut entries = Vec::with_capacity(found.len());
    for row in found {
        let id = row.try_get(0)?;
        let lane = match lanes.entry(id) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(rows::lane(row)?),
        };
        entries.push(rows::entry(row, lane)?);
    }
    Ok(entries)
}

/// Pages of several windows, all as of one moment, in one exchange with the server.
pub(super) async fn pages(db: &mut Client, queries: &[EntryQuery]) -> Result<Vec<Page<Entry>>> {
    if let [query] = queries {
        return Ok(vec![page(db, query).await?]);
    }
    db.prepare_cached(&page_sql()).await?;
    let snapshot =
        db.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let snapshot = snapshot.start().await?;
    let pages = try_join_all(queries.iter().map(|query| page(&snapshot, query))).await?;
    snapshot.commit().await?;
    Ok(pages)
}

/// Entries of visible lanes, with their text, by a condition on `e`.
fn visible(condition: &str) -> String {
    format!(
        "SELECT {LANE}, {ENTRY}, e.text FROM entries e JOIN lanes l ON l.id = e.lane
         JOIN videos v ON v.row = l.video JOIN recipes r ON r.id = l.recipe
         WHERE l.run IS NULL AND v.ready AND {condition}"
    )
}

pub(super) async fn entry(db: &impl GenericClient, id: EntryId) -> Result<Option<Entry>> {
    let found = ask::rows(db, &visible("e.id = $1"), &[&id]).await?;
    Ok(entries(&found)?.into_iter().next())
}

/// Those of the entries that are visible, by id, with their text.
pub(super) async fn with_text(
    db: &impl GenericClient,
    ids: &[EntryId],
) -> Result<HashMap<EntryId, (Entry, Option<String>)>> {
    let found = ask::rows(db, &visible("e.id = ANY ($1)"), &[&ids]).await?;
    let texts = found.iter().map(|row| row.try_get::<_, Option<String>>("text"));
    let entries = entries(&found)?.into_iter().zip(texts);
    entries.map(|(entry, text)| Ok((entry.id, (entry, text?.map(unpack))))).collect()
}

/// The last entry of a kind that starts at or before a second.
pub(super) async fn entry_at(
    db: &impl GenericClient,
    video: &VideoId,
    kind: &Kind,
    at: f64,
) -> Result<Option<Entry>> {
    let sql = format!(
        "SELECT {LANE}, {ENTRY} FROM videos v JOIN lanes l ON l.video = v.row AND l.run IS NULL
         JOIN recipes r ON r.id = l.recipe CROSS JOIN LATERAL (
             SELECT * FROM entries e WHERE e.lane = l.id AND e.starts <= $3
             ORDER BY e.starts DESC, e.id DESC LIMIT 1
         ) e WHERE v.id = $1 AND v.ready AND l.kind = $2
         ORDER BY e.starts DESC, e.id DESC LIMIT 1"
    );
    let found = ask::rows(db, &sql, &[&video.as_str(), &kind.as_str(), &at]).await?;
    Ok(entries(&found)?.into_iter().next())
}

pub(super) async fn was_given(db: &impl GenericClient, id: EntryId) -> Result<bool> {
    let sql = "SELECT $1::bigint > 0 AND is_called AND $1 <= last_value FROM entry_ids";
    Ok(ask::row(db, sql, &[&id]).await?.try_get(0)?)
}
