//! Advice on indexes: each candidate is made in a transaction that is undone, and the statement run
//! with it. Writers of the table wait that long, some seconds at most.

use std::pin::pin;
use std::time::{Duration, Instant};

use deadpool_postgres::{GenericClient, Transaction};
use futures::TryStreamExt;
use sqlparser::dialect::PostgreSqlDialect;
use tokio_postgres::error::SqlState;

use super::guard;
use super::write::{Writers, begin, bound, by_position};
use crate::error::Result;
use crate::postgres::ask;
use crate::sql::advice::{Candidate, candidates};
use crate::sql::insertion::quoted;
use crate::sql::trial::{CANDIDATES, GAIN, SAMPLE, TRIED, percent_more};
use crate::sql::{Advice, Example, SqlParams, SqlValue};

/// The longest that a statement is tried, each time, and that an index may take to be made.
const TRIAL: Duration = Duration::from_secs(2);

/// Looks into a statement that only reads, of which nothing is noted yet.
pub(super) async fn look(writers: &Writers, example: &Example, advice: &mut Advice) -> Result<()> {
    let mut lent = writers.lend().await?;
    let done = look_on(lent.client()?, example, advice).await;
    lent.give_back();
    done
}

async fn look_on(
    client: &mut deadpool_postgres::Client,
    example: &Example,
    advice: &mut Advice,
) -> Result<()> {
    let transaction = begin(client, TRIAL).await?;
    transaction.batch_execute("SET LOCAL lock_timeout = '500ms'").await?;
    let SqlParams::Positional(values) = &example.params else { return Err(by_position()) };
    let mut trial = Trial { transaction, sql: &example.sql, values };
    let before = match trial.time().await? {
        Some(before) if advice.is_quick(before) => return Ok(()),
        Some(before) => before,
        None => {
            advice.note = Some(format!("it takes more than {} s", TRIAL.as_secs()));
            TRIAL
        }
    };
    let mut best = before / GAIN;
    for candidate in candidates(&example.sql, &PostgreSqlDialect {}).iter().take(CANDIDATES) {
        let Some((after, bytes)) = trial.with(candidate).await? else { continue };
        if after < best {
            best = after;
            let cost = trial.write_cost(candidate).await?;
            advice.suggestion = Some(candidate.suggestion(before, after, cost, bytes));
        }
    }
    advice.conclude();
    trial.transaction.rollback().await?;
    Ok(())
}

/// A statement, and a transaction in which anything may be tried.
struct Trial<'a> {
    transaction: Transaction<'a>,
    sql: &'a str,
    values: &'a [SqlValue],
}

impl Trial<'_> {
    async fn time(&mut self) -> Result<Option<Duration>> {
        time(&mut self.transaction, self.sql, self.values).await
    }

    /// The statement's time with an index, and the index's size in bytes; `None` where the index cannot
    /// be made (a view, a column that is not there, a table that is being written to) or is not used.
    async fn with(&mut self, candidate: &Candidate) -> Result<Option<(Duration, u64)>> {
        let mut part = self.transaction.transaction().await?;
        if part.batch_execute(&candidate.sql(TRIED)).await.is_err() {
            part.rollback().await?;
            return Ok(None);
        }
        let size = "SELECT pg_catalog.pg_relation_size(oid) FROM pg_catalog.pg_class
            WHERE relname = $1 ORDER BY oid DESC LIMIT 1";
        let bytes: i64 = ask::row(&part, size, &[&TRIED]).await?.try_get(0)?;
        let time = match is_used(&part, self.sql, self.values).await? {
            true => time(&mut part, self.sql, self.values).await?,
            false => None,
        };
        part.rollback().await?;
        Ok(time.map(|time| (time, u64::try_from(bytes).unwrap_or(0))))
    }

    /// How much longer insertions take with the index, in percent: into a copy of the table, with some
    /// of its rows and all of its indexes.
    async fn write_cost(&mut self, candidate: &Candidate) -> Result<Option<f64>> {
        let part = self.transaction.transaction().await?;
        let table = quoted(&candidate.table);
        let copied = part
            .batch_execute(&format!(
                "CREATE TEMP TABLE rushes_rows AS SELECT * FROM {table} LIMIT {SAMPLE};
                 CREATE TEMP TABLE rushes_sample (LIKE {table} INCLUDING INDEXES)"
            ))
            .await;
        let cost = match copied {
            Ok(()) => cost(&part, candidate).await,
            Err(error) => Err(guard::explain(error)),
        };
        part.rollback().await?;
        cost
    }
}

/// The best of three runs; `None` when one takes too long.
async fn time(
    transaction: &mut Transaction<'_>,
    sql: &str,
    values: &[SqlValue],
) -> Result<Option<Duration>> {
    let mut best = None;
    for _ in 0..3 {
        let part = transaction.transaction().await?;
        part.batch_execute("SET LOCAL transaction_read_only = on").await?;
        let statement = part.prepare(sql).await.map_err(guard::explain)?;
        let values = bound(&statement, values)?;
        let began = Instant::now();
        let ran = async {
            let mut rows = pin!(part.query_raw(&statement, values).await?);
            while rows.try_next().await?.is_some() {}
            Ok::<_, tokio_postgres::Error>(())
        };
        let (ran, took) = (ran.await, began.elapsed());
        part.rollback().await?;
        match ran {
            Ok(()) => best = best.into_iter().chain([took]).min(),
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => return Ok(None),
            Err(error) => return Err(guard::explain(error)),
        }
    }
    Ok(best)
}

/// Whether the statement's plan makes use of the index on trial.
async fn is_used(part: &Transaction<'_>, sql: &str, values: &[SqlValue]) -> Result<bool> {
    let explain = part.prepare(&format!("EXPLAIN {sql}")).await.map_err(guard::explain)?;
    let values = bound(&explain, values)?;
    let mut lines = pin!(part.query_raw(&explain, values).await.map_err(guard::explain)?);
    let mut used = false;
    while let Some(line) = lines.try_next().await.map_err(guard::explain)? {
        used |= line.try_get::<_, &str>(0)?.contains(TRIED);
    }
    Ok(used)
}

async fn cost(part: &Transaction<'_>, candidate: &Candidate) -> Result<Option<f64>> {
    let Some(without) = insertion(part).await? else { return Ok(None) };
    let sample = Candidate { table: "rushes_sample".to_owned(), ..candidate.clone() };
    part.batch_execute(&sample.sql(TRIED)).await.map_err(guard::explain)?;
    Ok(insertion(part).await?.map(|with| percent_more(with, without)))
}

/// The time to insert some rows of the table again, the best of three.
async fn insertion(db: &impl GenericClient) -> Result<Option<Duration>> {
    let mut best = None;
    for _ in 0..3 {
        db.batch_execute("TRUNCATE pg_temp.rushes_sample").await?;
        let began = Instant::now();
        let put = db
            .execute("INSERT INTO pg_temp.rushes_sample SELECT * FROM pg_temp.rushes_rows", &[])
            .await
            .map_err(guard::explain)?;
        if put < u64::from(SAMPLE) {
            return Ok(None);
        }
        best = best.into_iter().chain([began.elapsed()]).min();
    }
    Ok(best)
}
