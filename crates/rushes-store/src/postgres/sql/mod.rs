//! SQL for those who ask, on PostgreSQL.
//!
//! Statements that read run on connections whose transactions cannot write, behind a [`guard`] that
//! lets through what only reads. Their answers are never cached yet, so none is ever stale.

mod explain;
mod guard;
mod read;
mod service;
mod values;

pub(super) use service::PostgresSql;
