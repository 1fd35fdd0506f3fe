//! SQL for those who ask, on PostgreSQL.
//!
//! Statements that read run on connections whose transactions cannot write, behind a [`guard`] that
//! lets through what only reads. [`depend`] finds what a statement reads ([`tree`]), [`watch`] has
//! the writes to it told, [`clock`] says whether anybody committed and [`generations`] how often
//! what was written to.

mod advise;
mod batch;
mod bulk;
mod clock;
mod depend;
mod editions;
mod explain;
mod generations;
mod guard;
mod line;
mod read;
mod service;
mod tree;
mod values;
mod watch;
mod write;

pub(super) use service::PostgresSql;
