//! Entries made ready for their row on the caller's thread, so that who writes only writes.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::{Kind, NewEntry};

/// Nesting that JSON readers, ours included, accept.
const DEEPEST: usize = 120;

/// Entries longer than this many seconds are in an index of their own (`entries_long`).
pub(crate) const LONG: f64 = 60.0;

/// An entry as its row will be.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) kind: Kind,
    pub(crate) starts: f64,
    pub(crate) ends: f64,
    pub(crate) estimated: bool,
    pub(crate) digest: i64,
    pub(crate) data: String,
    pub(crate) text: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) blob: Option<[u8; 32]>,
}

/// Checks a batch and computes what its rows need. The first bad entry refuses all.
pub(crate) fn prepare(entries: Vec<NewEntry>) -> Result<Vec<Prepared>> {
    entries.into_iter().map(prepare_one).collect()
}

fn prepare_one(entry: NewEntry) -> Result<Prepared> {
    entry.check()?;
    let digest = digest(&entry)?;
    let data = serde_json::to_string(&entry.data)
        .map_err(|error| Error::Invalid(format!("data is not JSON: {error}")))?;
    Ok(Prepared {
        kind: entry.kind,
        // Adding 0 turns -0 into 0: they are one time and must not sort or compare as two.
        starts: entry.start + 0.0,
        ends: entry.end + 0.0,
        estimated: entry.estimated,
        digest,
        data,
        text: entry.text.filter(|text| !text.trim().is_empty()),
        label: entry.label.map(|label| fold(&label)),
        blob: entry.blob.map(|hash| hash.0),
    })
}

/// A label as it is compared.
pub(crate) fn fold(label: &str) -> String {
    label.trim().to_lowercase()
}

/// The leading 64 bits of BLAKE3 over all that makes an entry what it is, save its lane and start,
/// by which it is looked up. Objects count as equal whatever the order of their keys.
fn digest(entry: &NewEntry) -> Result<i64> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(entry.end + 0.0).to_bits().to_le_bytes());
    hasher.update(&[u8::from(entry.estimated)]);
    for text in [&entry.text, &entry.label] {
        feed(&mut hasher, b't', text.as_deref().unwrap_or_default());
    }
    hasher.update(entry.blob.as_ref().map_or(&[], |hash| hash.0.as_slice()));
    feed_json(&mut hasher, &entry.data, 0)?;
    let mut leading = [0; 8];
    hasher.finalize_xof().fill(&mut leading);
    Ok(i64::from_le_bytes(leading))
}

/// Feeds a tagged text with its length, so that no two sequences of texts feed the same bytes.
fn feed(hasher: &mut blake3::Hasher, tag: u8, text: &str) {
    hasher.update(&[tag]);
    hasher.update(&text.len().to_le_bytes());
    hasher.update(text.as_bytes());
}

fn feed_json(hasher: &mut blake3::Hasher, value: &Value, depth: usize) -> Result<()> {
    if depth > DEEPEST {
        return Err(Error::Invalid(format!("data is nested more than {DEEPEST} levels deep")));
    }
    match value {
        Value::Null => feed(hasher, b'n', ""),
        Value::Bool(value) => feed(hasher, b'b', if *value { "1" } else { "" }),
        Value::Number(number) => feed(hasher, b'd', &number.to_string()),
        Value::String(text) => feed(hasher, b's', text),
        Value::Array(items) => {
            feed(hasher, b'a', &items.len().to_string());
            for item in items {
                feed_json(hasher, item, depth + 1)?;
            }
        }
        Value::Object(members) => {
            feed(hasher, b'o', &members.len().to_string());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (name, member) in members {
                feed(hasher, b'k', name);
                feed_json(hasher, member, depth + 1)?;
            }
        }
    }
    Ok(())
}

/// A recipe's parameters with keys in order at every level.
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        Value::Object(members) => {
            let mut sorted: Vec<_> =
                members.iter().map(|(name, member)| (name.clone(), canonical(member))).collect();
            sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            Value::Object(sorted.into_iter().collect())
        }
        other => other.clone(),
    }
}
