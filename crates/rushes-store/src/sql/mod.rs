//! SQL for those who ask: statements that read, cached exactly; statements that write to tables of
//! their own; figures, plans and advice.
//!
//! The layer itself finds what a statement reads ([`Fingerprint`]), so nobody has to say what a
//! write makes untrue. `docs/design.md`, "Results of SQL", tells how and why that is exact.

pub(crate) mod access;
pub(crate) mod advice;
pub(crate) mod bounds;
pub(crate) mod depend;
mod encode;
pub(crate) mod insertion;
pub(crate) mod known;
mod monitor;
pub(crate) mod narrow;
pub(crate) mod normal;
mod options;
mod statement;
pub(crate) mod trial;
pub(crate) mod value;

pub use access::{Progress, Sql};
pub use advice::{Advice, Example, Suggestion};
pub use monitor::{Monitor, Outcome, StatementFigures};
pub use options::SqlOptions;
pub use statement::{
    Batch, BatchDone, Executed, FailedRow, Fingerprint, Freshness, Plan, PlanStep, Query, Upsert,
};
pub use value::{Rows, SqlParams, SqlValue};
