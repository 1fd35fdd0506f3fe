//! Lanes: what one recipe made of one kind for one video, with their entries.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::runs::Open;
use super::{ask, rows};
use crate::error::Result;
use crate::model::{BlobHash, Kind};
use crate::store::RunId;

/// Ids of the lanes that a condition on one number holds for.
pub(super) async fn ids(
    transaction: &Transaction<'_>,
    condition: &str,
    of: i64,
) -> Result<Vec<i64>> {
    let sql = format!("SELECT id FROM lanes WHERE {condition}");
    let found = ask::rows(transaction, &sql, &[&of]).await?;
    found.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The lane that a run's entries of a kind will be joined to, where earlier runs of the same
/// recipe left one.
pub(super) async fn visible(
    transaction: &Transaction<'_>,
    open: &Open,
    kind: &Kind,
) -> Result<Option<i64>> {
    let sql = "SELECT id FROM lanes WHERE video = $1 AND kind = $2 AND recipe = $3 AND run IS NULL";
    id(ask::found(transaction, sql, &[&open.video, &kind.as_str(), &open.recipe]).await?)
}

/// The lane that a run writes its entries of a kind into, if it has begun to.
pub(super) async fn staged(
    transaction: &Transaction<'_>,
    run: RunId,
    kind: &Kind,
) -> Result<Option<i64>> {
    let sql = "SELECT id FROM lanes WHERE run = $1 AND kind = $2";
    id(ask::found(transaction, sql, &[&run, &kind.as_str()]).await?)
}

/// As [`staged`]; makes the lane if it is not there.
pub(super) async fn stage(
    transaction: &Transaction<'_>,
    run: RunId,
    open: &Open,
    kind: &Kind,
) -> Result<i64> {
    if let Some(lane) = staged(transaction, run, kind).await? {
        return Ok(lane);
    }
    let sql = "INSERT INTO lanes (video, kind, recipe, run) VALUES ($1, $2, $3, $4) RETURNING id";
    let row =
        ask::row(transaction, sql, &[&open.video, &kind.as_str(), &open.recipe, &run]).await?;
    Ok(row.try_get(0)?)
}

fn id(row: Option<Row>) -> Result<Option<i64>> {
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// From the first start to the last end of a lane's entries, seconds.
pub(super) async fn span(transaction: &Transaction<'_>, lane: i64) -> Result<Option<(f64, f64)>> {
    let sql = "SELECT (SELECT min(starts) FROM entries WHERE lane = $1), ends FROM lanes
        WHERE id = $1";
    let row = ask::row(transaction, sql, &[&lane]).await?;
    let (low, high): (Option<f64>, Option<f64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(low.zip(high))
}

/// Removes lanes with their entries; returns the blobs these referred to.
pub(super) async fn remove(transaction: &Transaction<'_>, lanes: &[i64]) -> Result<Vec<BlobHash>> {
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "WITH gone AS (DELETE FROM entries WHERE lane = ANY ($1) RETURNING blob)
        SELECT array_agg(DISTINCT blob) FILTER (WHERE blob IS NOT NULL) FROM gone";
    let blobs = rows::blobs(&ask::row(transaction, sql, &[&lanes]).await?, 0)?;
    ask::execute(transaction, "DELETE FROM lanes WHERE id = ANY ($1)", &[&lanes]).await?;
    Ok(blobs)
}
