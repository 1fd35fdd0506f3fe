//! Many rows for one table, at the speed of the engine underneath: on the connection without
//! triggers, which raises each group once.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params_from_iter};

use super::guard::{OWN, sql_error};
use super::watch::{Shape, has_others};
use super::{batch, generations};
use crate::error::{Error, Result};
use crate::sql::access::Progress;
use crate::sql::depend::{Affinity, group_of_value};
use crate::sql::insertion::{check_widths, checked, on_conflict, quoted, quoted_list, report};
use crate::sql::{Batch, BatchDone, FailedRow, SqlParams, SqlValue, Upsert};
use crate::sqlite::connection::Writer;

/// Writes rows if that can be done without triggers; gives them back if not.
pub(super) async fn write(
    writer: &Writer,
    upsert: Upsert,
    progress: Option<&Progress>,
) -> Result<std::result::Result<BatchDone, Upsert>> {
    let size = checked(upsert.size)?;
    check_widths(&upsert)?;
    let step = if upsert.atomic { upsert.rows.len().max(1) } else { size };
    let upsert = Arc::new(upsert);
    let mut done = BatchDone::default();
    for start in (0..upsert.rows.len()).step_by(step) {
        let (seen, progress) = (Arc::clone(&upsert), progress.cloned());
        let range = start..upsert.rows.len().min(start + step);
        let wrote = writer
            .try_run(move |transaction| chunk(transaction, &seen, range, progress.as_ref()))
            .await?;
        match wrote {
            Wrote::Done { changed, executed } => {
                done.changed += changed;
                done.executed += executed;
            }
            Wrote::Failed(row) => return Ok(Ok(BatchDone { failed: Some(row), ..done })),
            Wrote::NotSo => {
                let rest = Arc::try_unwrap(upsert).unwrap_or_else(|shared| (*shared).clone());
                return Ok(Err(rest));
            }
        }
    }
    Ok(Ok(done))
}

enum Wrote {
    Done {
        changed: u64,
        executed: u64,
    },
    Failed(FailedRow),
    /// It needs the triggers.
    NotSo,
}

/// What is written; `Err` undoes it.
type Attempt = Result<std::result::Result<Wrote, Wrote>>;

fn chunk(
    transaction: &Transaction<'_>,
    upsert: &Upsert,
    range: std::ops::Range<usize>,
    progress: Option<&Progress>,
) -> Attempt {
    let Some(target) = target(transaction, upsert)? else { return Ok(Err(Wrote::NotSo)) };
    let mut statement =
        transaction.prepare_cached(&sql(upsert, &target.table)).map_err(sql_error)?;
    let (mut changed, mut groups) = (0, BTreeSet::new());
    for index in range.clone() {
        let Some(row) = upsert.rows.get(index) else { break };
        if let Some((column, affinity)) = target.group {
            let group = row.get(column).map(|value| (value, group_of_value(value, affinity)));
            match group {
                Some((_, Some(group))) => drop(groups.insert(group)),
                // Rows without a group are seen by readers of the whole table only.
                Some((SqlValue::Null, None)) => {}
                _ => return Ok(Err(Wrote::NotSo)),
            }
        }
        match statement.execute(params_from_iter(row)).map_err(sql_error) {
            Ok(rows) => changed += rows as u64,
            Err(Error::Invalid(why)) => return Ok(Err(Wrote::Failed(FailedRow { index, why }))),
            Err(error) => return Err(error),
        }
        report(progress, index + 1, upsert.size, range.end);
    }
    generations::raise(transaction, &target.table, "")?;
    for group in groups {
        generations::raise(transaction, &target.table, &group)?;
    }
    Ok(Ok(Wrote::Done { changed, executed: range.len() as u64 }))
}

/// A table that can be written to without its triggers.
struct Target {
    table: String,
    group: Option<(usize, Affinity)>,
}

fn target(db: &Connection, upsert: &Upsert) -> Result<Option<Target>> {
    let sql = "SELECT name FROM pragma_table_list
               WHERE schema = 'main' AND type = 'table' AND lower(name) = lower(?)";
    let name: Option<String> =
        db.prepare_cached(sql)?.query_row([&upsert.table], |row| row.get(0)).optional()?;
    let Some(table) = name.filter(|name| !OWN.contains(&name.as_str())) else { return Ok(None) };
    if table.starts_with("sqlite_") || table == "migrations" || has_others(db, &table)? {
        return Ok(None);
    }
    let shape = Shape::of(db, &table)?;
    let place = |column: &str| upsert.columns.iter().position(|c| c.eq_ignore_ascii_case(column));
    let is_key = |column: &str| upsert.keys.iter().any(|key| key.eq_ignore_ascii_case(column));
    let group = match &shape.group {
        None => None,
        Some((column, affinity)) => {
            let Some(place) = place(column) else { return Ok(None) };
            // An update could move a row out of a group that is not told.
            if !upsert.keys.is_empty() && !is_key(column) {
                return Ok(None);
            }
            Some((place, *affinity))
        }
    };
    if !upsert.keys.is_empty() && is_referred_to(db, &table)? {
        return Ok(None);
    }
    Ok(Some(Target { table, group }))
}

/// Whether an update of its keys may alter other tables.
fn is_referred_to(db: &Connection, table: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_list t
               JOIN pragma_foreign_key_list(t.name) f
               WHERE t.schema = 'main' AND lower(f.\"table\") = lower(?))";
    Ok(db.prepare_cached(sql)?.query_row([table], |row| row.get(0))?)
}

fn sql(upsert: &Upsert, table: &str) -> String {
    let places = vec!["?"; upsert.columns.len()].join(", ");
    let columns = quoted_list(&upsert.columns);
    let conflict = on_conflict(&upsert.columns, &upsert.keys);
    format!("INSERT INTO {} ({columns}) VALUES ({places}){conflict}", quoted(table))
}

/// The same as a batch, for tables that need their triggers.
pub(super) fn as_batch(upsert: Upsert) -> Batch {
    let text = sql(&upsert, &upsert.table);
    Batch {
        size: upsert.size,
        atomic: upsert.atomic,
        ..Batch::new(text, upsert.rows.into_iter().map(SqlParams::Positional).collect())
    }
}

/// Writes rows by the quickest road that keeps every promise.
pub(super) async fn upsert(
    bulk: &Writer,
    slow: &super::write::SqlWriter,
    upsert: Upsert,
    progress: Option<Progress>,
) -> Result<BatchDone> {
    match write(bulk, upsert, progress.as_ref()).await? {
        Ok(done) => Ok(done),
        Err(rest) => batch::execute(slow, as_batch(rest), progress).await,
    }
}
