//! Figures for each statement, whatever its values: how often, how long, how many rows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::advice::Example;
use super::normal::verb;

/// Statements that are told apart; when there are more, the one used least makes room.
const STATEMENTS: usize = 300;

/// Figures of one statement; times in microseconds, of those that the database answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementFigures {
    /// The statement without its values.
    pub statement: String,
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE` or `OTHER`.
    pub verb: String,
    /// How often it was asked, cached answers included.
    pub count: u64,
    /// How often the cache answered.
    pub cached: u64,
    /// How often it failed.
    pub errors: u64,
    /// Rows that came back, or that were written.
    pub rows: u64,
    /// Time in all.
    pub total_micros: u64,
    /// Mean time.
    pub mean_micros: u64,
    /// Shortest time.
    pub min_micros: u64,
    /// Longest time.
    pub max_micros: u64,
    /// Median.
    pub p50_micros: u64,
    /// 95 of 100 took no longer.
    pub p95_micros: u64,
    /// 99 of 100 took no longer.
    pub p99_micros: u64,
}

struct Figures {
    count: u64,
    cached: u64,
    errors: u64,
    rows: u64,
    total: u64,
    times: Histogram<u32>,
    slowest: Option<(u64, Example)>,
}

impl Figures {
    fn new() -> Option<Self> {
        // Two digits, from a microsecond to an hour; grows as it needs.
        let mut times = Histogram::new(2).ok()?;
        times.auto(true);
        Some(Self { count: 0, cached: 0, errors: 0, rows: 0, total: 0, times, slowest: None })
    }

    fn told(&self, statement: &str) -> StatementFigures {
        let timed = self.times.len();
        StatementFigures {
            statement: statement.to_owned(),
            verb: verb(statement).to_owned(),
            count: self.count,
            cached: self.cached,
            errors: self.errors,
            rows: self.rows,
            total_micros: self.total,
            mean_micros: self.total.checked_div(timed).unwrap_or(0),
            min_micros: if timed == 0 { 0 } else { self.times.min() },
            max_micros: self.times.max(),
            p50_micros: self.times.value_at_quantile(0.5),
            p95_micros: self.times.value_at_quantile(0.95),
            p99_micros: self.times.value_at_quantile(0.99),
        }
    }
}

/// What became of one statement.
#[derive(Debug)]
pub enum Outcome {
    /// The cache answered.
    Cached,
    /// The database answered in this time, with so many rows.
    Done(Duration, u64),
    /// It failed after this time.
    Failed(Duration),
}

/// Collects figures. Recording takes a short lock and never waits for a reader of the figures.
#[derive(Default)]
pub struct Monitor {
    statements: Mutex<HashMap<String, Figures>>,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Monitor").finish_non_exhaustive()
    }
}

impl Monitor {
    /// Notes a statement (without its values); `example` is asked for when it is the slowest of
    /// its kind so far.
    pub fn note(&self, normal: &str, outcome: &Outcome, example: impl FnOnce() -> Example) {
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        if !statements.contains_key(normal) {
            make_room(&mut statements);
            let Some(figures) = Figures::new() else { return };
            statements.insert(normal.to_owned(), figures);
        }
        let Some(figures) = statements.get_mut(normal) else { return };
        figures.count += 1;
        let took = match outcome {
            Outcome::Cached => {
                figures.cached += 1;
                return;
            }
            Outcome::Failed(took) => {
                figures.errors += 1;
                took
            }
            Outcome::Done(took, rows) => {
                figures.rows += rows;
                took
            }
        };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        figures.total = figures.total.saturating_add(micros);
        // A time beyond what the histogram can hold is counted at its upper end.
        if figures.times.record(micros).is_err() {
            figures.times.saturating_record(micros);
        }
        if matches!(outcome, Outcome::Done(..))
            && figures.slowest.as_ref().is_none_or(|(slowest, _)| micros > *slowest)
        {
            figures.slowest = Some((micros, example()));
        }
    }

    /// The figures, those that took most time in all first.
    pub fn top(&self, limit: usize) -> Vec<StatementFigures> {
        let statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let mut top: Vec<_> =
            statements.iter().map(|(statement, figures)| figures.told(statement)).collect();
        top.sort_unstable_by(|a, b| {
            (b.total_micros, b.count, &a.statement).cmp(&(a.total_micros, a.count, &b.statement))
        });
        top.truncate(limit);
        top
    }

    /// The reading statements that took most time, each with the values of its slowest run.
    pub fn workload(&self, limit: usize) -> Vec<Example> {
        let statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = statements
            .iter()
            .filter(|(statement, _)| verb(statement) == "SELECT")
            .filter_map(|(_, figures)| {
                let (_, example) = figures.slowest.as_ref()?;
                Some(Example {
                    count: figures.count - figures.cached,
                    total_micros: figures.total,
                    ..example.clone()
                })
            })
            .collect();
        all.sort_unstable_by_key(|example| std::cmp::Reverse(example.total_micros));
        all.truncate(limit);
        all
    }
}

fn make_room(statements: &mut HashMap<String, Figures>) {
    if statements.len() < STATEMENTS {
        return;
    }
    let least = statements.iter().min_by_key(|(_, figures)| (figures.total, figures.count));
    if let Some(least) = least.map(|(statement, _)| statement.clone()) {
        statements.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Example {
        Example { sql: "SELECT 1".into(), params: Default::default(), count: 0, total_micros: 0 }
    }

    #[test]
    fn times_are_of_what_the_database_answered() {
        let monitor = Monitor::default();
        for millis in 1..=100 {
            let outcome = Outcome::Done(Duration::from_millis(millis), 2);
            monitor.note("SELECT ?", &outcome, example);
            monitor.note("SELECT ?", &Outcome::Cached, example);
        }
        monitor.note("SELECT ?", &Outcome::Failed(Duration::from_millis(1)), example);
        let top = monitor.top(10);
        let [figures] = top.as_slice() else { panic!("{top:?}") };
        assert_eq!((figures.count, figures.cached, figures.errors), (201, 100, 1));
        assert_eq!((figures.rows, figures.total_micros), (200, 5_051_000));
        let near = |micros: u64, millis: u64| micros.abs_diff(millis * 1000) <= millis * 20;
        assert!(near(figures.p50_micros, 50) && near(figures.p95_micros, 95), "{figures:?}");
        assert!(near(figures.p99_micros, 99) && near(figures.max_micros, 100), "{figures:?}");
    }

    #[test]
    fn there_is_room_for_so_many_statements_only() {
        let monitor = Monitor::default();
        monitor.note("dear", &Outcome::Done(Duration::from_secs(9), 1), example);
        for number in 0..STATEMENTS * 2 {
            let outcome = Outcome::Done(Duration::from_micros(5), 1);
            monitor.note(&format!("SELECT {number}"), &outcome, example);
        }
        let top = monitor.top(usize::MAX);
        assert_eq!(top.len(), STATEMENTS);
        assert_eq!(top[0].statement, "dear", "the dearest was dropped");
    }
}
