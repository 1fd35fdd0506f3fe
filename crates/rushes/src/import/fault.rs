//! Why something could not be read: one record, or the whole file.

use super::options::Rejected;
use super::outline::Cut;
use crate::error::bounded;
use rushes_store::NewEntry;

/// What a parser yields: an entry, or why there is none.
pub(super) type Parsed = Result<NewEntry, Fault>;

/// Entries as they are read from a file.
pub(super) type Entries = Box<dyn Iterator<Item = Parsed> + Send>;

/// What is wrong with a file.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// One record; those after it may be good.
    Record(Rejected),
    /// The file from here on; nothing of it is imported.
    File(String),
}

impl Fault {
    /// One record, at this line.
    pub(super) fn line(line: u64, why: impl Into<String>) -> Self {
        Self::Record(Rejected { line: Some(line), record: None, why: shortened(why) })
    }

    /// One element of a JSON array, or member of an object.
    pub(super) fn element(cut: &Cut, why: impl Into<String>) -> Self {
        Self::Record(Rejected { line: Some(cut.line), record: cut.number, why: shortened(why) })
    }

    /// One record that is known by its number only.
    pub(super) fn numbered(record: u64, why: impl Into<String>) -> Self {
        Self::Record(Rejected { line: None, record: Some(record), why: shortened(why) })
    }

    /// The file could not be read.
    #[allow(clippy::needless_pass_by_value)] // handed to `map_err`
    pub(super) fn io(error: std::io::Error) -> Self {
        Self::File(format!("cannot be read: {error}"))
    }
}

/// A reason of bounded length: it tells again what stands in the file.
fn shortened(why: impl Into<String>) -> String {
    bounded(&why.into()).into_owned()
}

/// Why a record was not read that is larger than memory should hold.
pub(super) const TOO_LARGE: &str = "larger than 16 MB; split it";

/// Says what is wrong with a record that is not the JSON expected, without serde's line, which
/// counts from the record's start.
#[allow(clippy::needless_pass_by_value)] // handed to `map_err`
pub(super) fn json_fault(error: serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    if what.starts_with("recursion limit") {
        return "nested deeper than 128 levels".to_owned();
    }
    match error.classify() {
        serde_json::error::Category::Data => what.to_owned(),
        _ => format!("not JSON: {what} at column {}", error.column()),
    }
}
