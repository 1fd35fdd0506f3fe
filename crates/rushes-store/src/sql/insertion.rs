//! Many rows at once: bounds, progress, and batches that only insert, which can be written faster.

use sqlparser::ast::{Expr, ObjectName, SetExpr, Statement, TableObject, Value};
use sqlparser::dialect::Dialect;

use super::access::Progress;
use super::narrow::{parse, plain};
use super::statement::{Batch, Upsert};
use super::value::{SqlParams, SqlValue};
use crate::error::{Error, Result};

/// The size of a batch, which is no nothing.
pub(crate) fn checked(size: usize) -> Result<usize> {
    if size == 0 {
        return Err(Error::invalid("a batch has at least one row: size must be 1 or more"));
    }
    Ok(size)
}

/// Refuses rows that have not a value for each column.
pub(crate) fn check_widths(upsert: &Upsert) -> Result<()> {
    let width = upsert.columns.len();
    match upsert.rows.iter().position(|row| row.len() != width) {
        Some(index) => Err(Error::Invalid(format!(
            "row {index} has {} values for {width} columns",
            upsert.rows.get(index).map_or(0, Vec::len)
        ))),
        None if width == 0 => Err(Error::invalid("name at least one column")),
        None => Ok(()),
    }
}

/// Tells how many rows are done, each `size` rows and at the end.
pub(crate) fn report(progress: Option<&Progress>, done: usize, size: usize, end: usize) {
    if let Some(progress) = progress.filter(|_| done.is_multiple_of(size) || done == end) {
        progress(done as u64);
    }
}

/// A name as SQL writes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names with commas between.
pub(crate) fn quoted_list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// What becomes of a row whose `keys` are there already: an update of all else.
pub(crate) fn on_conflict(columns: &[String], keys: &[String]) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let is_key = |column: &&String| keys.iter().any(|key| key.eq_ignore_ascii_case(column));
    let updates: Vec<String> = columns
        .iter()
        .filter(|column| !is_key(column))
        .map(|column| format!("{0} = excluded.{0}", quoted(column)))
        .collect();
    let then = match updates.is_empty() {
        true => "NOTHING".to_owned(),
        false => format!("UPDATE SET {}", updates.join(", ")),
    };
    format!(" ON CONFLICT ({}) DO {then}", quoted_list(keys))
}

/// A batch that only inserts plain rows, which can be written faster; the batch itself where it
/// is anything else.
pub(crate) fn as_insertion(
    batch: Batch,
    dialect: &dyn Dialect,
) -> std::result::Result<Upsert, Batch> {
    let Some((table, columns)) = insertion(&batch.sql, dialect) else { return Err(batch) };
    let fits = |params: &SqlParams| match params {
        SqlParams::Positional(values) => values.len() == columns.len(),
        SqlParams::Named(_) => false,
    };
    if !batch.rows.iter().all(fits) {
        return Err(batch);
    }
    let rows = batch.rows.into_iter().map(|params| match params {
        SqlParams::Positional(values) => values,
        SqlParams::Named(_) => Vec::<SqlValue>::new(),
    });
    let rows = rows.collect();
    let (size, atomic) = (batch.size, batch.atomic);
    Ok(Upsert { table, columns, keys: Vec::new(), rows, size, atomic })
}

/// The table and columns of `INSERT INTO table (column, …) VALUES (?, …)`, or `($1, $2, …)`.
fn insertion(sql: &str, dialect: &dyn Dialect) -> Option<(String, Vec<String>)> {
    let (_, Statement::Insert(insert)) = parse(sql, dialect)? else { return None };
    let special = insert.or.is_some()
        || insert.on.is_some()
        || insert.returning.is_some()
        || insert.replace_into
        || insert.ignore
        || insert.columns.is_empty();
    let TableObject::TableName(name) = &insert.table else { return None };
    let source = insert.source.as_ref()?;
    let SetExpr::Values(values) = source.body.as_ref() else { return None };
    let [row] = values.rows.as_slice() else { return None };
    let row: &[Expr] = row;
    let all_places = row.len() == insert.columns.len()
        && row.iter().enumerate().all(|(at, value)| is_place(value, at + 1));
    if special || !all_places || source.with.is_some() {
        return None;
    }
    let columns = insert.columns.iter().map(|name| bare(name, 1)).collect::<Option<_>>()?;
    Some((bare(name, 1).or_else(|| bare(name, 2).filter(|_| in_main(name)))?, columns))
}

/// Whether a value is the placeholder that stands at this position.
fn is_place(value: &Expr, position: usize) -> bool {
    matches!(value, Expr::Value(value) if matches!(&value.value, Value::Placeholder(text)
        if text == "?" || text.strip_prefix('$') == Some(position.to_string().as_str())))
}

fn in_main(name: &ObjectName) -> bool {
    let first = name.0.first().and_then(|part| part.as_ident());
    first.is_some_and(|ident| ident.value.eq_ignore_ascii_case("main"))
}

/// A name of so many parts that means the same in any case.
fn bare(name: &ObjectName, parts: usize) -> Option<String> {
    let folds = |part: &sqlparser::ast::ObjectNamePart| {
        part.as_ident().is_some_and(|ident| {
            ident.quote_style.is_none() || ident.value == ident.value.to_lowercase()
        })
    };
    let usual = name.0.len() == parts && name.0.iter().all(folds);
    usual.then(|| plain(name)).flatten()
}
