//! Writing a batch of entries into an open run.

use std::collections::HashMap;

use rusqlite::{CachedStatement, OptionalExtension, Transaction, params};

use super::runs::{Open, open_run, visible_lane};
use super::sql::generations::touch_entries;
use crate::error::Result;
use crate::model::{EntryId, Kind};
use crate::prepare::{LONG, Prepared};
use crate::store::RunId;

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
    touch_entries(transaction, open.video)?;
    lanes.iter().map(|lane| lane.save(transaction)).sum()
}

/// Inserts entries, giving out ids that were never used.
struct Insert<'t> {
    next: i64,
    entry: CachedStatement<'t>,
    text: CachedStatement<'t>,
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

/// Where an entry is already.
#[derive(Clone, Copy, Debug)]
enum There {
    /// In the run itself.
    Staged,
    /// In the visible lane that the run will be joined to.
    Visible(EntryId),
}

/// A lane of an open run while a batch is written into it.
struct Staged {
    id: i64,
    run: RunId,
    kind: Kind,
    /// The lane that it will be joined to, where earlier runs of the recipe left one.
    joins: Option<i64>,
    /// The greatest start in either; what starts later is surely new.
    last: f64,
    /// The digests of entries that start at `at`, and where they are.
    at: f64,
    known: HashMap<i64, There>,
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
            run,
            kind: kind.clone(),
            joins,
            last: last.unwrap_or(f64::NEG_INFINITY),
            at: f64::NEG_INFINITY,
            known: HashMap::new(),
            count: 0,
            longest: 0.0,
            long: false,
            ends: f64::NEG_INFINITY,
        })
    }

    /// Whether the entry is in the lane already; a visible one is noted as written again. Batches
    /// mostly come in time order, so this mostly needs no query.
    fn knows(&mut self, transaction: &Transaction<'_>, entry: &Prepared) -> Result<bool> {
        if entry.starts != self.at {
            self.at = entry.starts;
            self.known.clear();
            if entry.starts <= self.last {
                self.load(transaction)?;
            }
        }
        match self.known.get(&entry.digest) {
            Some(There::Visible(id)) => self.note_again(transaction, *id).map(|()| true),
            Some(There::Staged) => Ok(true),
            None => Ok(false),
        }
    }

    fn note_again(&self, transaction: &Transaction<'_>, id: EntryId) -> Result<()> {
        transaction
            .prepare_cached("INSERT OR IGNORE INTO temp.again VALUES (?, ?)")?
            .execute([self.run, id])?;
        Ok(())
    }

    fn load(&mut self, transaction: &Transaction<'_>) -> Result<()> {
        let mut statement = transaction.prepare_cached(
            "SELECT digest, id, lane FROM entries WHERE lane IN (?, ?) AND starts = ?",
        )?;
        let mut rows = statement.query(params![self.id, self.joins, self.at])?;
        while let Some(row) = rows.next()? {
            let there = match row.get::<_, i64>(2)? {
                lane if lane == self.id => There::Staged,
                _ => There::Visible(row.get(1)?),
            };
            self.known.insert(row.get(0)?, there);
        }
        Ok(())
    }

    fn note(&mut self, entry: &Prepared) {
        self.known.insert(entry.digest, There::Staged);
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
