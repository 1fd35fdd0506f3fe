//! The embedded store: one SQLite file in WAL mode.
//!
//! One thread owns the writing connection and takes its work from a channel; reads go to a few
//! connections of their own and never wait for a writer. A short read runs in place, on the
//! thread that asks (moving it to another thread costs several times the read itself); searches
//! and checks are moved off.

mod change;
mod connection;
mod copy;
mod entries;
mod finish;
mod migrate;
mod queries;
mod rows;
mod runs;
mod search;
mod sql;
mod store;
#[cfg(test)]
mod tests;
mod videos;
mod write;

pub use connection::{Durability, SqliteOptions};
pub use copy::{CopyProgress, SqliteCopy};
pub use store::SqliteStore;
