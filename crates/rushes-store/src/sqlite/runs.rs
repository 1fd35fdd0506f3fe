//! Runs: the entries of one recipe for one video, written in batches, seen all at once.

use rusqlite::{Connection, OptionalExtension, Params, Statement, Transaction, params};

use super::sql::generations::{touch, touch_entries};
use super::{rows, videos};
use crate::change::Family;
use crate::error::{Error, Result};
use crate::model::{BlobHash, Kind, Recipe, VideoId};
use crate::prepare::canonical;
use crate::store::{Run, RunId, Unfinished};

pub(super) fn open(
    transaction: &Transaction<'_>,
    video: &VideoId,
    recipe: &Recipe,
    resume: bool,
) -> Result<Run> {
    let video = videos::placeholder(transaction, video)?;
    let recipe = recipe_id(transaction, recipe)?;
    let unfinished: Option<RunId> = transaction
        .prepare_cached("SELECT id FROM runs WHERE video = ? AND recipe = ? AND open = 1")?
        .query_row([video, recipe], |row| row.get(0))
        .optional()?;
    match unfinished {
        Some(run) if resume => return state(transaction, run),
        Some(run) => drop_run(transaction, run).map(drop)?,
        None => {}
    }
    transaction
        .prepare_cached("INSERT INTO runs (video, recipe, open) VALUES (?, ?, 1)")?
        .execute([video, recipe])?;
    let id = transaction.last_insert_rowid();
    touch_entries(transaction, video)?;
    Ok(Run { id, count: 0, last: None })
}

fn recipe_id(transaction: &Transaction<'_>, recipe: &Recipe) -> Result<i64> {
    let params = canonical(&recipe.params).to_string();
    let parts = params![recipe.tool, recipe.version, recipe.model, params];
    let new = transaction
        .prepare_cached(
            "INSERT INTO recipes (tool, version, model, params) VALUES (?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )?
        .execute(parts)?;
    if new > 0 {
        touch(transaction, Family::Recipes, None)?;
    }
    let mut statement = transaction.prepare_cached(RECIPE)?;
    Ok(statement.query_row(parts, |row| row.get(0))?)
}

const RECIPE: &str =
    "SELECT id FROM recipes WHERE tool = ? AND version = ? AND model = ? AND params = ?";

/// Whether a run of this recipe was finished for this video, and none of it replaced since.
pub(super) fn finished(db: &Connection, video: &VideoId, recipe: &Recipe) -> Result<bool> {
    let params = canonical(&recipe.params).to_string();
    let mut statement = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM runs u JOIN videos v ON v.row = u.video
         JOIN recipes r ON r.id = u.recipe WHERE v.id = ? AND v.ready AND u.open = 0
         AND r.tool = ? AND r.version = ? AND r.model = ? AND r.params = ?)",
    )?;
    let parts = params![video.as_str(), recipe.tool, recipe.version, recipe.model, params];
    Ok(statement.query_row(parts, |row| row.get(0))?)
}

fn state(transaction: &Transaction<'_>, run: RunId) -> Result<Run> {
    let sql = "SELECT coalesce(sum(count), 0), max((SELECT max(starts) FROM entries
               WHERE lane = lanes.id)) FROM lanes WHERE run = ?";
    let (count, last) = transaction.query_row(sql, [run], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Run { id: run, count, last })
}

/// What an open run is of: rows of its video and recipe.
pub(super) struct Open {
    pub(super) video: i64,
    pub(super) recipe: i64,
}

pub(super) fn open_run(transaction: &Transaction<'_>, run: RunId) -> Result<Open> {
    transaction
        .prepare_cached("SELECT video, recipe FROM runs WHERE id = ? AND open = 1")?
        .query_row([run], |row| Ok(Open { video: row.get(0)?, recipe: row.get(1)? }))
        .optional()?
        .ok_or_else(|| Error::NotFound(format!("run {run} is not open: finished or dropped")))
}

/// The lane that a run's entries of a kind will be joined to, where earlier runs of the same
/// recipe left one.
pub(super) fn visible_lane(
    transaction: &Transaction<'_>,
    open: &Open,
    kind: &Kind,
) -> Result<Option<i64>> {
    Ok(transaction
        .prepare_cached(
            "SELECT id FROM lanes WHERE video = ? AND kind = ? AND recipe = ? AND run IS NULL",
        )?
        .query_row(params![open.video, kind.as_str(), open.recipe], |row| row.get(0))
        .optional()?)
}

/// Drops a run and its entries; returns the blobs that nothing refers to any more.
pub(super) fn abort(transaction: &Transaction<'_>, run: RunId) -> Result<Vec<BlobHash>> {
    let Open { video, .. } = open_run(transaction, run)?;
    let blobs = drop_run(transaction, run)?;
    transaction.execute(
        "DELETE FROM videos WHERE row = ?1 AND NOT ready
         AND NOT EXISTS (SELECT 1 FROM runs WHERE video = ?1)",
        [video],
    )?;
    videos::unused(transaction, blobs)
}

/// All open runs, oldest first.
pub(super) fn unfinished(db: &Connection) -> Result<Vec<Unfinished>> {
    let mut statement = db.prepare_cached(
        "SELECT u.id, v.id, v.name, coalesce(sum(l.count), 0),
         r.tool, r.version, r.model, r.params
         FROM runs u JOIN videos v ON v.row = u.video JOIN recipes r ON r.id = u.recipe
         LEFT JOIN lanes l ON l.run = u.id WHERE u.open = 1 GROUP BY u.id ORDER BY u.id",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Unfinished {
            run: row.get(0)?,
            video: VideoId::parse(&row.get::<_, String>(1)?)?,
            name: row.get(2)?,
            count: row.get(3)?,
            recipe: rows::recipe(row, 4)?,
        });
    }
    Ok(found)
}

fn drop_run(transaction: &Transaction<'_>, run: RunId) -> Result<Vec<BlobHash>> {
    let mut blobs = Vec::new();
    let video: Option<i64> = transaction
        .query_row("SELECT video FROM runs WHERE id = ?", [run], |row| row.get(0))
        .optional()?;
    video.map_or(Ok(()), |video| touch_entries(transaction, video))?;
    let lanes = ids(&mut transaction.prepare("SELECT id FROM lanes WHERE run = ?")?, run)?;
    for lane in lanes {
        blobs.extend(remove_lane(transaction, lane)?);
    }
    transaction.execute("DELETE FROM runs WHERE id = ?", [run])?;
    forget_again(transaction, run)?;
    Ok(blobs)
}

/// Forgets which visible entries a run wrote again.
pub(super) fn forget_again(transaction: &Transaction<'_>, run: RunId) -> Result<()> {
    transaction.prepare_cached("DELETE FROM temp.again WHERE run = ?")?.execute([run])?;
    Ok(())
}

/// All lanes of a video, those of open runs included.
pub(super) fn lanes_of_video(transaction: &Transaction<'_>, video: i64) -> Result<Vec<i64>> {
    ids(&mut transaction.prepare("SELECT id FROM lanes WHERE video = ?")?, video)
}

fn ids(statement: &mut Statement<'_>, of: i64) -> Result<Vec<i64>> {
    Ok(statement.query_map([of], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Removes a lane with its entries; returns the blobs they referred to.
pub(super) fn remove_lane(transaction: &Transaction<'_>, lane: i64) -> Result<Vec<BlobHash>> {
    let blobs = remove_entries(transaction, "lane = ?1", [lane])?;
    transaction.execute("DELETE FROM lanes WHERE id = ?", [lane])?;
    Ok(blobs)
}

/// Removes the entries that a condition holds for; returns the blobs they referred to.
pub(super) fn remove_entries(
    transaction: &Transaction<'_>,
    condition: &str,
    params: impl Params + Clone,
) -> Result<Vec<BlobHash>> {
    let blobs = format!("SELECT DISTINCT blob FROM entries WHERE blob IS NOT NULL AND {condition}");
    let blobs = transaction
        .prepare_cached(&blobs)?
        .query_map(params.clone(), |row| row.get(0).map(BlobHash))?
        .collect::<rusqlite::Result<_>>()?;
    // The index over text is told the old words; it keeps no copy of them.
    let words = format!(
        "INSERT INTO entries_text (entries_text, rowid, text)
         SELECT 'delete', id, text FROM entries WHERE text IS NOT NULL AND {condition}"
    );
    transaction.execute(&words, params.clone())?;
    transaction.execute(&format!("DELETE FROM entries WHERE {condition}"), params)?;
    Ok(blobs)
}
