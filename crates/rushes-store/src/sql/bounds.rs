//! The bounds of an answer.

use super::statement::Query;
use super::value::{Rows, SqlValue};
use crate::error::{Error, Result};

/// An answer on its way in, which may grow to the bounds of its query.
pub(crate) struct Gathered<'q> {
    query: &'q Query,
    bytes: usize,
    pub(crate) rows: Rows,
}

impl<'q> Gathered<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        Self { query, bytes: 0, rows: Rows::default() }
    }

    /// Takes one more row. [`Error::TooLarge`] when it is one too many.
    pub(crate) fn add(&mut self, row: Vec<SqlValue>) -> Result<()> {
        let size = |value: &SqlValue| size_of::<SqlValue>() + value.heap_bytes();
        self.bytes += row.iter().map(size).sum::<usize>();
        if self.rows.rows.len() >= self.query.rows {
            return Err(too_many(&format!("{} rows", self.query.rows)));
        }
        if self.bytes > self.query.bytes {
            return Err(too_many(&format!("{} MB", self.query.bytes >> 20)));
        }
        self.rows.rows.push(row);
        Ok(())
    }
}

fn too_many(bound: &str) -> Error {
    Error::TooLarge(format!("the answer is more than {bound}; narrow it, or page with LIMIT"))
}

/// What a statement is told that ran out of time.
pub(crate) fn out_of_time(query: &Query) -> Error {
    Error::TooLarge(format!(
        "stopped after {:.1} s: narrow the statement, see `rushes sql --explain`, or raise \
         sql_timeout",
        query.timeout.as_secs_f64()
    ))
}

/// What is wrong when a statement has more or fewer placeholders than values.
pub(crate) fn mismatch(wanted: usize, given: usize) -> Error {
    Error::Invalid(format!(
        "the statement has {wanted} placeholders, but {given} values were given"
    ))
}
