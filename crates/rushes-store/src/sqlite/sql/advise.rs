//! Advice on indexes: each candidate is made in a scratch copy and the statement run with it.

use std::time::{Duration, Instant};

use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use sqlparser::dialect::SQLiteDialect;

use super::explain;
use super::pool::{Deadline, Reader};
use super::read::bind;
use crate::error::{Error, Result};
use crate::sql::advice::{Candidate, candidates, sources};
use crate::sql::insertion::quoted;
use crate::sql::normal::normal;
use crate::sql::{Advice, Example, Suggestion};

/// The longest that a statement is tried, each time.
const TRIAL: Duration = Duration::from_secs(5);
/// Candidates that are tried for a statement.
const CANDIDATES: usize = 8;
/// How many times faster a statement must become.
const GAIN: u32 = 2;
/// A statement quicker than this is left alone.
const QUICK: Duration = Duration::from_micros(200);
/// Rows whose insertion is timed.
const SAMPLE: u32 = 1000;
/// What an index on trial is called.
const TRIED: &str = "rushes_tried";

/// Looks into statements, those that took most time first.
pub(super) fn advise(reader: &Reader, examples: &[Example]) -> Result<Vec<Advice>> {
    if examples.is_empty() {
        return Ok(Vec::new());
    }
    let folder = tempfile::tempdir().map_err(Error::io("make a folder for a scratch copy"))?;
    let mut db = Connection::open(folder.path().join("scratch.db"))?;
    {
        let backup = Backup::new(&reader.db, &mut db)?;
        backup.run_to_completion(10_000, Duration::ZERO, None)?;
    }
    db.pragma_update(None, "journal_mode", "OFF")?;
    db.pragma_update(None, "synchronous", "OFF")?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch("ANALYZE")?;
    let scratch = Scratch { deadline: Deadline::on(&mut db)?, db };
    Ok(examples.iter().map(|example| scratch.advice(example)).collect())
}

/// A copy of the database in which anything may be tried.
struct Scratch {
    db: Connection,
    deadline: std::sync::Arc<Deadline>,
}

impl Scratch {
    fn advice(&self, example: &Example) -> Advice {
        let mut advice = Advice {
            statement: normal(&example.sql, &SQLiteDialect {}),
            count: example.count,
            total_micros: example.total_micros,
            warnings: Vec::new(),
            suggestion: None,
            note: None,
        };
        match self.look(example, &mut advice) {
            Ok(()) => {}
            Err(error) => advice.note = Some(error.to_string()),
        }
        advice
    }

    fn look(&self, example: &Example, advice: &mut Advice) -> Result<()> {
        let steps = explain::steps_on(&self.db, &example.sql)?;
        advice.warnings = explain::warnings(&steps, &sources(&example.sql, &SQLiteDialect {}));
        let Some(before) = self.time(example)? else {
            advice.note = Some(format!("it takes more than {} s", TRIAL.as_secs()));
            return self.try_all(example, TRIAL, advice);
        };
        if before < QUICK {
            advice.note = Some("it is quick as it is".to_owned());
            return Ok(());
        }
        self.try_all(example, before, advice)
    }

    fn try_all(&self, example: &Example, before: Duration, advice: &mut Advice) -> Result<()> {
        let mut best = before / GAIN;
        let all = candidates(&example.sql, &SQLiteDialect {});
        for candidate in all.iter().take(CANDIDATES) {
            if let Some((after, bytes)) = self.trial(example, candidate)?
                && after < best
            {
                best = after;
                let cost = self.write_cost(candidate)?;
                advice.suggestion = Some(Suggestion {
                    sql: candidate.sql(&candidate.name()),
                    before_micros: micros(before),
                    after_micros: micros(after),
                    write_cost_percent: cost,
                    bytes,
                });
            }
        }
        if advice.suggestion.is_none() && advice.note.is_none() {
            advice.note = Some("no index made it twice as fast".to_owned());
        }
        Ok(())
    }

    /// The statement's time with an index, and the index's size; `None` where the index cannot be
    /// made (a view, a column that is not there) or is not used.
    fn trial(&self, example: &Example, candidate: &Candidate) -> Result<Option<(Duration, u64)>> {
        let pages = self.pages()?;
        if self.db.execute_batch(&candidate.sql(TRIED)).is_err() {
            return Ok(None);
        }
        let bytes = self.pages()?.saturating_sub(pages);
        self.db.execute_batch(&format!("ANALYZE {}", quoted(TRIED)))?;
        let steps = explain::steps_on(&self.db, &example.sql)?;
        let used = steps.iter().any(|step| step.what.contains(TRIED));
        let time = if used { self.time(example)? } else { None };
        self.db.execute_batch(&format!("DROP INDEX {}", quoted(TRIED)))?;
        Ok(time.map(|time| (time, bytes)))
    }

    /// Bytes in use.
    fn pages(&self) -> Result<u64> {
        let number =
            |name: &str| self.db.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        let used = number("page_count")?.saturating_sub(number("freelist_count")?);
        Ok(used * number("page_size")?)
    }

    /// The best of three runs; `None` when one takes too long.
    fn time(&self, example: &Example) -> Result<Option<Duration>> {
        let mut best = None;
        for _ in 0..3 {
            let mut statement = self.db.prepare(&example.sql)?;
            bind(&mut statement, &example.params)?;
            self.deadline.set(TRIAL);
            let began = Instant::now();
            let mut rows = statement.raw_query();
            let end = loop {
                match rows.next() {
                    Ok(Some(_)) => {}
                    other => break other.map(drop),
                }
            };
            let took = began.elapsed();
            let over = self.deadline.is_over();
            self.deadline.lift();
            match end {
                Err(_) if over => return Ok(None),
                end => end?,
            }
            best = best.into_iter().chain([took]).min();
        }
        Ok(best)
    }

    /// How much longer insertions take with the index, in percent.
    fn write_cost(&self, candidate: &Candidate) -> Result<Option<f64>> {
        let Some(without) = self.insertion(&candidate.table)? else { return Ok(None) };
        self.db.execute_batch(&candidate.sql(TRIED))?;
        let with = self.insertion(&candidate.table);
        self.db.execute_batch(&format!("DROP INDEX {}", quoted(TRIED)))?;
        let ratio = |with: Duration| with.as_secs_f64() / without.as_secs_f64().max(1e-9);
        Ok(with?.map(|with| ((ratio(with) - 1.0).max(0.0) * 1000.0).round() / 10.0))
    }

    /// The time to insert rows of the table again, the best of three.
    fn insertion(&self, table: &str) -> Result<Option<Duration>> {
        let sql = "SELECT wr FROM pragma_table_list WHERE lower(name) = lower(?)";
        let without: Option<bool> = self.db.query_row(sql, [table], |row| row.get(0)).optional()?;
        if without != Some(false) {
            return Ok(None);
        }
        let table = quoted(table);
        let mut best = None;
        for _ in 0..3 {
            self.db.execute_batch(&format!(
                "CREATE TEMP TABLE sample AS SELECT * FROM {table} ORDER BY rowid LIMIT {SAMPLE};
                 DELETE FROM {table} WHERE rowid IN
                     (SELECT rowid FROM {table} ORDER BY rowid LIMIT {SAMPLE});"
            ))?;
            let began = Instant::now();
            let put = self.db.execute(&format!("INSERT INTO {table} SELECT * FROM sample"), []);
            let took = began.elapsed();
            self.db.execute_batch("DROP TABLE sample")?;
            if put? < SAMPLE as usize {
                return Ok(None);
            }
            best = best.into_iter().chain([took]).min();
        }
        Ok(best)
    }
}

impl Candidate {
    fn name(&self) -> String {
        let word = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let name = format!("{}_by_{}", self.table, self.columns.join("_"));
        name.chars().map(word).collect()
    }

    fn sql(&self, name: &str) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| quoted(column)).collect();
        let (name, table) = (quoted(name), quoted(&self.table));
        format!("CREATE INDEX {name} ON {table} ({})", columns.join(", "))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
