//! Runs: the entries of one recipe for one video, written in batches, seen all at once.

use deadpool_postgres::{GenericClient, Transaction};

use super::change::{lock, touch};
use super::rows::unsigned;
use super::text::{pack, unpack};
use super::videos::{self, digest};
use super::{ask, lanes, rows};
use crate::change::Family;
use crate::error::{Error, Result};
use crate::model::{BlobHash, Recipe, VideoId};
use crate::prepare::canonical;
use crate::store::{Run, RunId, Unfinished};

pub(super) async fn open(
    transaction: &Transaction<'_>,
    id: &VideoId,
    recipe: &Recipe,
    resume: bool,
) -> Result<Run> {
    lock(transaction, id).await?;
    let video = videos::placeholder(transaction, id).await?;
    let recipe = recipe_id(transaction, recipe).await?;
    let sql = "SELECT id FROM runs WHERE video = $1 AND recipe = $2 AND open";
    if let Some(row) = ask::found(transaction, sql, &[&video, &recipe]).await? {
        let run = row.try_get(0)?;
        if resume {
            return state(transaction, run).await;
        }
        drop_run(transaction, run).await?;
    }
    let sql = "INSERT INTO runs (video, recipe, open) VALUES ($1, $2, TRUE) RETURNING id";
    let run = ask::row(transaction, sql, &[&video, &recipe]).await?.try_get(0)?;
    let touched =
        [(Family::Entries, Some(id)), (Family::Videos, Some(id)), (Family::Recipes, None)];
    touch(transaction, &touched).await?;
    Ok(Run { id: run, count: 0, last: None })
}

fn recipe_digest(recipe: &Recipe) -> (Vec<u8>, String) {
    let params = canonical(&recipe.params).to_string();
    (digest(&[&recipe.tool, &recipe.version, &recipe.model, &params]), params)
}

/// The id of a recipe, which is made if it is not there.
async fn recipe_id(transaction: &Transaction<'_>, recipe: &Recipe) -> Result<i64> {
    let (digest, params) = recipe_digest(recipe);
    let known = "SELECT id FROM recipes WHERE digest = $1";
    if let Some(row) = ask::found(transaction, known, &[&digest]).await? {
        return Ok(row.try_get(0)?);
    }
    let [tool, version, model] = [&recipe.tool, &recipe.version, &recipe.model].map(|s| pack(s));
    let sql = "INSERT INTO recipes (digest, tool, version, model, params)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    ask::execute(transaction, sql, &[&digest, &tool, &version, &model, &params]).await?;
    Ok(ask::row(transaction, known, &[&digest]).await?.try_get(0)?)
}

/// Whether a run of this recipe was finished for this video, and none of it replaced since.
pub(super) async fn finished(
    db: &impl GenericClient,
    video: &VideoId,
    recipe: &Recipe,
) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM runs u JOIN videos v ON v.row = u.video
        JOIN recipes r ON r.id = u.recipe
        WHERE v.id = $1 AND v.ready AND NOT u.open AND r.digest = $2)";
    let digest = recipe_digest(recipe).0;
    Ok(ask::row(db, sql, &[&video.as_str(), &digest]).await?.try_get(0)?)
}

async fn state(transaction: &Transaction<'_>, run: RunId) -> Result<Run> {
    let sql = "SELECT coalesce(sum(count), 0)::bigint,
        max((SELECT max(starts) FROM entries WHERE lane = lanes.id)) FROM lanes WHERE run = $1";
    let row = ask::row(transaction, sql, &[&run]).await?;
    Ok(Run { id: run, count: unsigned(row.try_get(0)?), last: row.try_get(1)? })
}

/// What an open run is of.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) video: i64,
    pub(super) recipe: i64,
    pub(super) id: VideoId,
    /// Whether reads see the video.
    pub(super) ready: bool,
}

/// An open run, of whose video this transaction is the only writer from now on.
pub(super) async fn open_run(transaction: &Transaction<'_>, run: RunId) -> Result<Open> {
    let closed = || Error::NotFound(format!("run {run} is not open: finished or dropped"));
    let sql = "SELECT v.id FROM runs u JOIN videos v ON v.row = u.video WHERE u.id = $1";
    let video = ask::found(transaction, sql, &[&run]).await?.ok_or_else(closed)?;
    let id = VideoId::parse(video.try_get(0)?)?;
    lock(transaction, &id).await?;
    // Asked again under the lock: who held it may have finished the run.
    let sql = "SELECT u.video, u.recipe, v.ready FROM runs u JOIN videos v ON v.row = u.video
        WHERE u.id = $1 AND u.open";
    let row = ask::found(transaction, sql, &[&run]).await?.ok_or_else(closed)?;
    Ok(Open { video: row.try_get(0)?, recipe: row.try_get(1)?, ready: row.try_get(2)?, id })
}

/// Drops a run and its entries; returns the blobs that nothing refers to any more.
pub(super) async fn abort(transaction: &Transaction<'_>, run: RunId) -> Result<Vec<BlobHash>> {
    let Open { video, id, .. } = open_run(transaction, run).await?;
    let blobs = drop_run(transaction, run).await?;
    let sql = "DELETE FROM videos WHERE row = $1 AND NOT ready
        AND NOT EXISTS (SELECT 1 FROM runs WHERE video = $1)";
    ask::execute(transaction, sql, &[&video]).await?;
    let unused = videos::unused(transaction, blobs).await?;
    touch(transaction, &[(Family::Entries, Some(&id)), (Family::Videos, Some(&id))]).await?;
    Ok(unused)
}

async fn drop_run(transaction: &Transaction<'_>, run: RunId) -> Result<Vec<BlobHash>> {
    let of_run = lanes::ids(transaction, "run = $1", run).await?;
    let blobs = lanes::remove(transaction, &of_run).await?;
    ask::execute(transaction, "DELETE FROM runs WHERE id = $1", &[&run]).await?;
    Ok(blobs)
}

/// All open runs, oldest first.
pub(super) async fn unfinished(db: &impl GenericClient) -> Result<Vec<Unfinished>> {
    let sql = "SELECT u.id, v.id, v.name,
        (SELECT coalesce(sum(l.count), 0)::bigint FROM lanes l WHERE l.run = u.id),
        r.tool, r.version, r.model, r.params
        FROM runs u JOIN videos v ON v.row = u.video JOIN recipes r ON r.id = u.recipe
        WHERE u.open ORDER BY u.id";
    let mut unfinished = Vec::new();
    for row in &ask::rows(db, sql, &[]).await? {
        let name: Option<String> = row.try_get(2)?;
        unfinished.push(Unfinished {
            run: row.try_get(0)?,
            video: VideoId::parse(row.try_get(1)?)?,
            name: name.map(unpack),
            count: unsigned(row.try_get(3)?),
            recipe: rows::recipe(row, 4)?,
        });
    }
    Ok(unfinished)
}
