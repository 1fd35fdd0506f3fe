//! Our own form as one JSON text: an array of records, `{"entries": [...]}`, or one record.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::context::Context;
use super::fault::{Entries, Fault, Parsed, TOO_LARGE, json_fault};
use super::lines::Text;
use super::outline::{Cut, Outline, Piece};
use super::record::Record;

/// Yields the entries of a JSON text.
pub(super) fn entries(text: Text, context: Arc<Context>) -> Entries {
    let outline = Outline::new(text, &["entries"]);
    Box::new(Records { outline, context, members: Some(Map::new()) })
}

struct Records {
    outline: Outline,
    context: Arc<Context>,
    /// The members of an outermost object that has shown no `entries` yet: they may be the one
    /// record.
    members: Option<Map<String, Value>>,
}

impl Iterator for Records {
    type Item = Parsed;

    fn next(&mut self) -> Option<Parsed> {
        loop {
            match self.outline.next() {
                Some(Ok(Piece::Array(_))) => self.members = None,
                Some(Ok(Piece::Element(_, cut))) => {
                    self.members = None;
                    return Some(element(&cut, &self.context));
                }
                Some(Ok(Piece::Member(name, cut))) => {
                    if let Err(fault) = self.keep(name, &cut) {
                        self.members = None;
                        return Some(Err(fault));
                    }
                }
                Some(Err(fault)) => return Some(Err(fault)),
                None => return self.the_one(),
            }
        }
    }
}

impl Records {
    fn keep(&mut self, name: String, cut: &Cut) -> Result<(), Fault> {
        let Some(members) = &mut self.members else { return Ok(()) };
        let bytes = cut.bytes.as_deref().ok_or_else(|| Fault::element(cut, TOO_LARGE))?;
        let value = serde_json::from_slice(bytes);
        let value = value.map_err(|error| Fault::element(cut, json_fault(error)))?;
        members.insert(name, value);
        Ok(())
    }

    /// The record that the whole text is, if it was an object of members only.
    fn the_one(&mut self) -> Option<Parsed> {
        let members = self.members.take().filter(|members| !members.is_empty())?;
        Some(Record::of(members).entry(&self.context).map_err(|why| Fault::line(1, why)))
    }
}

fn element(cut: &Cut, context: &Context) -> Parsed {
    let bytes = cut.bytes.as_deref().ok_or_else(|| Fault::element(cut, TOO_LARGE))?;
    Record::read(bytes)
        .map_err(json_fault)
        .and_then(|record| record.entry(context))
        .map_err(|why| Fault::element(cut, why))
}
