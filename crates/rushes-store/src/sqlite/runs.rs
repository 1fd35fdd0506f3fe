//! Runs: the entries of one recipe for one video, written in batches, seen all at once.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, OptionalExtension, Statement, Transaction, params};

use super::prepare::{Prepared, canonical};
use super::{change, videos};
use crate::change::Change;
use crate::error::{Error, Result};
use crate::model::{BlobHash, Kind, Recipe, Video, VideoId, Window};
use crate::store::{Finished, Older, Run, RunId};

/// Entries longer than this many seconds are in an index of their own (`entries_long`).
pub(super) const LONG: f64 = 60.0;

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
    Ok(Run { id: transaction.last_insert_rowid(), count: 0, last: None })
}

fn recipe_id(transaction: &Transaction<'_>, recipe: &Recipe) -> Result<i64> {
    let params = canonical(&recipe.params).to_string();
    let parts = params![recipe.tool, recipe.version, recipe.model, params];
    transaction
        .prepare_cached(
            "INSERT INTO recipes (tool, version, model, params) VALUES (?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )?
        .execute(parts)?;
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
struct Open {
    video: i64,
    recipe: i64,
}

fn open_run(transaction: &Transaction<'_>, run: RunId) -> Result<Open> {
    transaction
        .prepare_cached("SELECT video, recipe FROM runs WHERE id = ? AND open = 1")?
        .query_row([run], |row| Ok(Open { video: row.get(0)?, recipe: row.get(1)? }))
        .optional()?
        .ok_or_else(|| Error::NotFound(format!("run {run} is not open: finished or dropped")))
}

/// Writes a batch into a run; returns how many entries were new.
pub(super) fn write(transaction: &Transaction<'_>, run: RunId, batch: &[Prepared]) -> Result<u64> {
    let open = open_run(transaction, run)?;
    let mut lanes: Vec<Staged> = Vec::new();
    let mut insert = Insert::new(transaction)?;
    for entry in batch {
        let at = match lanes.iter().position(|lane| lane.kind == entry.kind) {
            Some(at) => at,
            None => {
                lanes.push(Staged::open(transaction, run, &open, &entry.kind)?);
                lanes.len() - 1
            }
        };
        let lane = &mut lanes[at];
        if !lane.knows(transaction, entry)? {
            insert.row(lane.id, entry)?;
            lane.note(entry);
        }
    }
    insert.finish(transaction)?;
    lanes.iter().map(|lane| lane.save(transaction)).sum()
}

/// Inserts entries, giving out ids that were never used.
struct Insert<'t> {
    next: i64,
    entry: rusqlite::CachedStatement<'t>,
    text: rusqlite::CachedStatement<'t>,
}

impl<'t> Insert<'t> {
    fn new(transaction: &'t Transaction<'_>) -> Result<Self> {
        // The greatest id counts too, should somebody else have written rows into the file.
        let next = transaction.query_row(
            "SELECT max(next_entry, coalesce((SELECT max(id) FROM entries), 0) + 1) FROM library",
            [],
            |row| row.get(0),
        )?;
        let entry = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let text = "INSERT INTO entries_text (rowid, text) VALUES (?, ?)";
        Ok(Self {
            next,
            entry: transaction.prepare_cached(entry)?,
            text: transaction.prepare_cached(text)?,
        })
    }

    fn row(&mut self, lane: i64, entry: &Prepared) -> Result<()> {
        let id = self.next;
        self.next += 1;
        self.entry.execute(params![
            id,
            lane,
            entry.starts,
            entry.ends,
            entry.estimated,
            entry.digest,
            entry.data,
            entry.text,
            entry.label,
            entry.blob,
        ])?;
        if let Some(text) = &entry.text {
            self.text.execute(params![id, text])?;
        }
        Ok(())
    }

    fn finish(self, transaction: &Transaction<'_>) -> Result<()> {
        transaction.prepare_cached("UPDATE library SET next_entry = ?")?.execute([self.next])?;
        Ok(())
    }
}

/// A lane of an open run while a batch is written into it.
struct Staged {
    id: i64,
    kind: Kind,
    /// The lane that it will be joined to, where earlier runs of the recipe left one.
    joins: Option<i64>,
    /// The greatest start in either; what starts later is surely new.
    last: f64,
    /// The digests of entries that start at `at`, in either.
    at: f64,
    known: HashSet<i64>,
    count: u64,
    longest: f64,
    long: bool,
    ends: f64,
}

impl Staged {
    fn open(transaction: &Transaction<'_>, run: RunId, open: &Open, kind: &Kind) -> Result<Self> {
        let id = staged_lane(transaction, run, open, kind)?;
        let joins = visible_lane(transaction, open, kind)?;
        let last: Option<f64> = transaction
            .prepare_cached("SELECT max((SELECT max(starts) FROM entries WHERE lane = l.id)) FROM lanes l WHERE l.id IN (?, ?)")?
            .query_row(params![id, joins], |row| row.get(0))?;
        Ok(Self {
            id,
            kind: kind.clone(),
            joins,
            last: last.unwrap_or(f64::NEG_INFINITY),
            at: f64::NEG_INFINITY,
            known: HashSet::new(),
            count: 0,
            longest: 0.0,
            long: false,
            ends: f64::NEG_INFINITY,
        })
    }

    /// Whether the entry is in the lane already. Batches mostly come in time order, so this
    /// mostly needs no query.
    fn knows(&mut self, transaction: &Transaction<'_>, entry: &Prepared) -> Result<bool> {
        if entry.starts != self.at {
            self.at = entry.starts;
            self.known.clear();
            if entry.starts <= self.last {
                self.load(transaction)?;
            }
        }
        Ok(self.known.contains(&entry.digest))
    }

    fn load(&mut self, transaction: &Transaction<'_>) -> Result<()> {
        let mut statement = transaction
            .prepare_cached("SELECT digest FROM entries WHERE lane IN (?, ?) AND starts = ?")?;
        let mut rows = statement.query(params![self.id, self.joins, self.at])?;
        while let Some(row) = rows.next()? {
            self.known.insert(row.get(0)?);
        }
        Ok(())
    }

    fn note(&mut self, entry: &Prepared) {
        self.known.insert(entry.digest);
        self.count += 1;
        self.last = self.last.max(entry.starts);
        self.ends = self.ends.max(entry.ends);
        let duration = entry.ends - entry.starts;
        if duration > LONG {
            self.long = true;
        } else {
            self.longest = self.longest.max(duration);
        }
    }

    fn save(&self, transaction: &Transaction<'_>) -> Result<u64> {
        if self.count > 0 {
            transaction
                .prepare_cached(
                    "UPDATE lanes SET count = count + ?2, longest = max(longest, ?3),
                     long = max(long, ?4), ends = max(coalesce(ends, ?5), ?5) WHERE id = ?1",
                )?
                .execute(params![self.id, self.count, self.longest, self.long, self.ends])?;
        }
        Ok(self.count)
    }
}

fn staged_lane(transaction: &Transaction<'_>, run: RunId, open: &Open, kind: &Kind) -> Result<i64> {
    let found = transaction
        .prepare_cached("SELECT id FROM lanes WHERE run = ? AND kind = ?")?
        .query_row(params![run, kind.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    transaction
        .prepare_cached("INSERT INTO lanes (video, kind, recipe, run) VALUES (?, ?, ?, ?)")?
        .execute(params![open.video, kind.as_str(), open.recipe, run])?;
    Ok(transaction.last_insert_rowid())
}

fn visible_lane(transaction: &Transaction<'_>, open: &Open, kind: &Kind) -> Result<Option<i64>> {
    Ok(transaction
        .prepare_cached(
            "SELECT id FROM lanes WHERE video = ? AND kind = ? AND recipe = ? AND run IS NULL",
        )?
        .query_row(params![open.video, kind.as_str(), open.recipe], |row| row.get(0))
        .optional()?)
}

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
        finished.added += finish.publish(run, &kind, &mut span)?;
        if older == Older::Replace {
            finish.replace(&kind, &mut span, &mut finished)?;
        }
        changes.extend(span.change(&finish.id, kind));
    }
    finish.close(run)?;
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

/// What a kind's commit touched: nothing, a lane without entries, or a span of time.
#[derive(Default)]
struct Span {
    touched: bool,
    window: Option<(f64, f64)>,
}

impl Span {
    fn add(&mut self, span: Option<(f64, f64)>) {
        self.touched = true;
        self.window = match (self.window, span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (one, other) => one.or(other),
        };
    }

    fn change(self, video: &VideoId, kind: Kind) -> Option<Change> {
        let (from, to) = self.window.unwrap_or((0.0, 0.0));
        let window = Window { from, to };
        self.touched.then(|| Change::Entries { video: video.clone(), kind, window })
    }
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
        Ok(())
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

/// Drops a run and its entries; returns the blobs that nothing refers to any more.
pub(super) fn abort(transaction: &Transaction<'_>, run: RunId) -> Result<Vec<BlobHash>> {
    open_run(transaction, run)?;
    let blobs = drop_run(transaction, run)?;
    videos::unused(transaction, blobs)
}

fn drop_run(transaction: &Transaction<'_>, run: RunId) -> Result<Vec<BlobHash>> {
    let mut blobs = Vec::new();
    let lanes = ids(&mut transaction.prepare("SELECT id FROM lanes WHERE run = ?")?, run)?;
    for lane in lanes {
        blobs.extend(remove_lane(transaction, lane)?);
    }
    transaction.execute("DELETE FROM runs WHERE id = ?", [run])?;
    Ok(blobs)
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
    let blobs = transaction
        .prepare_cached("SELECT DISTINCT blob FROM entries WHERE lane = ? AND blob IS NOT NULL")?
        .query_map([lane], |row| row.get(0).map(BlobHash))?
        .collect::<rusqlite::Result<_>>()?;
    // The index over text is told the old words; it keeps no copy of them.
    transaction.execute(
        "INSERT INTO entries_text (entries_text, rowid, text)
         SELECT 'delete', id, text FROM entries WHERE lane = ? AND text IS NOT NULL",
        [lane],
    )?;
    transaction.execute("DELETE FROM entries WHERE lane = ?", [lane])?;
    transaction.execute("DELETE FROM lanes WHERE id = ?", [lane])?;
    Ok(blobs)
}
