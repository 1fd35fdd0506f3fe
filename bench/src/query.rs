//! SQL through the engine beside bare rusqlite with cached statements on the same file.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use rushes::Rushes;
use rushes::config::Settings;
use rushes::sql::{Batch, Freshness, SqlParams, SqlRequest, SqlValue};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::figure::{Figure, Goal, Report, median};
use crate::footage;

const VIDEOS: i64 = 1000;
const ROWS: i64 = 200_000;
const RUNS: usize = 5;
const READS: i64 = 2000;

const TABLE: &str = "CREATE TABLE notes (id INTEGER PRIMARY KEY, video_id TEXT NOT NULL, at REAL, \
                     word TEXT)";
const INSERT: &str = "INSERT INTO notes (video_id, at, word) VALUES (?, ?, ?)";
const SELECT: &str = "SELECT id, video_id, at, word FROM notes WHERE video_id = ? ORDER BY at";

/// A library with a table of rows of a thousand videos.
struct Bed {
    folder: TempDir,
    runtime: Runtime,
    engine: Rushes,
    bare: Connection,
}

impl Bed {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir_in(footage::root().join("target"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let engine = runtime.block_on(Rushes::open(Settings::library(folder.path())))?;
        let none = SqlParams::NONE;
        runtime.block_on(engine.execute(TABLE, &none))?;
        runtime.block_on(engine.execute_batch(Batch::new(INSERT, rows(ROWS)), None))?;
        let index = "CREATE INDEX notes_by_video ON notes (video_id, at)";
        runtime.block_on(engine.execute(index, &none))?;
        let bare = bare(&folder.path().join("rushes.db"))?;
        Ok(Self { folder, runtime, engine, bare })
    }

    /// Microseconds a read through the engine.
    fn ours(&self, limit: i64, cache: bool, freshness: Freshness) -> Result<f64> {
        let engine = self.engine.clone();
        let sql = format!("{SELECT} LIMIT {limit}");
        // In a task: that is where callers are.
        let task = self.runtime.spawn(async move {
            let start = Instant::now();
            for read in 0..READS {
                let request = SqlRequest {
                    cache,
                    freshness,
                    ..SqlRequest::new(sql.as_str(), vec![video(read % 100)])
                };
                let answer = engine.query(&request).await?;
                if answer.rows.rows.len() as i64 != limit {
                    bail!("{} rows where there are {limit}", answer.rows.rows.len());
                }
            }
            Ok(start.elapsed().as_secs_f64() * 1e6 / READS as f64)
        });
        self.runtime.block_on(task)?
    }

    /// Microseconds a read of bare rusqlite, its rows taken as ours are.
    fn peers(&self, limit: i64) -> Result<f64> {
        let sql = format!("{SELECT} LIMIT {limit}");
        let start = Instant::now();
        for read in 0..READS {
            let mut statement = self.bare.prepare_cached(&sql)?;
            let rows = statement.query_map([video(read % 100)], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, f64>(2)?,
                    row.get::<_, String>(3)?,
                ))
            })?;
            black_box(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        Ok(start.elapsed().as_secs_f64() * 1e6 / READS as f64)
    }
}

fn video(number: i64) -> String {
    format!("video{number}")
}

fn rows(count: i64) -> Vec<SqlParams> {
    let row = |n: i64| {
        let values: Vec<SqlValue> =
            vec![video(n % VIDEOS).into(), (n as f64 / 10.0).into(), format!("word {n}").into()];
        SqlParams::Positional(values)
    };
    (0..count).map(row).collect()
}

fn bare(path: &Path) -> Result<Connection> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "cache_size", -65536)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(db)
}

/// Reads of 20 and 200 rows, from the database and from the cache.
pub(crate) fn reads(report: &mut Report) -> Result<()> {
    let bed = Bed::new()?;
    let (near, strict) = (Freshness::Near, Freshness::Strict);
    for (limit, names, goals) in [
        (20, ["query.uncached", "query.cached", "query.cached_strict"], [20.0, 3.0]),
        (200, ["query.uncached_200", "query.cached_200", "query.cached_strict_200"], [100.0, 20.0]),
    ] {
        let mut walls: [Vec<f64>; 4] = Default::default();
        for _ in 0..RUNS {
            walls[0].push(bed.peers(limit)?);
            walls[1].push(bed.ours(limit, false, near)?);
            walls[2].push(bed.ours(limit, true, near)?);
            walls[3].push(bed.ours(limit, true, strict)?);
        }
        let [peer, uncached, cached, checked] = walls.map(median);
        let figure = |name, value, peer, goal, against: &str| Figure {
            name,
            value,
            peer,
            unit: "us",
            goal,
            against: against.to_owned(),
        };
        let bare = "bare rusqlite with a cached statement";
        report.add(&figure(names[0], uncached, peer, Goal::AtMost(1.6), bare));
        let miss = "the same uncached";
        report.add(&figure(names[1], cached, uncached, Goal::AtMost(1.0 / goals[0]), miss));
        report.add(&figure(names[2], checked, uncached, Goal::AtMost(1.0 / goals[1]), miss));
    }
    drop(bed.folder);
    Ok(())
}

/// Rows a second of a batch in one transaction, its invalidation exact.
pub(crate) fn batch(report: &mut Report) -> Result<()> {
    let bed = Bed::new()?;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    let all = rows(ROWS / 2);
    let clear = "DELETE FROM notes";
    for _ in 0..RUNS {
        bed.bare.execute(clear, [])?;
        let start = Instant::now();
        bed.bare.execute_batch("BEGIN IMMEDIATE")?;
        let mut statement = bed.bare.prepare_cached(INSERT)?;
        for n in 0..ROWS / 2 {
            statement.execute((video(n % VIDEOS), n as f64 / 10.0, format!("word {n}")))?;
        }
        drop(statement);
        bed.bare.execute_batch("COMMIT")?;
        peers.push(all.len() as f64 / start.elapsed().as_secs_f64());
        bed.bare.execute(clear, [])?;
        let batch = Batch::new(INSERT, all.clone());
        let start = Instant::now();
        let done = bed.runtime.block_on(bed.engine.execute_batch(batch, None))?;
        if done.executed as usize != all.len() {
            bail!("{done:?}");
        }
        ours.push(all.len() as f64 / start.elapsed().as_secs_f64());
    }
    report.add(&Figure {
        name: "query.batch",
        value: median(ours),
        peer: median(peers),
        unit: "rows/s",
        goal: Goal::AtLeast(0.75),
        against: "bare rusqlite, one prepared statement in one transaction".to_owned(),
    });
    Ok(())
}

/// A page deep in the table beside its first.
pub(crate) fn deep_page(report: &mut Report) -> Result<()> {
    let bed = Bed::new()?;
    let request = SqlRequest {
        cache: false,
        ..SqlRequest::new("SELECT id, word FROM notes", SqlParams::NONE)
    };
    let page = |cursor: Option<&str>, limit: usize| {
        bed.runtime.block_on(bed.engine.query_page(&request, &["id"], limit, cursor))
    };
    let mut cursor = None;
    for _ in 0..15 {
        cursor = page(cursor.as_deref(), 10_000)?.next;
    }
    let second = page(None, 20)?.next;
    let time = |cursor: Option<&str>| -> Result<f64> {
        let start = Instant::now();
        for _ in 0..500 {
            page(cursor, 20)?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e6 / 500.0)
    };
    let (mut deep, mut shallow) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        shallow.push(time(second.as_deref())?);
        deep.push(time(cursor.as_deref())?);
    }
    report.add(&Figure {
        name: "query.deep_page",
        value: median(deep),
        peer: median(shallow),
        unit: "us",
        goal: Goal::AtMost(1.2),
        against: "page 2 of the same, this one beginning at row 150,000".to_owned(),
    });
    Ok(())
}
