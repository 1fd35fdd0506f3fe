//! Entries from the parser's thread to the store, batch by batch.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt};
use rushes_store::{Kind, NewEntry, RunId, Store};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::fault::{Entries, Fault};
use super::options::Rejected;
use super::plan::{Plan, unreadable};
use crate::error::{Error, Kind as ErrorKind, Result};

/// Entries written in one transaction, at most: larger ones write the same pages of the indexes
/// less often, and keep other writers out for longer.
const BATCH: usize = 8000;

/// The same in bytes of data, about.
const BATCH_BYTES: usize = 8 << 20;

/// Batches waiting for the writer; the parser waits when there are more.
const WAITING: usize = 1;

/// Batches being written: one in the database, while the next is made ready for it.
const WRITING: usize = 2;

/// How many of the rejected records are told.
const TOLD: usize = 10;

/// What reading the file came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Entries read.
    read: u64,
    /// New ones, by kind.
    pub(super) added: BTreeMap<String, u64>,
    /// Kinds that were computed.
    pub(super) kinds: BTreeSet<Kind>,
    /// Records that were passed over.
    pub(super) rejected: u64,
    /// The first of them.
    pub(super) rejections: Vec<Rejected>,
}

impl Tally {
    /// Entries that were there already.
    pub(super) fn unchanged(&self) -> u64 {
        self.read.saturating_sub(self.added.values().sum())
    }
}

/// Reads all entries of the plan on a thread of its own and writes them into the run meanwhile.
pub(super) async fn fill(store: &dyn Store, run: RunId, plan: Plan, strict: bool) -> Result<Tally> {
    let (sender, batches) = mpsc::channel(WAITING);
    let Plan { origin, kind, entries, .. } = plan;
    let reading = tokio::task::spawn_blocking(move || read(entries, &origin, strict, &sender));
    let mut written = Tally::default();
    written.kinds.extend(kind);
    let write = |(kind, batch): Batch| async move {
        let read = batch.len() as u64;
        let added = store.run_write(run, batch).await?;
        Ok::<_, Error>((kind, read, added))
    };
    let mut writes = ReceiverStream::new(batches).map(write).buffered(WRITING);
    while let Some((kind, read, added)) = writes.try_next().await? {
        written.read += read;
        *written.added.entry(kind.to_string()).or_default() += added;
        written.kinds.insert(kind);
    }
    drop(writes);
    let (rejected, rejections) = reading.await.map_err(|error| {
        Error::caused(ErrorKind::Internal, "the reader of the file failed", error)
    })??;
    written.added.retain(|_, count| *count > 0);
    Ok(Tally { rejected, rejections, ..written })
}

/// Reads all entries of the plan; the first bad record is an error.
pub(super) fn check(plan: Plan) -> Result<()> {
    for entry in plan.entries {
        entry.map_err(|fault| unreadable(&plan.origin, fault))?;
    }
    Ok(())
}

type Batch = (Kind, Vec<NewEntry>);

/// Sends entries in batches of one kind, so that what is new can be told by kind. Ends early when
/// nobody takes them any more.
fn read(
    entries: Entries,
    origin: &str,
    strict: bool,
    sender: &mpsc::Sender<Batch>,
) -> Result<(u64, Vec<Rejected>)> {
    let mut waiting: BTreeMap<Kind, Vec<NewEntry>> = BTreeMap::new();
    let (mut count, mut bytes, mut sent) = (0, 0, false);
    let (mut rejected, mut rejections) = (0, Vec::new());
    for entry in entries {
        match entry {
            Ok(entry) => {
                bytes += rough_bytes(&entry.data);
                match waiting.get_mut(&entry.kind) {
                    Some(batch) => batch.push(entry),
                    None => _ = waiting.insert(entry.kind.clone(), vec![entry]),
                }
                count += 1;
            }
            Err(Fault::Record(bad)) if !strict => {
                rejected += 1;
                if rejections.len() < TOLD {
                    rejections.push(bad);
                }
            }
            Err(fault) => return Err(unreadable(origin, fault)),
        }
        if count >= BATCH || bytes >= BATCH_BYTES {
            (count, bytes, sent) = (0, 0, true);
            if !send(&mut waiting, sender) {
                break;
            }
        }
    }
    if count == 0 && !sent && rejected > 0 {
        return Err(nothing_good(origin, rejected, &rejections));
    }
    send(&mut waiting, sender);
    Ok((rejected, rejections))
}

/// What a value takes in memory, about: batches are bounded by it.
fn rough_bytes(value: &Value) -> usize {
    let within = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(rough_bytes).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| name.len() + rough_bytes(member)).sum()
        }
        _ => 0,
    };
    within + size_of::<Value>()
}

fn send(waiting: &mut BTreeMap<Kind, Vec<NewEntry>>, sender: &mpsc::Sender<Batch>) -> bool {
    std::mem::take(waiting).into_iter().all(|batch| sender.blocking_send(batch).is_ok())
}

/// A file of which not one record could be used is the wrong file, or read as the wrong format.
fn nothing_good(origin: &str, rejected: u64, rejections: &[Rejected]) -> Error {
    let first = rejections.first().map_or_else(String::new, ToString::to_string);
    let all = if rejected == 1 { String::new() } else { format!(" (and {} more)", rejected - 1) };
    Error::new(
        ErrorKind::Unsupported,
        format!("{origin}: nothing in it could be imported; {first}{all}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: usize, text: usize) -> Entries {
        let entry = move |at: usize| NewEntry {
            kind: Kind::new("caption").unwrap(),
            start: at as f64,
            end: at as f64,
            estimated: false,
            data: serde_json::json!({"text": "x".repeat(text)}),
            text: None,
            label: None,
            blob: None,
        };
        Box::new((0..count).map(move |at| Ok(entry(at))))
    }

    fn batches(entries: Entries) -> Vec<usize> {
        let (sender, mut batches) = mpsc::channel(100);
        read(entries, "a file", true, &sender).unwrap();
        drop(sender);
        std::iter::from_fn(|| Some(batches.blocking_recv()?.1.len())).collect()
    }

    #[test]
    fn batches_are_bounded_by_entries_and_by_bytes() {
        assert_eq!(batches(entries(BATCH + 1, 1)), [BATCH, 1]);
        assert_eq!(batches(entries(5, BATCH_BYTES / 2)), [2, 2, 1]);
    }
}
