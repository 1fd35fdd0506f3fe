//! Asking PostgreSQL, each statement prepared once a connection; and what its failures mean here.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::error::{Error, Result};

/// What the placeholders `$1`, `$2`, ... stand for.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// All rows.
pub(super) async fn rows(
    db: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<Vec<Row>> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query(&statement, params).await?)
}

/// The only row.
pub(super) async fn row(db: &impl GenericClient, sql: &str, params: Params<'_>) -> Result<Row> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_one(&statement, params).await?)
}

/// The only row, if there is one.
pub(super) async fn found(
    db: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<Option<Row>> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_opt(&statement, params).await?)
}

/// How many rows were written.
pub(super) async fn execute(db: &impl GenericClient, sql: &str, params: Params<'_>) -> Result<u64> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, params).await?)
}

/// A count, a limit or an offset as PostgreSQL takes it.
pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            return Self::Database(chain(&error).into());
        };
        let clash = [
            SqlState::UNIQUE_VIOLATION,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::LOCK_NOT_AVAILABLE,
        ];
        if clash.contains(told.code()) {
            let why =
                format!("another process is writing the same; try again ({})", told.message());
            return Self::Busy(why);
        }
        match *told.code() {
            SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::invalid("the library can only be read here: PostgreSQL refuses to write")
            }
            SqlState::INSUFFICIENT_PRIVILEGE => {
                Self::Invalid(format!("PostgreSQL refuses this user: {}", told.message()))
            }
            _ => Self::Database(format!("{} ({})", told.message(), told.code().code()).into()),
        }
    }
}

/// An error with what caused it: the outermost alone says little.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
