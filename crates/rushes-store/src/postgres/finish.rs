//! Finishing a run: its lanes become visible, older ones may go, all in one commit.

use std::collections::BTreeSet;

use deadpool_postgres::Transaction;

use super::change::touch;
use super::rows::unsigned;
use super::runs::{Open, open_run};
use super::{ask, change, lanes, rows, videos};
use crate::change::{Change, Family, Span};
use crate::error::{Error, Result};
use crate::model::{Kind, Video};
use crate::store::{Finished, Older, RunId};

/// Makes a run's entries visible, and with them, if given, the video.
pub(super) async fn finish(
    transaction: &Transaction<'_>,
    run: RunId,
    video: Option<&Video>,
    kinds: &[Kind],
    older: Older,
) -> Result<Finished> {
    let open = open_run(transaction, run).await?;
    appear(transaction, &open, video).await?;
    let mut finish = Finish { transaction, run, open, stamped: Vec::new() };
    let mut finished =
        Finished { added: 0, removed: 0, blobs: Vec::new(), change: Default::default() };
    let mut changes: Vec<Change> =
        video.map(|video| Change::Video(video.id.clone())).into_iter().collect();
    for kind in finish.kinds(kinds).await? {
        let mut span = Span::default();
        if older != Older::Keep {
            finish.drop_outdated(&kind, &mut span, &mut finished).await?;
        }
        finished.added += finish.publish(&kind, &mut span).await?;
        if older == Older::Replace {
            finish.replace(&kind, &mut span, &mut finished).await?;
        }
        changes.extend(span.change(&finish.open.id, kind));
    }
    finish.close().await?;
    finished.blobs = videos::unused(transaction, std::mem::take(&mut finished.blobs)).await?;
    if !changes.is_empty() {
        finished.change = change::commit(transaction, changes).await?;
        finish.stamp(finished.change.seq).await?;
    }
    let id = Some(&finish.open.id);
    touch(transaction, &[(Family::Entries, id), (Family::Videos, id)]).await?;
    Ok(finished)
}

/// The run's video becomes visible, or must be.
async fn appear(transaction: &Transaction<'_>, open: &Open, video: Option<&Video>) -> Result<()> {
    let id = &open.id;
    match video {
        Some(video) if video.id != *id => {
            Err(Error::Invalid(format!("the run is of video {id}, not of the one given")))
        }
        Some(video) => videos::upsert(transaction, video).await,
        None if open.ready => Ok(()),
        None => Err(Error::NotFound(format!("video {id} is not in the library (any more)"))),
    }
}

struct Finish<'t> {
    transaction: &'t Transaction<'t>,
    run: RunId,
    open: Open,
    /// Lanes that get the number of this commit, which is known last.
    stamped: Vec<i64>,
}

impl Finish<'_> {
    /// The kinds that were computed: those named, and those written.
    async fn kinds(&self, named: &[Kind]) -> Result<BTreeSet<Kind>> {
        let mut kinds: BTreeSet<Kind> = named.iter().cloned().collect();
        let sql = "SELECT kind FROM lanes WHERE run = $1";
        for row in ask::rows(self.transaction, sql, &[&self.run]).await? {
            kinds.insert(Kind::new(row.try_get(0)?)?);
        }
        Ok(kinds)
    }

    /// Makes the run's lane of a kind visible; returns how many entries came with it.
    async fn publish(&mut self, kind: &Kind, span: &mut Span) -> Result<u64> {
        let joins = lanes::visible(self.transaction, &self.open, kind).await?;
        let Some(lane) = lanes::staged(self.transaction, self.run, kind).await? else {
            if joins.is_none() {
                self.add_empty(kind).await?;
                span.add(None);
            }
            return Ok(0);
        };
        let count = self.count(lane).await?;
        if count > 0 || joins.is_none() {
            span.add(lanes::span(self.transaction, lane).await?);
        }
        match joins {
            Some(visible) => self.join(lane, count, visible).await?,
            None => self.show(lane).await?,
        }
        Ok(unsigned(count))
    }

    async fn count(&self, lane: i64) -> Result<i64> {
        let sql = "SELECT count FROM lanes WHERE id = $1";
        Ok(ask::row(self.transaction, sql, &[&lane]).await?.try_get(0)?)
    }

    async fn add_empty(&mut self, kind: &Kind) -> Result<()> {
        let sql = "INSERT INTO lanes (video, kind, recipe) VALUES ($1, $2, $3) RETURNING id";
        let params: ask::Params<'_> = &[&self.open.video, &kind.as_str(), &self.open.recipe];
        self.stamped.push(ask::row(self.transaction, sql, params).await?.try_get(0)?);
        Ok(())
    }

    async fn show(&mut self, lane: i64) -> Result<()> {
        self.stamped.push(lane);
        let sql = "UPDATE lanes SET run = NULL WHERE id = $1";
        ask::execute(self.transaction, sql, &[&lane]).await.map(drop)
    }

    /// Joins the staged lane with the visible one of the same recipe, by moving the entries of
    /// the smaller.
    async fn join(&mut self, staged: i64, count: i64, visible: i64) -> Result<()> {
        if count == 0 {
            return self.delete(staged).await;
        }
        let there = self.count(visible).await?;
        let (from, to) = if count > there { (visible, staged) } else { (staged, visible) };
        let merge = "UPDATE lanes SET count = lanes.count + o.count,
            longest = greatest(lanes.longest, o.longest), long = lanes.long OR o.long,
            ends = greatest(lanes.ends, o.ends), texts = lanes.texts + o.texts,
            words = lanes.words + o.words
            FROM lanes o WHERE o.id = $1 AND lanes.id = $2";
        ask::execute(self.transaction, merge, &[&from, &to]).await?;
        let moving = "UPDATE entries SET lane = $2 WHERE lane = $1";
        ask::execute(self.transaction, moving, &[&from, &to]).await?;
        self.delete(from).await?;
        self.show(to).await
    }

    async fn delete(&self, lane: i64) -> Result<()> {
        let sql = "DELETE FROM lanes WHERE id = $1";
        ask::execute(self.transaction, sql, &[&lane]).await.map(drop)
    }

    /// Removes what this recipe made of a kind before and the run did not write again.
    async fn drop_outdated(
        &mut self,
        kind: &Kind,
        span: &mut Span,
        finished: &mut Finished,
    ) -> Result<()> {
        let Some(lane) = lanes::visible(self.transaction, &self.open, kind).await? else {
            return Ok(());
        };
        let sql = "WITH gone AS (
                DELETE FROM entries e WHERE lane = $1 AND NOT EXISTS
                    (SELECT 1 FROM again a WHERE a.run = $2 AND a.entry = e.id)
                RETURNING starts, ends, blob, length
            ), counted AS (
                SELECT count(*) AS n, min(starts) AS low, max(ends) AS high, count(length) AS texts,
                       coalesce(sum(length), 0)::bigint AS words,
                       array_agg(DISTINCT blob) FILTER (WHERE blob IS NOT NULL) AS blobs FROM gone
            ), lane AS (
                UPDATE lanes SET count = count - n, texts = lanes.texts - counted.texts,
                    words = lanes.words - counted.words FROM counted WHERE id = $1
            )
            SELECT n, low, high, blobs FROM counted";
        let gone = ask::row(self.transaction, sql, &[&lane, &self.run]).await?;
        let count: i64 = gone.try_get(0)?;
        if count == 0 {
            return Ok(());
        }
        let (low, high): (Option<f64>, Option<f64>) = (gone.try_get(1)?, gone.try_get(2)?);
        span.add(low.zip(high));
        finished.removed += unsigned(count);
        finished.blobs.extend(rows::blobs(&gone, 3)?);
        self.stamped.push(lane);
        Ok(())
    }

    /// Removes what other recipes made of a kind.
    async fn replace(&self, kind: &Kind, span: &mut Span, finished: &mut Finished) -> Result<()> {
        let sql = "SELECT id, recipe, count FROM lanes
            WHERE video = $1 AND kind = $2 AND recipe <> $3 AND run IS NULL";
        let (video, recipe) = (self.open.video, self.open.recipe);
        for row in ask::rows(self.transaction, sql, &[&video, &kind.as_str(), &recipe]).await? {
            let (lane, recipe, count): (i64, i64, i64) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            span.add(lanes::span(self.transaction, lane).await?);
            finished.removed += unsigned(count);
            finished.blobs.extend(lanes::remove(self.transaction, &[lane]).await?);
            // That recipe has to run again, should somebody want its entries back.
            let sql = "DELETE FROM runs WHERE video = $1 AND recipe = $2 AND NOT open";
            ask::execute(self.transaction, sql, &[&video, &recipe]).await?;
        }
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        let sql = "DELETE FROM runs WHERE video = $1 AND recipe = $2 AND NOT open";
        let (video, recipe) = (self.open.video, self.open.recipe);
        ask::execute(self.transaction, sql, &[&video, &recipe]).await?;
        let sql = "UPDATE runs SET open = FALSE WHERE id = $1";
        ask::execute(self.transaction, sql, &[&self.run]).await?;
        let sql = "DELETE FROM again WHERE run = $1";
        ask::execute(self.transaction, sql, &[&self.run]).await.map(drop)
    }

    /// Notes which commit made the lanes, or last added to them.
    async fn stamp(&self, seq: u64) -> Result<()> {
        let sql = "UPDATE lanes SET finished = $2 WHERE id = ANY ($1)";
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        ask::execute(self.transaction, sql, &[&self.stamped, &seq]).await.map(drop)
    }
}
