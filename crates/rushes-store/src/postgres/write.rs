//! Writing a batch of entries into an open run: what is new goes in by one COPY.

use std::collections::{HashMap, HashSet};
use std::pin::pin;

use deadpool_postgres::Transaction;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use super::change::touch;
use super::rows::JsonText;
use super::runs::{Open, open_run};
use super::text::pack;
use super::words::Worded;
use super::{ask, lanes};
use crate::change::Family;
use crate::error::Result;
use crate::model::Kind;
use crate::prepare::{LONG, Prepared};
use crate::store::RunId;

/// An entry as its row will be.
#[derive(Debug)]
pub(super) struct NewRow {
    pub(super) prepared: Prepared,
    pub(super) words: Option<Worded>,
    /// How sure its detector was, for those with a class.
    pub(super) score: Option<f64>,
}

/// Writes a batch into a run; returns how many entries were new.
pub(super) async fn write(
    transaction: &Transaction<'_>,
    run: RunId,
    batch: &[NewRow],
) -> Result<u64> {
    let open = open_run(transaction, run).await?;
    let mut staged: HashMap<&Kind, Staged> = HashMap::new();
    for row in batch {
        if !staged.contains_key(&row.prepared.kind) {
            let lane = Staged::open(transaction, run, &open, &row.prepared.kind).await?;
            staged.insert(&row.prepared.kind, lane);
        }
    }
    let known = Known::look_up(transaction, run, batch, &staged).await?;
    let mut new: Vec<(i64, &NewRow)> = Vec::new();
    let mut in_batch = HashSet::new();
    for row in batch {
        let Some(lane) = staged.get_mut(&row.prepared.kind) else { continue };
        let key = Key::of(lane.id, &row.prepared);
        if !known.0.contains(&key) && in_batch.insert(key) {
            lane.note(row);
            new.push((lane.id, row));
        }
    }
    copy(transaction, &new).await?;
    for lane in staged.values() {
        lane.save(transaction).await?;
    }
    touch(transaction, &[(Family::Entries, Some(&open.id))]).await?;
    Ok(new.len() as u64)
}

/// A lane of an open run while a batch is written into it.
struct Staged {
    id: i64,
    /// The lane that it will be joined to, where earlier runs of the recipe left one.
    joins: Option<i64>,
    /// The greatest start in either; what starts later is surely new.
    last: f64,
    count: i64,
    longest: f64,
    long: bool,
    ends: f64,
    texts: i64,
    words: i64,
}

impl Staged {
    async fn open(
        transaction: &Transaction<'_>,
        run: RunId,
        open: &Open,
        kind: &Kind,
    ) -> Result<Self> {
        let id = lanes::stage(transaction, run, open, kind).await?;
        let joins = lanes::visible(transaction, open, kind).await?;
        let sql = "SELECT greatest((SELECT max(starts) FROM entries WHERE lane = $1),
                                   (SELECT max(starts) FROM entries WHERE lane = $2))";
        let last: Option<f64> = ask::row(transaction, sql, &[&id, &joins]).await?.try_get(0)?;
        Ok(Self {
            id,
            joins,
            last: last.unwrap_or(f64::NEG_INFINITY),
            count: 0,
            longest: 0.0,
            long: false,
            ends: f64::NEG_INFINITY,
            texts: 0,
            words: 0,
        })
    }

    fn note(&mut self, row: &NewRow) {
        let duration = row.prepared.ends - row.prepared.starts;
        self.count += 1;
        self.ends = self.ends.max(row.prepared.ends);
        if duration > LONG {
            self.long = true;
        } else {
            self.longest = self.longest.max(duration);
        }
        if let Some(words) = &row.words {
            self.texts += 1;
            self.words += words.count;
        }
    }

    async fn save(&self, transaction: &Transaction<'_>) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let sql = "UPDATE lanes SET count = count + $2, longest = greatest(longest, $3),
            long = long OR $4, ends = greatest(ends, $5), texts = texts + $6, words = words + $7
            WHERE id = $1";
        ask::execute(
            transaction,
            sql,
            &[
                &self.id,
                &self.count,
                &self.longest,
                &self.long,
                &self.ends,
                &self.texts,
                &self.words,
            ],
        )
        .await
        .map(drop)
    }
}

/// What makes an entry itself: the lane that it is staged in, its start, its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    lane: i64,
    starts: u64,
    digest: i64,
}

impl Key {
    fn of(lane: i64, entry: &Prepared) -> Self {
        Self { lane, starts: entry.starts.to_bits(), digest: entry.digest }
    }
}

/// Entries of a batch that are there already, staged or visible.
struct Known(HashSet<Key>);

impl Known {
    /// Looks entries up that start where others already do, or before; visible ones are noted as
    /// written again. Batches mostly come in time order, so this mostly asks nothing.
    async fn look_up(
        transaction: &Transaction<'_>,
        run: RunId,
        batch: &[NewRow],
        staged: &HashMap<&Kind, Staged>,
    ) -> Result<Self> {
        let (mut lanes, mut joins) = (Vec::new(), Vec::new());
        let (mut starts, mut digests) = (Vec::new(), Vec::new());
        for NewRow { prepared, .. } in batch {
            let Some(lane) = staged.get(&prepared.kind) else { continue };
            if prepared.starts <= lane.last {
                lanes.push(lane.id);
                joins.push(lane.joins);
                starts.push(prepared.starts);
                digests.push(prepared.digest);
            }
        }
        if lanes.is_empty() {
            return Ok(Self(HashSet::new()));
        }
        let sql = "WITH there AS (
                SELECT t.lane, t.starts, t.digest, e.id, e.lane <> t.lane AS visible
                FROM unnest($1::bigint[], $2::bigint[], $3::float8[], $4::bigint[])
                     AS t (lane, joins, starts, digest)
                JOIN entries e ON e.lane IN (t.lane, t.joins) AND e.starts = t.starts
                     AND e.digest = t.digest
            ), noted AS (
                INSERT INTO again SELECT $5, id FROM there WHERE visible ON CONFLICT DO NOTHING
            )
            SELECT lane, starts, digest FROM there";
        let found = ask::rows(transaction, sql, &[&lanes, &joins, &starts, &digests, &run]).await?;
        let mut known = HashSet::new();
        for row in found {
            let starts = row.try_get::<_, f64>(1)?.to_bits();
            known.insert(Key { lane: row.try_get(0)?, starts, digest: row.try_get(2)? });
        }
        Ok(Self(known))
    }
}

const COPY: &str = "COPY entries (lane, starts, ends, estimated, long, digest, data, text, words, \
                    length, label, score, blob) FROM STDIN (FORMAT binary)";
const TYPES: [Type; 13] = [
    Type::INT8,
    Type::FLOAT8,
    Type::FLOAT8,
    Type::BOOL,
    Type::BOOL,
    Type::INT8,
    Type::JSON,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::TEXT,
    Type::FLOAT8,
    Type::BYTEA,
];

/// Inserts entries, which get their ids in this order.
async fn copy(transaction: &Transaction<'_>, new: &[(i64, &NewRow)]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let sink = transaction.copy_in(COPY).await?;
    let mut rows = pin!(BinaryCopyInWriter::new(sink, &TYPES));
    for (lane, NewRow { prepared, words, score }) in new {
        rows.as_mut()
            .write(&[
                lane,
                &prepared.starts,
                &prepared.ends,
                &prepared.estimated,
                &(prepared.ends - prepared.starts > LONG),
                &prepared.digest,
                &JsonText(&prepared.data),
                &prepared.text.as_deref().map(pack),
                &words.as_ref().map(|words| words.folded.as_str()),
                &words.as_ref().map(|words| words.count),
                &prepared.label.as_deref().map(pack),
                score,
                &prepared.blob.as_ref().map(<[u8; 32]>::as_slice),
            ])
            .await?;
    }
    rows.finish().await?;
    Ok(())
}
