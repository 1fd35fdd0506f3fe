//! The [`Sql`] of a library in PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlparser::dialect::PostgreSqlDialect;
use tokio::sync::mpsc;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::clock::Clock;
use super::depend::{self, Found};
use super::editions::Editions;
use super::line::{self, Line};
use super::read::Lent;
use super::watch::{Refused, Table};
use super::write::{GUEST, Writers};
use super::{advise, batch, bulk, explain, generations, guard, read};
use crate::error::Result;
use crate::postgres::ask;
use crate::postgres::connect::Target;
use crate::postgres::pool::{Pool, PostgresOptions, Size};
use crate::sql::access::Progress;
use crate::sql::depend::{Dependency, Reading};
use crate::sql::insertion::as_insertion;
use crate::sql::known::Known;
use crate::sql::normal::normal;
use crate::sql::{
    Advice, Batch, BatchDone, Example, Executed, Fingerprint, Freshness, Plan, Query, Rows, Sql,
    SqlParams, Upsert,
};

/// What each connection for statements begins with: it only reads; a user's own tables come before
/// the library's; times are told alike everywhere.
const READING: &str = "SET default_transaction_read_only = on; SET TimeZone = 'UTC';
    SET search_path = \"$user\", public, rushes; SET jit = off;
    SET idle_in_transaction_session_timeout = '60s'; SET standard_conforming_strings = on;
    SET DateStyle = 'ISO, MDY'; SET IntervalStyle = postgres; SET extra_float_digits = 1;
    SET bytea_output = hex; SET lc_monetary = 'C'; SET lc_numeric = 'C'; SET lc_time = 'C'";
/// What each connection begins with that finds out what statements read, and has tables watched:
/// names mean there what they mean to those that read.
const LOOKING: &str = "SET search_path = \"$user\", public, rushes; SET jit = off;
    SET standard_conforming_strings = on; SET statement_timeout = '30s';
    SET idle_in_transaction_session_timeout = '60s'";

/// Looks at a catalogue that others keep altering.
const ATTEMPTS: usize = 8;

/// SQL on a library in PostgreSQL.
pub(in crate::postgres) struct PostgresSql {
    identity: String,
    pool: Pool,
    tls: MakeRustlsConnect,
    /// Prepared statements that a connection keeps.
    statements: usize,
    looking: Pool,
    line: Line,
    clock: Clock,
    known: Known,
    editions: Editions,
    refused: Refused,
    writers: Writers,
    /// Whether somebody adds up the generations.
    adding: Arc<AtomicBool>,
}

impl std::fmt::Debug for PostgresSql {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("PostgresSql").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// What asking for a fingerprint came to.
enum Asked {
    Fingerprint(Fingerprint),
    Unwatched(Vec<Table>),
    /// The catalogue was altered meanwhile.
    Altered,
}

impl PostgresSql {
    pub(in crate::postgres) async fn open(
        target: &Target,
        own: &Pool,
        options: &PostgresOptions,
        commits: Arc<AtomicU64>,
    ) -> Result<Self> {
        let client = own.get().await?;
        let row = ask::row(&client, "SELECT identity FROM library", &[]).await?;
        let pool = |connections, setup, more| {
            let (wait, connect_timeout) = (options.sql.wait, options.connect_timeout);
            Pool::new(target, &Size { connections, wait, connect_timeout, setup, more })
        };
        let more = "sql_connections";
        Ok(Self {
            identity: row.try_get(0)?,
            pool: pool(options.sql.connections, READING, more)?,
            tls: target.tls.clone(),
            statements: options.sql.statements,
            looking: pool(2, LOOKING, "the time that statements may wait")?,
            line: Line::new(pool(2, line::SETUP, "the time that statements may wait")?),
            clock: Clock::new(Arc::clone(&commits), options.sql.near),
            known: Known::default(),
            editions: Editions::default(),
            refused: Refused::default(),
            writers: Writers {
                pool: pool(options.sql.connections, GUEST, more)?,
                tls: target.tls.clone(),
                commits,
            },
            adding: Arc::default(),
        })
    }

    async fn lend(&self) -> Result<Lent> {
        let client = self.pool.get().await?;
        if client.statement_cache.size() > self.statements {
            client.statement_cache.clear();
        }
        Ok(Lent::new(client, &self.tls))
    }

    /// The fingerprint as the database tells it now, after `tick` was read.
    async fn ask(&self, query: &Query, tick: u64) -> Result<Asked> {
        let known = self.known.reading(&query.sql);
        if let Some(reading) = &known
            && let Some(fingerprint) = self.look(query, reading, tick).await?
        {
            return Ok(Asked::Fingerprint(fingerprint));
        }
        let reading = match self.find(&query.sql).await? {
            Found::Reading(reading) => {
                // What was prepared before may still mean what it meant then.
                self.editions.renew(&query.sql);
                Arc::new(reading)
            }
            Found::Unwatched(tables) => return Ok(Asked::Unwatched(tables)),
            Found::Altered => return Ok(Asked::Altered),
        };
        let found = self.look(query, &reading, tick).await?;
        Ok(found.map_or(Asked::Altered, Asked::Fingerprint))
    }

    /// Asks for generations; nothing when the reading is of another catalogue than the present one.
    async fn look(
        &self,
        query: &Query,
        reading: &Arc<Reading>,
        tick: u64,
    ) -> Result<Option<Fingerprint>> {
        let on = reading.on.iter().flatten();
        let places: Vec<_> = on.flat_map(|on| on.rows(&query.params)).collect();
        let told = generations::ask(&self.line, &reading.catalogue, &places).await?;
        if told.schema != reading.schema {
            return Ok(None);
        }
        if told.scattered {
            self.add_up();
        }
        let rows = places.into_iter().zip(told.generations).collect();
        Ok(Some(self.known.remember(query, reading, tick, rows)))
    }

    /// Asks for the generations of all queries of the first one's statement, and has remembered them.
    async fn look_together(&self, queries: &[Query], tick: u64) -> Result<()> {
        let Some(first) = queries.first() else { return Ok(()) };
        let Some(reading) = self.known.reading(&first.sql) else { return Ok(()) };
        let same = || queries.iter().filter(|query| query.sql == first.sql);
        let places = |query: &Query| -> Vec<_> {
            reading.on.iter().flatten().flat_map(|on| on.rows(&query.params)).collect()
        };
        let all: Vec<_> = same().flat_map(places).collect();
        let told = generations::ask(&self.line, &reading.catalogue, &all).await?;
        if told.schema != reading.schema {
            return Ok(());
        }
        let mut generations = told.generations.into_iter();
        for query in same() {
            let rows = places(query).into_iter().zip(generations.by_ref()).collect();
            self.known.remember(query, &reading, tick, rows);
        }
        Ok(())
    }

    async fn find(&self, sql: &str) -> Result<Found> {
        let mut lent = self.lend().await?;
        let prepared = guard::prepare_anew(lent.client()?, sql).await;
        lent.give_back();
        depend::find(&mut self.looking.get().await?, sql, &prepared?).await
    }

    async fn watch(&self, tables: &[Table]) -> Result<std::result::Result<(), Arc<str>>> {
        Ok(self.refused.watch(&mut self.looking.get().await?, tables).await)
    }

    /// Has the generations added up, by one task at a time, which nobody waits for.
    fn add_up(&self) {
        if self.adding.swap(true, Ordering::AcqRel) {
            return;
        }
        let (looking, adding) = (self.looking.clone(), Arc::clone(&self.adding));
        tokio::spawn(async move {
            let added = async { generations::add_up(&mut looking.get().await?).await };
            if let Err(error) = added.await {
                tracing::debug!(%error, "generations were not added up");
            }
            adding.store(false, Ordering::Release);
        });
    }

    /// What a statement reads; why that is not known, if so.
    async fn reading(&self, sql: &str) -> Result<std::result::Result<Reading, Arc<str>>> {
        for _ in 0..ATTEMPTS {
            match self.find(sql).await? {
                Found::Reading(reading) => return Ok(Ok(reading)),
                Found::Altered => {}
                Found::Unwatched(tables) => {
                    if let Err(why) = self.watch(&tables).await? {
                        return Ok(Err(why));
                    }
                }
            }
        }
        Ok(Err(ALTERED.into()))
    }
}

const ALTERED: &str = "the schema keeps changing";

#[async_trait]
impl Sql for PostgresSql {
    fn identity(&self) -> &str {
        &self.identity
    }

    async fn fingerprint(&self, query: &Query, freshness: Freshness) -> Result<Fingerprint> {
        if let Some(word) = depend::time_in(&query.params) {
            return Ok(Fingerprint::None(format!("'{word}' may be another time each time").into()));
        }
        for _ in 0..ATTEMPTS {
            let tick = self.clock.now(&self.line, freshness).await?;
            if let Some(fingerprint) = self.known.fingerprint(query, tick) {
                return Ok(fingerprint);
            }
            match self.ask(query, tick).await? {
                Asked::Fingerprint(fingerprint) => return Ok(fingerprint),
                Asked::Altered => {}
                Asked::Unwatched(tables) => {
                    if let Err(why) = self.watch(&tables).await? {
                        return Ok(Fingerprint::None(why));
                    }
                }
            }
        }
        Ok(Fingerprint::None(ALTERED.into()))
    }

    async fn fingerprints(
        &self,
        queries: &[Query],
        freshness: Freshness,
    ) -> Result<Vec<Fingerprint>> {
        let Some(first) = queries.first() else { return Ok(Vec::new()) };
        let tick = self.clock.now(&self.line, freshness).await?;
        if !queries.iter().all(|query| self.known.fingerprint(query, tick).is_some()) {
            // What they read is found for one of them, and holds for all of one statement.
            self.fingerprint(first, freshness).await?;
            self.look_together(queries, tick).await?;
        }
        let mut found = Vec::with_capacity(queries.len());
        for query in queries {
            let timeless = depend::time_in(&query.params).is_none();
            let known = self.known.fingerprint(query, tick).filter(|_| timeless);
            found.push(match known {
                Some(fingerprint) => fingerprint,
                None => self.fingerprint(query, freshness).await?,
            });
        }
        Ok(found)
    }

    fn place(&self, number: usize) -> String {
        format!("${number}")
    }

    async fn read(&self, query: &Query) -> Result<Rows> {
        read::read(self.lend().await?, query, &self.editions.text(&query.sql)).await
    }

    fn stream(&self, query: Query) -> mpsc::Receiver<Result<Rows>> {
        let (rows, taken) = mpsc::channel(2);
        let (pool, tls) = (self.pool.clone(), self.tls.clone());
        let text = self.editions.text(&query.sql);
        tokio::spawn(async move {
            let streamed = async {
                let lent = Lent::new(pool.get().await?, &tls);
                read::stream(lent, &query, &text, &rows).await
            };
            if let Err(error) = streamed.await {
                // Whoever has gone away needs no answer.
                let _ = rows.send(Err(error)).await;
            }
        });
        taken
    }

    async fn execute(&self, sql: &str, params: &SqlParams, timeout: Duration) -> Result<Executed> {
        self.writers.execute(sql, params, timeout).await
    }

    async fn execute_batch(&self, batch: Batch, progress: Option<Progress>) -> Result<BatchDone> {
        match as_insertion(batch, &PostgreSqlDialect {}) {
            Ok(insertion) => bulk::upsert(&self.writers, insertion, progress).await,
            Err(batch) => batch::execute(&self.writers, batch, progress).await,
        }
    }

    async fn upsert(&self, upsert: Upsert, progress: Option<Progress>) -> Result<BatchDone> {
        bulk::upsert(&self.writers, upsert, progress).await
    }

    async fn explain(&self, sql: &str) -> Result<Plan> {
        let steps = explain::steps(self.lend().await?, sql).await?;
        let warnings = explain::warnings(&steps);
        let (reads, uncached) = match self.reading(sql).await?.map(|reading| reading.on) {
            Ok(Ok(on)) => (on.iter().filter_map(Dependency::shown).collect(), None),
            Ok(Err(why)) | Err(why) => (Vec::new(), Some(why.to_string())),
        };
        Ok(Plan { steps, warnings, reads, uncached })
    }

    async fn advise(&self, examples: Vec<Example>) -> Result<Vec<Advice>> {
        let mut all = Vec::with_capacity(examples.len());
        for example in examples {
            let mut advice = Advice::on(&example, &PostgreSqlDialect {});
            let looked = match explain::steps(self.lend().await?, &example.sql).await {
                Ok(steps) => {
                    advice.warnings = explain::warnings(&steps);
                    advise::look(&self.writers, &example, &mut advice).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = looked {
                advice.note = Some(error.to_string());
            }
            all.push(advice);
        }
        Ok(all)
    }

    fn normal(&self, sql: &str) -> String {
        normal(sql, &PostgreSqlDialect {})
    }

    fn figures(&self) -> serde_json::Value {
        self.pool.figures()
    }
}
