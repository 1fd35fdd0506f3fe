//! The [`Sql`] of a library in PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use sqlparser::dialect::PostgreSqlDialect;
use tokio::sync::mpsc;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::read::Lent;
use super::{explain, read};
use crate::error::{Error, Result};
use crate::postgres::ask;
use crate::postgres::connect::Target;
use crate::postgres::pool::{Pool, PostgresOptions, Size};
use crate::sql::access::Progress;
use crate::sql::normal::normal;
use crate::sql::{
    Advice, Batch, BatchDone, Example, Executed, Fingerprint, Freshness, Plan, Query, Rows, Sql,
    SqlParams, Upsert,
};

/// What each connection for statements begins with: it only reads; a user's own tables come before
/// the library's; times are told alike everywhere.
const READING: &str = "SET default_transaction_read_only = on; SET TimeZone = 'UTC';
    SET search_path = \"$user\", public, rushes; SET jit = off;
    SET idle_in_transaction_session_timeout = '60s'";

/// Why an answer is asked for each time.
const UNCACHED: &str = "answers of PostgreSQL are not cached yet";

/// SQL on a library in PostgreSQL.
pub(in crate::postgres) struct PostgresSql {
    identity: String,
    pool: Pool,
    tls: MakeRustlsConnect,
    /// Prepared statements that a connection keeps.
    statements: usize,
}

impl std::fmt::Debug for PostgresSql {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("PostgresSql").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl PostgresSql {
    pub(in crate::postgres) async fn open(
        target: &Target,
        own: &Pool,
        options: &PostgresOptions,
    ) -> Result<Self> {
        let client = own.get().await?;
        let row = ask::row(&client, "SELECT identity FROM library", &[]).await?;
        let size = Size {
            connections: options.sql.connections,
            wait: options.sql.wait,
            connect_timeout: options.connect_timeout,
            setup: READING,
            more: "sql_connections",
        };
        Ok(Self {
            identity: row.try_get(0)?,
            pool: Pool::new(target, &size)?,
            tls: target.tls.clone(),
            statements: options.sql.statements,
        })
    }

    async fn lend(&self) -> Result<Lent> {
        let client = self.pool.get().await?;
        if client.statement_cache.size() > self.statements {
            client.statement_cache.clear();
        }
        Ok(Lent::new(client, &self.tls))
    }
}

fn refused<T>() -> Result<T> {
    Err(Error::invalid("SQL only reads a library in PostgreSQL: write to tables of yours by psql"))
}

#[async_trait]
impl Sql for PostgresSql {
    fn identity(&self) -> &str {
        &self.identity
    }

    async fn fingerprint(&self, _: &Query, _: Freshness) -> Result<Fingerprint> {
        Ok(Fingerprint::None(UNCACHED.into()))
    }

    async fn read(&self, query: &Query) -> Result<Rows> {
        read::read(self.lend().await?, query).await
    }

    fn stream(&self, query: Query) -> mpsc::Receiver<Result<Rows>> {
        let (rows, taken) = mpsc::channel(2);
        let (pool, tls) = (self.pool.clone(), self.tls.clone());
        tokio::spawn(async move {
            let streamed = async {
                let lent = Lent::new(pool.get().await?, &tls);
                read::stream(lent, &query, &rows).await
            };
            if let Err(error) = streamed.await {
                // Whoever has gone away needs no answer.
                let _ = rows.send(Err(error)).await;
            }
        });
        taken
    }

    async fn execute(&self, _: &str, _: &SqlParams, _: Duration) -> Result<Executed> {
        refused()
    }

    async fn execute_batch(&self, _: Batch, _: Option<Progress>) -> Result<BatchDone> {
        refused()
    }

    async fn upsert(&self, _: Upsert, _: Option<Progress>) -> Result<BatchDone> {
        refused()
    }

    async fn explain(&self, sql: &str) -> Result<Plan> {
        let steps = explain::steps(self.lend().await?, sql).await?;
        let warnings = explain::warnings(&steps);
        Ok(Plan { steps, warnings, reads: Vec::new(), uncached: Some(UNCACHED.to_owned()) })
    }

    async fn advise(&self, examples: Vec<Example>) -> Result<Vec<Advice>> {
        let mut advice = Vec::with_capacity(examples.len());
        for example in examples {
            let plan = self.explain(&example.sql).await;
            let (warnings, note) = match plan {
                Ok(plan) => (plan.warnings, "indexes are not tried out on PostgreSQL yet".into()),
                Err(error) => (Vec::new(), error.to_string()),
            };
            advice.push(Advice {
                statement: self.normal(&example.sql),
                count: example.count,
                total_micros: example.total_micros,
                warnings,
                suggestion: None,
                note: Some(note),
            });
        }
        Ok(advice)
    }

    fn normal(&self, sql: &str) -> String {
        normal(sql, &PostgreSqlDialect {})
    }

    fn figures(&self) -> serde_json::Value {
        self.pool.figures()
    }
}
