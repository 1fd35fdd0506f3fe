//! Libraries in PostgreSQL, for those whom one machine does not suffice.
//!
//! The tables lie in a schema of their own, `rushes`, beside which the same database may hold
//! others. Several processes, on several machines, read and write at once: whoever writes to a
//! video takes an advisory lock that the end of the transaction frees, and the commit counter is
//! raised last, under the lock of its row, so that commits become visible in the order of their
//! numbers. Answers are the same as SQLite's, ranks and snippets of searches included ([`words`]).

mod ask;
mod change;
mod connect;
mod entries;
mod finish;
mod lanes;
mod migrate;
mod pool;
mod queries;
mod rows;
mod runs;
mod search;
mod sql;
mod store;
mod text;
mod videos;
mod words;
mod write;

pub use pool::PostgresOptions;
pub use store::PostgresStore;
