//! The commit counter, what each commit touched, and whose turn it is to write.

use deadpool_postgres::{GenericClient, Transaction};

use super::ask;
use super::rows::unsigned;
use crate::change::{Change, ChangeSet, Family, VIDEO};
use crate::error::Result;
use crate::model::{VideoId, Window};

/// "Rush": tells our advisory locks from those of others.
pub(super) const LOCKS: i64 = 0x5275_7368;

/// Waits until nobody else writes to the video; held to the end of the transaction.
pub(super) async fn lock(transaction: &Transaction<'_>, video: &VideoId) -> Result<()> {
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))";
    ask::execute(transaction, sql, &[&video.as_str(), &LOCKS]).await.map(drop)
}

/// Raises families as a whole and, where one is given, for a video. The last thing before a commit:
/// everybody who writes waits for these rows. They are taken in one order, so that no two writers
/// wait for each other.
pub(super) async fn touch(
    transaction: &Transaction<'_>,
    touched: &[(Family, Option<&VideoId>)],
) -> Result<()> {
    let (mut families, mut groups) = (Vec::new(), Vec::new());
    for (family, video) in touched {
        for group in std::iter::once("").chain(video.map(VideoId::as_str)) {
            families.push(family.name());
            groups.push(group);
        }
    }
    let sql = "INSERT INTO sql_generations AS g
        SELECT DISTINCT family, grp, 1 FROM unnest($1::text[], $2::text[]) AS t (family, grp)
        ORDER BY family, grp
        ON CONFLICT (family, grp) DO UPDATE SET gen = g.gen + 1";
    ask::execute(transaction, sql, &[&families, &groups]).await.map(drop)
}

/// Raises the commit counter and, in the same transaction, the generation of each touched thing.
/// The row of the counter stays locked until the commit is visible to all.
pub(super) async fn commit(
    transaction: &Transaction<'_>,
    changes: Vec<Change>,
) -> Result<ChangeSet> {
    let sql = "UPDATE library SET seq = seq + 1 RETURNING seq";
    let seq: i64 = ask::row(transaction, sql, &[]).await?.try_get(0)?;
    for change in &changes {
        raise(transaction, change, seq).await?;
    }
    Ok(ChangeSet { seq: unsigned(seq), changes })
}

async fn raise(transaction: &Transaction<'_>, change: &Change, seq: i64) -> Result<()> {
    let (video, scope, span) = change.scope();
    let (low, high) = span.unzip();
    let sql = "INSERT INTO generations AS g VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (video, scope) DO UPDATE
        SET seq = $3, low = least(g.low, $4), high = greatest(g.high, $5)";
    ask::execute(transaction, sql, &[&video.as_str(), &scope, &seq, &low, &high]).await.map(drop)
}

/// Forgets the parts of a video that is being removed: its own row says all.
pub(super) async fn forget_parts(transaction: &Transaction<'_>, video: &VideoId) -> Result<()> {
    let sql = "DELETE FROM generations WHERE video = $1 AND scope <> $2";
    ask::execute(transaction, sql, &[&video.as_str(), &VIDEO]).await.map(drop)
}

/// The commit counter.
pub(super) async fn seq(db: &impl GenericClient) -> Result<u64> {
    let row = ask::row(db, "SELECT seq FROM library", &[]).await?;
    Ok(unsigned(row.try_get(0)?))
}

/// What was changed since a commit. One statement, so counter and rows are of one moment: a counter
/// newer than the rows would hide the next change.
pub(super) async fn since(db: &impl GenericClient, after: u64) -> Result<ChangeSet> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let sql = "SELECT l.seq, g.video, g.scope, g.low, g.high
        FROM library l LEFT JOIN generations g ON g.seq > $1 ORDER BY g.seq, g.video, g.scope";
    let mut told = ChangeSet::default();
    for row in ask::rows(db, sql, &[&after]).await? {
        told.seq = unsigned(row.try_get(0)?);
        let Some(video) = row.try_get::<_, Option<&str>>(1)? else { break };
        let (low, high): (Option<f64>, Option<f64>) = (row.try_get(3)?, row.try_get(4)?);
        let window =
            Window { from: low.unwrap_or(Window::ALL.from), to: high.unwrap_or(Window::ALL.to) };
        told.changes.push(Change::of_scope(video, row.try_get(2)?, window)?);
    }
    Ok(told)
}
