//! SQL for those who ask, on PostgreSQL.

mod service;

pub(super) use service::PostgresSql;
