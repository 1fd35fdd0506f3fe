//! The door to SQL.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::advice::{Advice, Example};
use super::statement::{Batch, BatchDone, Executed, Fingerprint, Freshness, Plan, Query, Upsert};
use super::value::{Rows, SqlParams};
use crate::error::Result;

/// Told how many rows of a batch are done.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Statements as their author wrote them. Reading statements cannot write, by construction;
/// writing ones cannot write to the library's own tables, which change through
/// [`crate::Store`] only.
#[async_trait]
pub trait Sql: Send + Sync {
    /// Names this database, differently from every other one.
    fn identity(&self) -> &str;
    /// What a cached answer to the statement hangs on. Watches tables that were not watched yet
    /// (by triggers), so that writes of every process are noticed.
    async fn fingerprint(&self, query: &Query, freshness: Freshness) -> Result<Fingerprint>;
    /// [`Sql::fingerprint`] of several queries, asked for together where the database allows.
    async fn fingerprints(
        &self,
        queries: &[Query],
        freshness: Freshness,
    ) -> Result<Vec<Fingerprint>> {
        let mut found = Vec::with_capacity(queries.len());
        for query in queries {
            found.push(self.fingerprint(query, freshness).await?);
        }
        Ok(found)
    }
    /// How a statement writes the place of its `number`-th value, from 1.
    fn place(&self, number: usize) -> String;
    /// Asks the database.
    async fn read(&self, query: &Query) -> Result<Rows>;
    /// Asks the database for any number of rows, which come a few hundred at a time, as of one
    /// moment, as fast as they are taken. Bounds on rows and bytes do not apply.
    fn stream(&self, query: Query) -> mpsc::Receiver<Result<Rows>>;
    /// Executes one statement that writes, or alters the schema, in a transaction of its own.
    /// What is not over after `timeout` is undone.
    async fn execute(&self, sql: &str, params: &SqlParams, timeout: Duration) -> Result<Executed>;
    /// Executes one statement for many rows. A failing row is reported, not returned as an error.
    async fn execute_batch(&self, batch: Batch, progress: Option<Progress>) -> Result<BatchDone>;
    /// Inserts or updates many rows.
    async fn upsert(&self, upsert: Upsert, progress: Option<Progress>) -> Result<BatchDone>;
    /// How the database would answer.
    async fn explain(&self, sql: &str) -> Result<Plan>;
    /// Which indexes would help these statements, tried out in a scratch copy, or in a transaction
    /// that is undone. Changes nothing.
    async fn advise(&self, examples: Vec<Example>) -> Result<Vec<Advice>>;
    /// The statement without its particulars: for statistics and logs.
    fn normal(&self, sql: &str) -> String;
    /// Figures of the pool and the prepared statements, a JSON object.
    fn figures(&self) -> serde_json::Value;
}
