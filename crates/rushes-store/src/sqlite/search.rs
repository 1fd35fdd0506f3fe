//! Ranked search over text and over the classes of objects.

use rusqlite::{Connection, params};

use super::entries;
use crate::error::{Error, Result};
use crate::model::{Entry, EntryId};
use crate::prepare::fold;
use crate::query::{Hit, SearchQuery};
use crate::words::{SNIPPET, quoted_words};

pub(super) fn search(db: &Connection, query: &SearchQuery) -> Result<Vec<Hit>> {
    let snapshot = db.unchecked_transaction()?;
    match (&query.text, &query.label) {
        (Some(text), _) => by_text(&snapshot, query, text),
        (None, Some(_)) => by_label(&snapshot, query),
        (None, None) => Err(Error::invalid("search needs words or an object class")),
    }
}

/// Entries that hold all words; where there are none, entries that hold any. People and models
/// ask in sentences, and one word that nobody wrote must not hide everything.
fn by_text(db: &Connection, query: &SearchQuery, text: &str) -> Result<Vec<Hit>> {
    let words = quoted_words(text);
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let all = words.join(" AND ");
    let found = ranked(db, query, &all, query.limit, query.offset)?;
    let pages_end = found.is_empty() && query.offset > 0;
    if !found.is_empty() || (pages_end && !ranked(db, query, &all, 1, 0)?.is_empty()) {
        return hits(db, &all, found);
    }
    let any = words.join(" OR ");
    let found = ranked(db, query, &any, query.limit, query.offset)?;
    hits(db, &any, found)
}

/// What every search leaves out, and what the query narrows it to: on `e`, `l` and `v`.
const NARROWED: &str = "l.run IS NULL AND v.ready
    AND (?1 IS NULL OR v.id IN (SELECT value FROM json_each(?1)))
    AND (?2 IS NULL OR l.kind IN (SELECT value FROM json_each(?2)))
    AND e.starts < ?4 AND (e.starts >= ?3 OR e.ends > ?3)";

/// A list for `json_each`; an empty one narrows nothing.
fn list<T: ToString>(items: &[T]) -> Option<String> {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    (!items.is_empty()).then(|| serde_json::Value::from(items).to_string())
}

/// Ids and scores, best first. The text index goes first in the join: narrowing is done on what
/// it finds.
fn ranked(
    db: &Connection,
    query: &SearchQuery,
    expression: &str,
    limit: usize,
    offset: usize,
) -> Result<Vec<(EntryId, f64)>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT e.id, -entries_text.rank FROM entries_text
         CROSS JOIN entries e ON e.id = entries_text.rowid
         CROSS JOIN lanes l ON l.id = e.lane CROSS JOIN videos v ON v.row = l.video
         WHERE entries_text MATCH ?5 AND {NARROWED} AND (?6 IS NULL OR e.label = ?6)
         ORDER BY entries_text.rank, e.id LIMIT ?7 OFFSET ?8"
    ))?;
    let found = statement.query_map(
        params![
            list(&query.videos),
            list(&query.kinds),
            query.window.from,
            query.window.to,
            expression,
            query.label.as_deref().map(fold),
            number(limit),
            number(offset),
        ],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn hits(db: &Connection, expression: &str, found: Vec<(EntryId, f64)>) -> Result<Vec<Hit>> {
    let mut snippet = db.prepare_cached(
        "SELECT snippet(entries_text, 0, char(2), char(3), '…', ?3) FROM entries_text
         WHERE entries_text MATCH ?1 AND rowid = ?2",
    )?;
    let mut hits = Vec::with_capacity(found.len());
    for (id, score) in found {
        let snippet = snippet.query_row(params![expression, id, SNIPPET], |row| row.get(0))?;
        hits.push(Hit { entry: visible(db, id)?, score, snippet });
    }
    Ok(hits)
}

/// An entry that the same snapshot has just found.
fn visible(db: &Connection, id: EntryId) -> Result<Entry> {
    let entry = entries::entry(db, id)?;
    entry.ok_or_else(|| Error::Corrupt(format!("entry {id} was found, but is not there")))
}

/// Objects of a class: the surest first, as far as their detector said how sure it was.
fn by_label(db: &Connection, query: &SearchQuery) -> Result<Vec<Hit>> {
    let label = query.label.as_deref().map(fold).unwrap_or_default();
    let mut statement = db.prepare_cached(&format!(
        "SELECT e.id, CASE WHEN json_type(e.data, '$.score') IN ('real', 'integer')
                      THEN 1.0 * json_extract(e.data, '$.score') ELSE 0.0 END AS score
         FROM entries e CROSS JOIN lanes l ON l.id = e.lane CROSS JOIN videos v ON v.row = l.video
         WHERE e.label = ?5 AND {NARROWED}
         ORDER BY score DESC, v.row, e.starts, e.id LIMIT ?6 OFFSET ?7"
    ))?;
    let found: Vec<(EntryId, f64)> = statement
        .query_map(
            params![
                list(&query.videos),
                list(&query.kinds),
                query.window.from,
                query.window.to,
                label,
                number(query.limit),
                number(query.offset),
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<rusqlite::Result<_>>()?;
    let mut hits = Vec::with_capacity(found.len());
    for (id, score) in found {
        let entry = visible(db, id)?;
        let written = entry.data.get("label").and_then(|label| label.as_str());
        let shown = written.filter(|written| fold(written) == label).unwrap_or(&label);
        let snippet = format!("\u{2}{shown}\u{3}");
        hits.push(Hit { entry, score, snippet });
    }
    Ok(hits)
}
