//! SQL for those who ask, on SQLite.
//!
//! Statements that read run on connections that cannot write, behind a [`guard`]; those that write
//! run on a connection of their own, on which the triggers are on that raise generations
//! ([`watch`]). [`depend`] finds what a statement reads, [`clock`] whether anybody committed, and
//! [`fingerprint`] puts the two together.

mod advise;
mod batch;
mod bulk;
mod clock;
mod depend;
mod explain;
mod fingerprint;
pub(super) mod generations;
mod guard;
mod pace;
mod pool;
mod read;
mod service;
#[cfg(test)]
mod tests;
mod watch;
mod write;

pub(super) use service::SqliteSql;
