//! Reading entries: pages of windows, single ones, and what is known kind by kind.

use std::cmp::Ordering;
use std::fmt::Write as _;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::rows::{self, ENTRY, LANE, LANE_COLUMNS, Lane};
use crate::error::{Error, Result};
use crate::model::{Entry, EntryId, Kind, Timeline, VideoId, Window};
use crate::page::{Cursor, Page};
use crate::prepare::LONG;
use crate::query::EntryQuery;

/// The visible lanes of a video, by id.
pub(super) fn lanes(db: &Connection, video: &VideoId) -> Result<Vec<Lane>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {LANE} FROM videos v JOIN lanes l ON l.video = v.row AND l.run IS NULL
         JOIN recipes r ON r.id = l.recipe WHERE v.id = ? AND v.ready ORDER BY l.id"
    ))?;
    let mut rows = statement.query([video.as_str()])?;
    let mut lanes = Vec::new();
    while let Some(row) = rows.next()? {
        lanes.push(rows::lane(row)?);
    }
    Ok(lanes)
}

pub(super) fn timelines(db: &Connection, video: &VideoId) -> Result<Vec<Timeline>> {
    let mut lanes = lanes(db, video)?;
    lanes.sort_by(|a, b| a.kind.cmp(&b.kind).then((b.finished, b.id).cmp(&(a.finished, a.id))));
    let mut timelines: Vec<Timeline> = Vec::new();
    for lane in lanes {
        match timelines.last_mut().filter(|timeline| timeline.kind == lane.kind) {
            Some(timeline) => {
                timeline.count += lane.count;
                timeline.recipes.push(lane.recipe);
            }
            None => timelines.push(Timeline {
                kind: lane.kind,
                count: lane.count,
                recipes: vec![lane.recipe],
            }),
        }
    }
    Ok(timelines)
}

/// A page of a window, as of one moment.
pub(super) fn page(db: &Connection, query: &EntryQuery) -> Result<Page<Entry>> {
    page_of(&*db.unchecked_transaction()?, query)
}

/// Pages of several windows, all as of one moment.
pub(super) fn pages(db: &Connection, queries: &[EntryQuery]) -> Result<Vec<Page<Entry>>> {
    let snapshot = db.unchecked_transaction()?;
    queries.iter().map(|query| page_of(&snapshot, query)).collect()
}

/// How many entries there are on all pages of a window, as of one moment.
pub(super) fn count(db: &Connection, query: &EntryQuery) -> Result<u64> {
    let snapshot = db.unchecked_transaction()?;
    let lanes = asked(&snapshot, query)?;
    if query.window == Window::ALL {
        return Ok(lanes.iter().map(|lane| lane.count).sum());
    }
    let whole = EntryQuery { after: None, ..query.clone() };
    let mut count = 0;
    for stretch in stretches(&whole, &lanes) {
        for lane in &lanes {
            count += stretch.count(&snapshot, lane)?;
        }
    }
    Ok(count)
}

/// The visible lanes that a question is about.
fn asked(snapshot: &Connection, query: &EntryQuery) -> Result<Vec<Lane>> {
    let mut lanes = lanes(snapshot, &query.video)?;
    lanes.retain(|lane| {
        (query.kinds.is_empty() || query.kinds.contains(&lane.kind))
            && query.model.as_ref().is_none_or(|model| *model == lane.recipe.model)
    });
    Ok(lanes)
}

fn page_of(snapshot: &Connection, query: &EntryQuery) -> Result<Page<Entry>> {
    let lanes = asked(snapshot, query)?;
    let wanted = query.limit.saturating_add(1);
    let mut items = Vec::new();
    for stretch in stretches(query, &lanes) {
        if items.len() < wanted {
            items.extend(stretch.read(snapshot, &lanes, wanted - items.len())?);
        }
    }
    let more = items.len() > query.limit;
    items.truncate(query.limit);
    let next = items.last().filter(|_| more);
    let next = next.map(|entry| Cursor { start: entry.start, id: entry.id });
    Ok(Page { items, next })
}

/// Rows of a window that one index finds in order. Those of a later stretch start later.
struct Stretch {
    /// After this start and id.
    after: (f64, EntryId),
    /// Starts before this second.
    before: f64,
    /// Ends after this second, where that does not follow.
    reaches: Option<f64>,
    /// Only entries longer than [`LONG`], by the index of these.
    long: bool,
}

/// A window is touched by entries that start in it, and by earlier ones that reach into it. The
/// earlier ones start at most as long before as the longest entry lasts; so that one long entry
/// does not make every window look far back, long ones are looked up apart.
fn stretches(query: &EntryQuery, lanes: &[Lane]) -> Vec<Stretch> {
    let (from, to) = (query.window.from, query.window.to);
    let longest = lanes.iter().map(|lane| lane.longest).fold(0.0, f64::max);
    // Rounded towards the past: durations and this difference are rounded numbers.
    let back = (from - longest) - (from.abs() + longest) * 4.0 * f64::EPSILON;
    let edge = from.min(to);
    let mut stretches = Vec::new();
    if lanes.iter().any(|lane| lane.long) {
        stretches.push((f64::NEG_INFINITY, back.min(edge), Some(from), true));
    }
    if longest > 0.0 || stretches.len() == 1 {
        stretches.push((back, edge, Some(from), false));
    }
    stretches.push((from, to, None, false));
    let cursor = query.after.map(|cursor| (cursor.start, cursor.id));
    stretches
        .into_iter()
        .map(|(first, before, reaches, long)| {
            let begin = (first, EntryId::MIN);
            let after = cursor.filter(|at| later(*at, begin)).unwrap_or(begin);
            Stretch { after, before, reaches, long }
        })
        .filter(|stretch| stretch.after.0 < stretch.before && stretch.before > f64::MIN)
        .collect()
}

fn later(a: (f64, EntryId), b: (f64, EntryId)) -> bool {
    order(a, b) == Ordering::Greater
}

fn order(a: (f64, EntryId), b: (f64, EntryId)) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

impl Stretch {
    /// Lanes that one statement merges.
    const LANES: usize = 64;

    fn read(&self, db: &Connection, lanes: &[Lane], limit: usize) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for some in lanes.chunks(Self::LANES) {
            entries.extend(self.merged(db, some, limit)?);
        }
        if lanes.len() > Self::LANES {
            entries.sort_by(|a: &Entry, b| order((a.start, a.id), (b.start, b.id)));
            entries.truncate(limit);
        }
        Ok(entries)
    }

    /// Reads lanes that are merged, row by row as far as needed, by the database.
    fn merged(&self, db: &Connection, lanes: &[Lane], limit: usize) -> Result<Vec<Entry>> {
        let mut statement = db.prepare_cached(&self.sql(lanes.len()))?;
        let (start, id) = self.after;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let bounds: [Value; 5] =
            [start.into(), id.into(), self.before.into(), self.reaches.into(), limit.into()];
        let lane_ids = lanes.iter().map(|lane| Value::from(lane.id));
        let mut rows = statement.query(params_from_iter(bounds.into_iter().chain(lane_ids)))?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let id = rows::lane_of(row)?;
            let at = lanes.binary_search_by_key(&id, |lane| lane.id);
            let lane = at.ok().and_then(|at| lanes.get(at));
            let lane = lane.ok_or_else(|| Error::Corrupt(format!("lane {id} is not there")))?;
            entries.push(rows::entry(row, 0, lane)?);
        }
        Ok(entries)
    }

    /// How many entries of a lane are in it.
    fn count(&self, db: &Connection, lane: &Lane) -> Result<u64> {
        let mut statement = db.prepare_cached(&format!("SELECT count(*) {}", self.of_lane(5)))?;
        let (start, id) = self.after;
        let bounds = params![start, id, self.before, self.reaches, lane.id];
        let count: i64 = statement.query_row(bounds, |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    fn sql(&self, lanes: usize) -> String {
        let one = |lane: usize| format!("SELECT {ENTRY} {}", self.of_lane(lane + 6));
        let all: Vec<String> = (0..lanes).map(one).collect();
        all.join(" UNION ALL ") + " ORDER BY 3, 1 LIMIT ?5"
    }

    /// Which rows it is, of the lane that is the parameter of this number.
    fn of_lane(&self, parameter: usize) -> String {
        let index = if self.long { "entries_long" } else { "entries_in_time" };
        let mut sql = format!(
            "FROM entries e INDEXED BY {index} WHERE e.lane = ?{parameter} \
             AND (e.starts, e.id) > (?1, ?2) AND e.starts < ?3"
        );
        // The parameter is there in either case.
        sql.push_str(if self.reaches.is_some() { " AND e.ends > ?4" } else { " AND ?4 IS NULL" });
        if self.long {
            // Writing to a String cannot fail.
            let _ = write!(sql, " AND e.ends - e.starts > {LONG:.1}");
        }
        sql
    }
}

/// One entry of a visible lane by its id, with the lane.
pub(super) fn by_id() -> String {
    format!(
        "SELECT {LANE}, {ENTRY} FROM entries e JOIN lanes l ON l.id = e.lane
         JOIN videos v ON v.row = l.video JOIN recipes r ON r.id = l.recipe
         WHERE e.id = ? AND l.run IS NULL AND v.ready"
    )
}

pub(super) fn entry(db: &Connection, id: EntryId) -> Result<Option<Entry>> {
    let mut statement = db.prepare_cached(&by_id())?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let lane = rows::lane(row)?;
    rows::entry(row, LANE_COLUMNS, &lane).map(Some)
}

/// The last entry of a kind that starts at or before a second.
pub(super) fn entry_at(
    db: &Connection,
    video: &VideoId,
    kind: &Kind,
    at: f64,
) -> Result<Option<Entry>> {
    let snapshot = db.unchecked_transaction()?;
    let mut last: Option<(f64, EntryId)> = None;
    for lane in lanes(&snapshot, video)?.iter().filter(|lane| lane.kind == *kind) {
        let key = snapshot
            .prepare_cached(
                "SELECT starts, id FROM entries INDEXED BY entries_in_time
                 WHERE lane = ? AND starts <= ? ORDER BY starts DESC, id DESC LIMIT 1",
            )?
            .query_row(params![lane.id, at], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        last = key.into_iter().chain(last).max_by(|a, b| order(*a, *b));
    }
    match last {
        Some((_, id)) => entry(&snapshot, id),
        None => Ok(None),
    }
}

pub(super) fn was_given(db: &Connection, id: EntryId) -> Result<bool> {
    let sql = "SELECT ?1 > 0 AND ?1 < next_entry FROM library";
    Ok(db.prepare_cached(sql)?.query_row([id], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each stretch is read in order from an index, and merged without sorting: a page costs what
    /// it holds, not what the timeline holds.
    #[test]
    fn stretches_are_merged_from_indexes() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("../migrations/sqlite/0001_library.sql")).unwrap();
        for (reaches, long) in [(None, false), (Some(1.0), false), (Some(1.0), true)] {
            let stretch = Stretch { after: (0.0, 0), before: 1.0, reaches, long };
            let sql = format!("EXPLAIN QUERY PLAN {}", stretch.sql(3));
            let mut statement = db.prepare(&sql).unwrap();
            let steps = statement.query_map([0; 8], |row| row.get::<_, String>(3)).unwrap();
            let plan: Vec<String> = steps.map(|step| step.unwrap()).collect();
            let index = if long { "entries_long" } else { "entries_in_time" };
            let range = format!("USING INDEX {index} (lane=? AND starts>? AND starts<?)");
            let found = plan.iter().filter(|step| step.contains(&range)).count();
            let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
            assert!(found == 3 && !sorts, "{plan:#?}");
        }
    }
}
