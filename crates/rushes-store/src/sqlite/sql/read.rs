//! One statement that reads: prepared once, bound, stepped, bounded.

use std::sync::atomic::Ordering;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, Statement, StatementStatus, ToSql};
use tokio::sync::mpsc;

use super::guard::Mode;
use super::pool::{Pool, Reader};
use crate::error::{Error, Result};
use crate::sql::bounds::{Gathered, mismatch, out_of_time};
use crate::sql::{Query, Rows, SqlParams, SqlValue};

impl ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(whole) => ValueRef::Integer(*whole),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Rows that a stream brings at once.
const CHUNK: usize = 256;

/// Runs a statement to its end, or to the first of its bounds.
pub(super) fn read(reader: &mut Reader, pool: &Pool, query: &Query) -> Result<Rows> {
    let mut found = Gathered::new(query);
    run(reader, pool, query, |columns, row| {
        if found.rows.columns.is_empty() {
            found.rows.columns = columns.to_vec();
        }
        row.map_or(Ok(()), |row| found.add(row))
    })?;
    Ok(found.rows)
}

/// Runs a statement as fast as its rows are taken.
pub(super) fn stream(
    reader: &mut Reader,
    pool: &Pool,
    query: &Query,
    to: &mpsc::Sender<Result<Rows>>,
) -> Result<()> {
    let mut some: Vec<Vec<SqlValue>> = Vec::new();
    let left = || Error::invalid("nobody takes the rows any more");
    run(reader, pool, query, |columns, row| {
        let end = row.is_none();
        some.extend(row);
        if end || some.len() >= CHUNK {
            let full = Rows { columns: columns.to_vec(), rows: std::mem::take(&mut some) };
            to.blocking_send(Ok(full)).map_err(|_| left())?;
        }
        Ok(())
    })
}

/// Hands each row to `take`, with the names of the columns; at the end none.
fn run(
    reader: &mut Reader,
    pool: &Pool,
    query: &Query,
    take: impl FnMut(&[String], Option<Vec<SqlValue>>) -> Result<()>,
) -> Result<()> {
    reader.deadline.set(query.timeout);
    let done = step(reader, pool, query, take);
    let over = reader.deadline.is_over();
    reader.deadline.lift();
    done.map_err(|error| stopped(error, over, query))
}

fn step(
    reader: &Reader,
    pool: &Pool,
    query: &Query,
    mut take: impl FnMut(&[String], Option<Vec<SqlValue>>) -> Result<()>,
) -> Result<()> {
    if query.sql.trim().is_empty() {
        return Err(Error::invalid("the statement is empty"));
    }
    reader.guard.allow(Mode::Read);
    let explain = |error| reader.guard.explain(error);
    let mut statement = reader.db.prepare_cached(&query.sql).map_err(explain)?;
    let known = statement.get_status(StatementStatus::Run) > 0;
    let counter = if known { &pool.reused } else { &pool.prepared };
    counter.fetch_add(1, Ordering::Relaxed);
    if !statement.readonly() {
        return Err(Error::invalid("only reading is allowed here"));
    }
    bind(&mut statement, &query.params)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(explain)? {
        let mut values = Vec::with_capacity(width);
        for column in 0..width {
            values.push(value(row.get_ref(column)?));
        }
        take(&columns, Some(values))?;
    }
    take(&columns, None)
}

fn value(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(whole) => SqlValue::Integer(whole),
        ValueRef::Real(real) => SqlValue::Real(real),
        ValueRef::Text(text) => SqlValue::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => SqlValue::Blob(bytes.to_owned()),
    }
}

/// Binds each placeholder exactly once.
pub(super) fn bind(statement: &mut Statement<'_>, params: &SqlParams) -> Result<()> {
    let wanted = statement.parameter_count();
    let given = match params {
        SqlParams::Positional(values) => {
            for (at, value) in values.iter().enumerate().take(wanted) {
                statement.raw_bind_parameter(at + 1, value)?;
            }
            values.len()
        }
        SqlParams::Named(values) => {
            for (name, value) in values {
                let at = index_of(statement, name)?;
                statement.raw_bind_parameter(at, value)?;
            }
            values.len()
        }
    };
    if wanted != given {
        return Err(mismatch(wanted, given));
    }
    Ok(())
}

fn index_of(statement: &Statement<'_>, name: &str) -> Result<usize> {
    for sign in [":", "@", "$"] {
        if let Some(at) = statement.parameter_index(&format!("{sign}{name}"))? {
            return Ok(at);
        }
    }
    Err(Error::Invalid(format!("the statement has no placeholder :{name}")))
}

/// Says why a statement was interrupted.
pub(super) fn stopped(error: Error, over: bool, query: &Query) -> Error {
    if !is_interrupted(&error) {
        return error;
    }
    match over {
        true => out_of_time(query),
        false => Error::invalid("interrupted: nobody waits for the answer any more"),
    }
}

pub(super) fn is_interrupted(error: &Error) -> bool {
    let Error::Database(source) = error else { return false };
    let source = source.downcast_ref::<rusqlite::Error>();
    source.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::OperationInterrupted)
}
