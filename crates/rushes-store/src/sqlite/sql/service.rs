//! The [`Sql`] of a library file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlparser::dialect::SQLiteDialect;
use tokio::sync::mpsc;

use super::clock::Clock;
use super::depend::{self, Found};
use super::pace::Paces;
use super::pool::{Pool, Reader};
use super::write::SqlWriter;
use super::{advise, batch, bulk, explain, fingerprint, read};
use crate::error::Result;
use crate::sql::access::Progress;
use crate::sql::advice::sources;
use crate::sql::depend::{Dependency, Reading};
use crate::sql::insertion::as_insertion;
use crate::sql::known::Known;
use crate::sql::normal::normal;
use crate::sql::{
    Advice, Batch, BatchDone, Example, Executed, Fingerprint, Freshness, Plan, Query, Rows, Sql,
    SqlParams, Upsert,
};
use crate::sqlite::SqliteOptions;
use crate::sqlite::connection::{Access, Writer, open_reader};

/// Looks at a schema that others keep altering.
const ATTEMPTS: usize = 8;

/// SQL on a library file.
pub(in crate::sqlite) struct SqliteSql {
    identity: String,
    pool: Arc<Pool>,
    clock: Clock,
    known: Arc<Known>,
    paces: Paces,
    writer: SqlWriter,
    bulk: Arc<Writer>,
}

impl std::fmt::Debug for SqliteSql {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SqliteSql").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// What asking for a fingerprint came to.
enum Asked {
    Fingerprint(Fingerprint),
    Unwatched(Vec<String>),
    /// The schema was altered meanwhile.
    Altered,
}

impl SqliteSql {
    pub(in crate::sqlite) fn new(
        path: &Path,
        options: &SqliteOptions,
        access: Access,
        bulk: Arc<Writer>,
        commits: Arc<AtomicU64>,
    ) -> Result<Self> {
        let db = open_reader(path, options, access)?;
        let identity = db.query_row("SELECT identity FROM library", [], |row| row.get(0))?;
        Ok(Self {
            identity,
            pool: Arc::new(Pool::new(path, options, access)),
            clock: Clock::new(db, Arc::clone(&commits), options.sql.near),
            known: Arc::default(),
            paces: Paces::default(),
            writer: SqlWriter::new(path, options, access, commits),
            bulk,
        })
    }

    async fn ask(&self, query: &Query, tick: u64) -> Result<Asked> {
        let (known, query) = (Arc::clone(&self.known), query.clone());
        let work = move |reader: &mut Reader| {
            reader.snapshot(|reader| {
                let schema = depend::schema_version(&reader.db)?;
                let reading = known.reading(&query.sql).filter(|known| known.schema == schema);
                let reading = match reading {
                    Some(reading) => reading,
                    None => match depend::find(reader, &query.sql)? {
                        Found::Reading(reading) => Arc::new(reading),
                        Found::Unwatched(tables) => return Ok(Asked::Unwatched(tables)),
                    },
                };
                let asked = fingerprint::ask(&known, reader, &query, &reading, tick)?;
                Ok(asked.map_or(Asked::Altered, Asked::Fingerprint))
            })
        };
        self.pool.run(true, work).await
    }

    async fn reading(&self, sql: &str) -> Result<std::result::Result<Reading, String>> {
        for _ in 0..ATTEMPTS {
            let text = sql.to_owned();
            let find =
                move |reader: &mut Reader| reader.snapshot(|reader| depend::find(reader, &text));
            match self.pool.run(false, find).await? {
                Found::Reading(reading) => return Ok(Ok(reading)),
                Found::Unwatched(tables) => {
                    if let Err(error) = self.writer.watch(tables).await {
                        return Ok(Err(unwatchable(&error)));
                    }
                }
            }
        }
        Ok(Err("the schema keeps changing".to_owned()))
    }
}

fn unwatchable(error: &crate::Error) -> String {
    format!("what it reads cannot be watched: {error}")
}

#[async_trait]
impl Sql for SqliteSql {
    fn identity(&self) -> &str {
        &self.identity
    }

    async fn fingerprint(&self, query: &Query, freshness: Freshness) -> Result<Fingerprint> {
        for _ in 0..ATTEMPTS {
            let tick = self.clock.now(freshness)?;
            if let Some(fingerprint) = self.known.fingerprint(query, tick) {
                return Ok(fingerprint);
            }
            match self.ask(query, tick).await? {
                Asked::Fingerprint(fingerprint) => return Ok(fingerprint),
                Asked::Altered => {}
                Asked::Unwatched(tables) => {
                    if let Err(error) = self.writer.watch(tables).await {
                        return Ok(Fingerprint::None(unwatchable(&error).into()));
                    }
                }
            }
        }
        Ok(Fingerprint::None("the schema keeps changing".into()))
    }

    fn place(&self, _: usize) -> String {
        "?".to_owned()
    }

    async fn read(&self, query: &Query) -> Result<Rows> {
        let quick = self.paces.is_quick(&query.sql);
        let began = Instant::now();
        let (pool, asked) = (Arc::clone(&self.pool), query.clone());
        let rows = self.pool.run(quick, move |reader| read::read(reader, &pool, &asked)).await;
        self.paces.note(&query.sql, began.elapsed());
        rows
    }

    fn stream(&self, query: Query) -> mpsc::Receiver<Result<Rows>> {
        let (rows, taken) = mpsc::channel(2);
        let pool = Arc::clone(&self.pool);
        tokio::spawn(async move {
            let (seen, to) = (Arc::clone(&pool), rows.clone());
            let work = move |reader: &mut Reader| read::stream(reader, &seen, &query, &to);
            if let Err(error) = pool.run(false, work).await {
                // Whoever has gone away needs no answer.
                let _ = rows.send(Err(error)).await;
            }
        });
        taken
    }

    async fn execute(&self, sql: &str, params: &SqlParams, timeout: Duration) -> Result<Executed> {
        self.writer.execute(sql, params, timeout).await
    }

    async fn execute_batch(&self, batch: Batch, progress: Option<Progress>) -> Result<BatchDone> {
        match as_insertion(batch, &SQLiteDialect {}) {
            Ok(insertion) => bulk::upsert(&self.bulk, &self.writer, insertion, progress).await,
            Err(batch) => batch::execute(&self.writer, batch, progress).await,
        }
    }

    async fn upsert(&self, upsert: Upsert, progress: Option<Progress>) -> Result<BatchDone> {
        bulk::upsert(&self.bulk, &self.writer, upsert, progress).await
    }

    async fn explain(&self, sql: &str) -> Result<Plan> {
        let text = sql.to_owned();
        let steps = self.pool.run(false, move |reader| explain::steps(reader, &text)).await?;
        let warnings = explain::warnings(&steps, &sources(sql, &SQLiteDialect {}));
        let (reads, uncached) = match self.reading(sql).await?.map(|reading| reading.on) {
            Ok(Ok(on)) => (on.iter().filter_map(Dependency::shown).collect(), None),
            Ok(Err(why)) => (Vec::new(), Some(why.to_string())),
            Err(why) => (Vec::new(), Some(why)),
        };
        Ok(Plan { steps, warnings, reads, uncached })
    }

    async fn advise(&self, examples: Vec<Example>) -> Result<Vec<Advice>> {
        self.pool.run(false, move |reader| advise::advise(reader, &examples)).await
    }

    fn normal(&self, sql: &str) -> String {
        normal(sql, &SQLiteDialect {})
    }

    fn figures(&self) -> serde_json::Value {
        self.pool.figures()
    }
}
