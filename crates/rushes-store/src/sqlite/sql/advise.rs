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
use crate::sql::trial::{CANDIDATES, GAIN, SAMPLE, TRIED, percent_more};
use crate::sql::{Advice, Example};

/// The longest that a statement is tried, each time.
const TRIAL: Duration = Duration::from_secs(5);

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
        let mut advice = Advice::on(example, &SQLiteDialect {});
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
        if advice.is_quick(before) {
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
                advice.suggestion = Some(candidate.suggestion(before, after, cost, bytes));
            }
        }
        advice.conclude();
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
        Ok(with?.map(|with| percent_more(with, without)))
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
