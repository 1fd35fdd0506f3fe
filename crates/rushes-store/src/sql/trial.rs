//! What the trying out of an index has in common, whichever database it is tried on.

use std::time::Duration;

use sqlparser::dialect::Dialect;

use super::advice::{Advice, Candidate, Example, Suggestion};
use super::insertion::{quoted, quoted_list};
use super::normal::normal;

/// Candidates that are tried for a statement.
pub(crate) const CANDIDATES: usize = 8;
/// How many times faster a statement must become.
pub(crate) const GAIN: u32 = 2;
/// A statement quicker than this is left alone.
const QUICK: Duration = Duration::from_micros(200);
/// Rows whose insertion is timed.
pub(crate) const SAMPLE: u32 = 1000;
/// What an index on trial is called.
pub(crate) const TRIED: &str = "rushes_tried";

impl Advice {
    /// Nothing yet.
    pub(crate) fn on(example: &Example, dialect: &dyn Dialect) -> Self {
        Self {
            statement: normal(&example.sql, dialect),
            count: example.count,
            total_micros: example.total_micros,
            warnings: Vec::new(),
            suggestion: None,
            note: None,
        }
    }

    /// Whether the statement needs no help; says so.
    pub(crate) fn is_quick(&mut self, time: Duration) -> bool {
        let quick = time < QUICK;
        if quick {
            self.note = Some("it is quick as it is".to_owned());
        }
        quick
    }

    /// Says that nothing helped, if nothing did.
    pub(crate) fn conclude(&mut self) {
        if self.suggestion.is_none() && self.note.is_none() {
            self.note = Some("no index made it twice as fast".to_owned());
        }
    }
}

impl Candidate {
    fn name(&self) -> String {
        let word = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let name = format!("{}_by_{}", self.table, self.columns.join("_"));
        name.chars().map(word).collect()
    }

    /// The statement that makes it.
    pub(crate) fn sql(&self, name: &str) -> String {
        let (name, table) = (quoted(name), quoted(&self.table));
        format!("CREATE INDEX {name} ON {table} ({})", quoted_list(&self.columns))
    }

    /// What came of trying it.
    pub(crate) fn suggestion(
        &self,
        before: Duration,
        after: Duration,
        write_cost_percent: Option<f64>,
        bytes: u64,
    ) -> Suggestion {
        Suggestion {
            sql: self.sql(&self.name()),
            before_micros: micros(before),
            after_micros: micros(after),
            write_cost_percent,
            bytes,
        }
    }
}

/// How much longer the one time is than the other, in percent, to one decimal.
pub(crate) fn percent_more(with: Duration, without: Duration) -> f64 {
    let ratio = with.as_secs_f64() / without.as_secs_f64().max(1e-9);
    ((ratio - 1.0).max(0.0) * 1000.0).round() / 10.0
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
