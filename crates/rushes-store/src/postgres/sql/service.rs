//! The [`Sql`] of a library in PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use sqlparser::dialect::PostgreSqlDialect;
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::postgres::ask;
use crate::postgres::connect::Target;
use crate::postgres::pool::{Pool, PostgresOptions};
use crate::sql::access::Progress;
use crate::sql::normal::normal;
use crate::sql::{
    Advice, Batch, BatchDone, Example, Executed, Fingerprint, Freshness, Plan, Query, Rows, Sql,
    SqlParams, Upsert,
};

/// SQL on a library in PostgreSQL.
#[derive(Debug)]
pub(in crate::postgres) struct PostgresSql {
    identity: String,
}

impl PostgresSql {
    pub(in crate::postgres) async fn open(
        _target: &Target,
        own: &Pool,
        _options: &PostgresOptions,
    ) -> Result<Self> {
        let client = own.get().await?;
        let row = ask::row(&client, "SELECT identity FROM library", &[]).await?;
        Ok(Self { identity: row.try_get(0)? })
    }
}

fn refused<T>() -> Result<T> {
    Err(Error::invalid("a library in PostgreSQL does not answer SQL yet: ask it with psql"))
}

#[async_trait]
impl Sql for PostgresSql {
    fn identity(&self) -> &str {
        &self.identity
    }

    async fn fingerprint(&self, _: &Query, _: Freshness) -> Result<Fingerprint> {
        refused()
    }

    async fn read(&self, _: &Query) -> Result<Rows> {
        refused()
    }

    fn stream(&self, _: Query) -> mpsc::Receiver<Result<Rows>> {
        let (rows, taken) = mpsc::channel(1);
        let _ = rows.try_send(refused());
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

    async fn explain(&self, _: &str) -> Result<Plan> {
        refused()
    }

    async fn advise(&self, _: Vec<Example>) -> Result<Vec<Advice>> {
        refused()
    }

    fn normal(&self, sql: &str) -> String {
        normal(sql, &PostgreSqlDialect {})
    }

    fn figures(&self) -> serde_json::Value {
        serde_json::json!({})
    }
}
