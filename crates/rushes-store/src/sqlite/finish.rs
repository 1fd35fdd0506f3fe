//! Finishing a run: its lanes become visible, older ones may go, all in one commit.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction, params};

use super::runs::{Open, forget_again, open_run, remove_entries, remove_lane, visible_lane};
use super::sql::generations::touch;
use super::{change, videos};
use crate::change::{Change, Family, Span};
use crate::error::{Error, Result};
use crate::model::{Kind, Video, VideoId};
use crate::store::{Finished, Older, RunId};

/// Makes a run's entries visible, and with them, if given, the video.
pub(super) fn finish(
    transaction: &Transaction<'_>,
    run: RunId,
    video: Option<&Video>,
    kinds: &[Kind],
    older: Older,
) -> Result<Finished> {
    let open = open_run(transaction, run)?;
    let id = video_of(transaction, &open, video)?;
    let mut finish = Finish { transaction, open, seq: change::seq(transaction)? + 1, id };
    let mut finished =
        Finished { added: 0, removed: 0, blobs: Vec::new(), change: Default::default() };
    let mut changes: Vec<Change> =
        video.map(|video| Change::Video(video.id.clone())).into_iter().collect();
    for kind in finish.kinds(run, kinds)? {
        let mut span = Span::default();
        if older != Older::Keep {
            finish.drop_outdated(run, &kind, &mut span, &mut finished)?;
        }
        finished.added += finish.publish(run, &kind, &mut span)?;
        if older == Older::Replace {
            finish.replace(&kind, &mut span, &mut finished)?;
        }
        changes.extend(span.change(&finish.id, kind));
    }
    finish.close(run)?;
    touch(transaction, Family::Entries, Some(finish.id.as_str()))?;
    finished.blobs = videos::unused(transaction, std::mem::take(&mut finished.blobs))?;
    if !changes.is_empty() {
        finished.change = change::commit(transaction, changes)?;
    }
    Ok(finished)
}

/// The id of the run's video, which becomes or must be visible.
fn video_of(transaction: &Transaction<'_>, open: &Open, video: Option<&Video>) -> Result<VideoId> {
    if let Some(video) = video {
        videos::upsert(transaction, video)?;
    }
    let sql = "SELECT id, ready FROM videos WHERE row = ?";
    let (id, ready): (String, bool) =
        transaction.query_row(sql, [open.video], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if video.is_some_and(|video| video.id.as_str() != id) {
        return Err(Error::Invalid(format!("the run is of video {id}, not of the one given")));
    }
    if !ready {
        return Err(Error::NotFound(format!("video {id} is not in the library (any more)")));
    }
    VideoId::parse(&id)
}

struct Finish<'t> {
    transaction: &'t Transaction<'t>,
    open: Open,
    id: VideoId,
    /// The commit that this will be.
    seq: u64,
}

impl Finish<'_> {
    /// The kinds that were computed: those named, and those written.
    fn kinds(&self, run: RunId, named: &[Kind]) -> Result<BTreeSet<Kind>> {
        let mut kinds: BTreeSet<Kind> = named.iter().cloned().collect();
        let mut statement =
            self.transaction.prepare_cached("SELECT kind FROM lanes WHERE run = ?")?;
        let mut rows = statement.query([run])?;
        while let Some(row) = rows.next()? {
            kinds.insert(Kind::new(&row.get::<_, String>(0)?)?);
        }
        Ok(kinds)
    }

    /// Makes the run's lane of a kind visible; returns how many entries came with it.
    fn publish(&mut self, run: RunId, kind: &Kind, span: &mut Span) -> Result<u64> {
        let joins = visible_lane(self.transaction, &self.open, kind)?;
        let staged = lane_of_run(self.transaction, run, kind)?;
        let Some((lane, count)) = staged else {
            if joins.is_none() {
                self.add_empty(kind)?;
                span.add(None);
            }
            return Ok(0);
        };
        if count > 0 || joins.is_none() {
            span.add(span_of(self.transaction, lane)?);
        }
        match joins {
            Some(visible) => self.join(lane, count, visible)?,
            None => self.show(lane)?,
        }
        Ok(count)
    }

    fn add_empty(&self, kind: &Kind) -> Result<()> {
        let sql = "INSERT INTO lanes (video, kind, recipe, finished) VALUES (?, ?, ?, ?)";
        self.transaction.prepare_cached(sql)?.execute(params![
            self.open.video,
            kind.as_str(),
            self.open.recipe,
            self.seq
        ])?;
        Ok(())
    }

    fn show(&self, lane: i64) -> Result<()> {
        let sql = "UPDATE lanes SET run = NULL, finished = ? WHERE id = ?";
        self.transaction.prepare_cached(sql)?.execute(params![self.seq, lane])?;
        Ok(())
    }

    /// Joins the staged lane with the visible one of the same recipe, by moving the entries of
    /// the smaller.
    fn join(&self, staged: i64, count: u64, visible: i64) -> Result<()> {
        if count == 0 {
            return self.delete(staged);
        }
        let there: u64 = self.transaction.query_row(
            "SELECT count FROM lanes WHERE id = ?",
            [visible],
            |row| row.get(0),
        )?;
        let (from, to) = if count > there { (visible, staged) } else { (staged, visible) };
        let merge = "UPDATE lanes SET count = lanes.count + o.count,
            longest = max(lanes.longest, o.longest), long = max(lanes.long, o.long),
            ends = max(coalesce(lanes.ends, o.ends), coalesce(o.ends, lanes.ends))
            FROM lanes o WHERE o.id = ? AND lanes.id = ?";
        self.transaction.execute(merge, [from, to])?;
        self.transaction.execute("UPDATE entries SET lane = ?2 WHERE lane = ?1", [from, to])?;
        self.delete(from)?;
        self.show(to)
    }

    fn delete(&self, lane: i64) -> Result<()> {
        self.transaction.prepare_cached("DELETE FROM lanes WHERE id = ?")?.execute([lane])?;
        Ok(())
    }

    /// Removes what this recipe made of a kind before and the run did not write again.
    fn drop_outdated(
        &self,
        run: RunId,
        kind: &Kind,
        span: &mut Span,
        finished: &mut Finished,
    ) -> Result<()> {
        let Some(lane) = visible_lane(self.transaction, &self.open, kind)? else { return Ok(()) };
        let outdated = "lane = ?1 AND NOT EXISTS
            (SELECT 1 FROM temp.again a WHERE a.run = ?2 AND a.entry = entries.id)";
        let sql = format!("SELECT count(*), min(starts), max(ends) FROM entries WHERE {outdated}");
        let (count, low, high): (u64, Option<f64>, Option<f64>) =
            self.transaction
                .query_row(&sql, [lane, run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if count == 0 {
            return Ok(());
        }
        span.add(low.zip(high));
        finished.removed += count;
        finished.blobs.extend(remove_entries(self.transaction, outdated, [lane, run])?);
        self.transaction.execute(
            "UPDATE lanes SET count = count - ?2, finished = ?3 WHERE id = ?1",
            params![lane, count, self.seq],
        )?;
        Ok(())
    }

    /// Removes what other recipes made of a kind.
    fn replace(&self, kind: &Kind, span: &mut Span, finished: &mut Finished) -> Result<()> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT id, recipe, count FROM lanes
             WHERE video = ? AND kind = ? AND recipe <> ? AND run IS NULL",
        )?;
        let which = params![self.open.video, kind.as_str(), self.open.recipe];
        let lanes: Vec<(i64, i64, u64)> = statement
            .query_map(which, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (lane, recipe, count) in lanes {
            span.add(span_of(self.transaction, lane)?);
            finished.removed += count;
            finished.blobs.extend(remove_lane(self.transaction, lane)?);
            // That recipe has to run again, should somebody want its entries back.
            self.transaction.execute(
                "DELETE FROM runs WHERE video = ? AND recipe = ? AND open = 0",
                [self.open.video, recipe],
            )?;
        }
        Ok(())
    }

    fn close(&self, run: RunId) -> Result<()> {
        let (video, recipe) = (self.open.video, self.open.recipe);
        self.transaction.execute(
            "DELETE FROM runs WHERE video = ? AND recipe = ? AND open = 0",
            [video, recipe],
        )?;
        self.transaction.execute("UPDATE runs SET open = 0 WHERE id = ?", [run])?;
        forget_again(self.transaction, run)
    }
}

fn lane_of_run(
    transaction: &Transaction<'_>,
    run: RunId,
    kind: &Kind,
) -> Result<Option<(i64, u64)>> {
    Ok(transaction
        .prepare_cached("SELECT id, count FROM lanes WHERE run = ? AND kind = ?")?
        .query_row(params![run, kind.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// From the first start to the last end of a lane's entries, seconds.
fn span_of(transaction: &Transaction<'_>, lane: i64) -> Result<Option<(f64, f64)>> {
    let (low, high): (Option<f64>, Option<f64>) = transaction
        .prepare_cached(
            "SELECT (SELECT min(starts) FROM entries WHERE lane = ?1), ends FROM lanes
             WHERE id = ?1",
        )?
        .query_row([lane], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(low.zip(high))
}
