//! SQL for those who ask: cached exactly, timed, explained.
//!
//! [`Rushes::query`] answers statements that read, from the cache where nothing that they read has
//! changed since; the layer finds out by itself what that is. [`Rushes::execute`] and
//! [`Rushes::execute_batch`] write to tables of the user's own in the library's database. Every
//! statement is timed, whatever its values ([`Rushes::statements`]); [`Rushes::advise`] tries out
//! indexes for those that took longest.
//!
//! [`Rushes::query_page`] and [`Rushes::query_stream`] answer any number of rows; a [`Loader`] makes
//! one statement of what many tasks ask one by one.
//!
//! [`Rushes::query_page`]: crate::Rushes::query_page
//! [`Rushes::query_stream`]: crate::Rushes::query_stream
//! [`Rushes::query`]: crate::Rushes::query
//! [`Rushes::execute`]: crate::Rushes::execute
//! [`Rushes::execute_batch`]: crate::Rushes::execute_batch
//! [`Rushes::statements`]: crate::Rushes::statements
//! [`Rushes::advise`]: crate::Rushes::advise

mod advise;
mod ask;
mod load;
mod page;
mod record;
mod workload;
mod write;

pub(crate) use ask::NAMESPACE;
pub use ask::{SqlAnswer, SqlRequest};
pub use load::{LoadedRows, Loader};
pub use page::SqlPage;
pub(crate) use record::Recorder;
pub use rushes_store::{
    Advice, Batch, BatchDone, Executed, FailedRow, Freshness, Plan, PlanStep, Rows, SqlParams,
    SqlValue, StatementFigures, Suggestion, Upsert,
};
