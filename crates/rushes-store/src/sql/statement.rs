//! What is asked of the SQL layer, and what it says of a statement.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::value::{SqlParams, SqlValue};

/// A statement that reads.
#[derive(Clone, Debug)]
pub struct Query {
    /// One SELECT, VALUES or WITH … SELECT.
    pub sql: Arc<str>,
    /// What its placeholders stand for.
    pub params: SqlParams,
    /// The most rows that its answer may have; more are an error.
    pub rows: usize,
    /// The most bytes of memory that its answer may take; more are an error.
    pub bytes: usize,
    /// How long it may run before it is interrupted.
    pub timeout: Duration,
}

impl Query {
    /// A statement with the usual bounds: 100,000 rows, 256 MB, 30 seconds.
    pub fn new(sql: impl Into<Arc<str>>, params: impl Into<SqlParams>) -> Self {
        Self {
            sql: sql.into(),
            params: params.into(),
            rows: 100_000,
            bytes: 256 << 20,
            timeout: Duration::from_secs(30),
        }
    }
}

/// How fresh the generations must be that an answer is checked against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Freshness {
    /// Every commit that was acknowledged to anybody, in any process, before the call.
    #[default]
    Strict,
    /// Every commit of this process; those of others within the bound that the store was opened
    /// with.
    Near,
}

/// What a cached answer hangs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fingerprint {
    /// Differs whenever anything that the statement reads may have changed: the version of the
    /// schema, and the sum of the generations of what it reads (each of which only grows).
    Of {
        /// The schema.
        schema: i64,
        /// The sum of the generations.
        sum: u64,
    },
    /// The statement must be asked each time; why.
    None(Arc<str>),
}

/// What a statement that writes did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executed {
    /// Rows that it inserted, updated or deleted itself.
    pub rows: u64,
}

/// One statement for many rows of parameters.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The statement.
    pub sql: Arc<str>,
    /// The parameters, once for each time that it is executed.
    pub rows: Vec<SqlParams>,
    /// Rows between two reports of progress, and between two commits unless `atomic`.
    pub size: usize,
    /// Whether all rows are one transaction, so that a failing row undoes all.
    pub atomic: bool,
    /// How long it may take in all before it is interrupted.
    pub timeout: Duration,
}

impl Batch {
    /// A statement for many rows, in one transaction.
    pub fn new(sql: impl Into<Arc<str>>, rows: Vec<SqlParams>) -> Self {
        Self { sql: sql.into(), rows, size: 100, atomic: true, timeout: Duration::from_secs(3600) }
    }
}

/// What became of a [`Batch`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchDone {
    /// Rows of the table that were inserted, updated or deleted, and are committed.
    pub changed: u64,
    /// Rows of parameters that were executed and committed.
    pub executed: u64,
    /// The first row of parameters that failed, after which nothing was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedRow>,
}

/// A row of parameters that the database refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRow {
    /// Which, from 0.
    pub index: usize,
    /// Why.
    pub why: String,
}

/// Rows for one table, to be inserted or, where `keys` are there already, updated.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// The table.
    pub table: String,
    /// The columns that the rows hold.
    pub columns: Vec<String>,
    /// Columns of a unique key: rows that have the same are updated. Empty: rows are inserted.
    pub keys: Vec<String>,
    /// The rows, each with one value a column.
    pub rows: Vec<Vec<SqlValue>>,
    /// Rows between two reports of progress, and between two commits unless `atomic`.
    pub size: usize,
    /// Whether all rows are one transaction.
    pub atomic: bool,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// How deep it is nested, from 0.
    pub depth: usize,
    /// What the database says that it does.
    pub what: String,
}

/// How the database would answer a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<PlanStep>,
    /// What is dear in it, each in a sentence: tables read from end to end, sorting in memory.
    pub warnings: Vec<String>,
    /// What a cached answer depends on: tables, and `table/video` where one video suffices.
    pub reads: Vec<String>,
    /// Why an answer is never cached, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncached: Option<String>,
}
