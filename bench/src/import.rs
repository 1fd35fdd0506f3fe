//! Import of rows against bare prepared inserts of the same rows.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::figure::{Figure, Goal, Report, median};
use crate::library::{Library, text};

const ROWS: usize = 200_000;
const RUNS: usize = 3;

/// 200,000 captions from JSONL: rows a second, from the start of the process to its end.
pub(crate) fn rows(report: &mut Report) -> Result<()> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let library = Library::new()?;
        let video = library.add_video()?;
        let empty = library.beside("empty.db");
        copy_database(&library.database(), &empty)?;
        let file = library.beside("captions.jsonl");
        std::fs::write(&file, captions(0..ROWS))?;

        let cost = library.run(&["import", &video, "--captions", text(&file)?])?;
        let imported = Imported::read(&library.database())?;
        let seconds = imported.insert_into(&empty)?;
        report.note(&format!(
            "import.rows: {:.2} s wall, {:.2} s of processor; bare inserts {seconds:.2} s",
            cost.wall, cost.cpu,
        ));
        ours.push(ROWS as f64 / cost.wall);
        bare.push(ROWS as f64 / seconds);
    }
    report.add(&Figure {
        name: "import.rows",
        value: median(ours),
        peer: median(bare),
        unit: "rows/s",
        goal: Goal::AtLeast(0.6),
        against: "prepared inserts of the same rows in one transaction".to_owned(),
    });
    Ok(())
}

/// Captions of about a hundred bytes, half a second each, as JSONL.
pub(crate) fn captions(numbers: std::ops::Range<usize>) -> String {
    let who = ["a man", "two children", "the driver", "a red car", "somebody", "the speaker"];
    let does = ["crosses", "waits at", "looks towards", "walks along", "points to", "leaves"];
    let where_to = ["the street", "an open door", "the table", "a wide room", "the river"];
    let mut lines = String::new();
    for number in numbers {
        let start = number as f64 / 2.0;
        let (who, does) = (who[number % who.len()], does[number / 7 % does.len()]);
        let place = where_to[number / 11 % where_to.len()];
        let confidence = number * 37 % 100;
        let _ = writeln!(
            lines,
            r#"{{"start": {start}, "end": {}, "text": "{who} {does} {place} beside number {number}", "confidence": 0.{confidence:02}}}"#,
            start + 0.5,
        );
    }
    lines
}

/// The rows that an import wrote, as they lie in the tables.
struct Imported {
    lanes: Vec<Vec<Value>>,
    recipes: Vec<Vec<Value>>,
    entries: Vec<Vec<Value>>,
}

impl Imported {
    fn read(database: &Path) -> Result<Self> {
        let db = Connection::open(database)?;
        let rows = |sql: &str| -> Result<Vec<Vec<Value>>> {
            let mut statement = db.prepare(sql)?;
            let columns = statement.column_count();
            let rows =
                statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect())?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        let imported = Self {
            recipes: rows("SELECT * FROM recipes")?,
            lanes: rows("SELECT * FROM lanes WHERE kind = 'caption'")?,
            entries: rows(
                "SELECT * FROM entries WHERE lane IN (SELECT id FROM lanes WHERE kind = 'caption')",
            )?,
        };
        if imported.entries.len() != ROWS {
            bail!("{} of {ROWS} captions were imported", imported.entries.len());
        }
        Ok(imported)
    }

    /// Seconds to insert the rows, entries and text index, in one transaction, commit included.
    fn insert_into(&self, database: &Path) -> Result<f64> {
        let mut db = Connection::open(database)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "cache_size", -64_000)?;
        db.pragma_update(None, "foreign_keys", true)?;
        drop_triggers(&db)?;
        let start = Instant::now();
        let transaction = db.transaction()?;
        for recipe in &self.recipes {
            transaction.execute(
                "INSERT OR IGNORE INTO recipes VALUES (?, ?, ?, ?, ?)",
                params_from_iter(recipe),
            )?;
        }
        for lane in &self.lanes {
            let places = vec!["?"; lane.len()].join(", ");
            let sql = format!("INSERT INTO lanes VALUES ({places})");
            transaction.execute(&sql, params_from_iter(lane))?;
        }
        let width = self.entries.first().map_or(0, Vec::len);
        {
            let places = vec!["?"; width].join(", ");
            let mut entry =
                transaction.prepare(&format!("INSERT INTO entries VALUES ({places})"))?;
            let mut words =
                transaction.prepare("INSERT INTO entries_text (rowid, text) VALUES (?, ?)")?;
            for row in &self.entries {
                entry.execute(params_from_iter(row))?;
                words.execute(params_from_iter(
                    [row.first(), row.get(TEXT)].into_iter().flatten(),
                ))?;
            }
        }
        transaction.commit()?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Where an entry's row has its text: id, lane, starts, ends, estimated, digest, data, text.
const TEXT: usize = 7;

/// What keeps cached SQL exact runs for every row of a foreign writer; the bare peer goes without.
fn drop_triggers(db: &Connection) -> Result<()> {
    let sql = "SELECT 'DROP TRIGGER \"' || name || '\"' FROM sqlite_schema WHERE type = 'trigger'";
    let drops: Vec<String> =
        db.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    drops.iter().try_for_each(|drop| Ok(db.execute_batch(drop)?))
}

/// Copies a database, whatever of it is still in its log.
fn copy_database(from: &Path, to: &Path) -> Result<()> {
    Connection::open(from)?.execute("VACUUM INTO ?", [text(to)?])?;
    Ok(())
}
