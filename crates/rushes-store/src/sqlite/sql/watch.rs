//! Watching a table of the user's: triggers that raise its generations, whichever process writes.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::guard::WATCH;
use crate::error::Result;
use crate::sql::depend::{Affinity, GROUPING};
use crate::sql::insertion::quoted;

/// What of a table's definition its triggers depend on.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) table: String,
    /// The grouping column, where writes to one group can be told from those to others.
    pub(super) group: Option<(String, Affinity)>,
    /// For each unique key without the grouping column: a condition that a row `o` has the key of
    /// the row NEW.
    replaced: Vec<String>,
    /// For an update: what has to change for it to replace another row.
    moved: Vec<String>,
}

impl Shape {
    pub(super) fn of(db: &Connection, table: &str) -> Result<Self> {
        let mut shape = Self {
            table: table.to_owned(),
            group: grouping(db, table)?,
            replaced: Vec::new(),
            moved: Vec::new(),
        };
        let Some((group, _)) = shape.group.clone() else { return Ok(shape) };
        for (index, partial) in unique_indexes(db, table)? {
            match key(db, &index)?.filter(|_| !partial) {
                Some(columns) if columns.iter().any(|(column, _)| *column == group) => {}
                Some(columns) => shape.add_key(&columns),
                // Which rows it may replace cannot be told.
                None => shape.group = None,
            }
        }
        match row_id(db, table)? {
            RowId::Named(name) => shape.add_key(&[(name, None)]),
            RowId::None => {}
            RowId::Hidden => shape.group = None,
        }
        Ok(shape)
    }

    fn add_key(&mut self, columns: &[(String, Option<String>)]) {
        let same = columns.iter().map(|(column, collation)| {
            let collate = collation.as_ref().map(|name| format!(" COLLATE {}", quoted(name)));
            format!("o.{0} = NEW.{0}{1}", quoted(column), collate.unwrap_or_default())
        });
        self.replaced.push(format!("({})", same.collect::<Vec<_>>().join(" AND ")));
        self.moved.extend(
            columns.iter().map(|(column, _)| format!("NEW.{0} IS NOT OLD.{0}", quoted(column))),
        );
    }

    /// The triggers, by name.
    fn triggers(&self) -> BTreeMap<String, String> {
        let whole = raise(&self.table, "VALUES ({table}, '', 1)");
        let mut bodies = vec![("ai", "AFTER INSERT", whole.clone())];
        bodies.push(("ad", "AFTER DELETE", whole.clone()));
        bodies.push(("au", "AFTER UPDATE", whole));
        if let Some((column, _)) = &self.group {
            let one = |row: &str| {
                let values = format!("VALUES ({{table}}, {}, 1)", group_of(row, column));
                raise(&self.table, &values)
            };
            bodies[0].2 += &one("NEW");
            bodies[1].2 += &one("OLD");
            bodies[2].2 += &(one("OLD") + &one("NEW"));
            bodies.extend(self.before(column));
        }
        let named = bodies.into_iter().map(|(suffix, when, body)| {
            let name = format!("{WATCH}{}_{suffix}", self.table);
            let (trigger, table) = (quoted(&name), quoted(&self.table));
            let (when, condition) = when.split_once(" WHEN ").unwrap_or((when, ""));
            let condition = match condition {
                "moved" => format!(" WHEN {}", self.moved.join(" OR ")),
                "replaces" => format!(" WHEN {}", self.replaces()),
                _ => String::new(),
            };
            let sql =
                format!("CREATE TRIGGER {trigger} {when} ON {table}{condition} BEGIN {body} END");
            (name, sql)
        });
        named.collect()
    }

    /// REPLACE removes rows without telling a trigger: they are looked up before.
    fn before(&self, column: &str) -> Vec<(&'static str, &'static str, String)> {
        if self.replaced.is_empty() {
            return Vec::new();
        }
        let rows = format!(
            "SELECT {{table}}, {}, 1 FROM {} AS o WHERE {}",
            group_of("o", column),
            quoted(&self.table),
            self.replaced.join(" OR ")
        );
        let body = raise(&self.table, &rows);
        vec![
            ("bi", "BEFORE INSERT WHEN replaces", body.clone()),
            ("bu", "BEFORE UPDATE WHEN moved", body),
        ]
    }

    fn replaces(&self) -> String {
        let (table, rows) = (quoted(&self.table), self.replaced.join(" OR "));
        format!("EXISTS (SELECT 1 FROM {table} AS o WHERE {rows})")
    }
}

fn raise(table: &str, rows: &str) -> String {
    let table = format!("'{}'", table.replace('\'', "''"));
    let rows = rows.replace("{table}", &table);
    format!("INSERT INTO sql_generations {rows} ON CONFLICT DO UPDATE SET gen = gen + 1; ")
}

/// The group of a row, as [`crate::sql::depend::group_of_value`] has that of a value: values which any
/// of SQLite's own collations calls equal are one.
fn group_of(row: &str, column: &str) -> String {
    format!("coalesce(lower(rtrim(CAST({row}.{} AS TEXT))), '')", quoted(column))
}

fn grouping(db: &Connection, table: &str) -> Result<Option<(String, Affinity)>> {
    let mut statement = db.prepare_cached("SELECT name, type FROM pragma_table_xinfo(?)")?;
    let columns = statement
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, String)>>>()?;
    let named = |wanted: &&str| columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let column = GROUPING.iter().find_map(named);
    Ok(column.and_then(|(name, declared)| {
        let declared = declared.to_uppercase();
        let is = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        match () {
            () if is(&["INT"]) => Some((name.clone(), Affinity::Integer)),
            () if is(&["CHAR", "CLOB", "TEXT"]) => Some((name.clone(), Affinity::Text)),
            () => None,
        }
    }))
}

/// The table's unique indexes, and whether each is partial.
fn unique_indexes(db: &Connection, table: &str) -> Result<Vec<(String, bool)>> {
    let sql = "SELECT name, partial FROM pragma_index_list(?) WHERE \"unique\" ORDER BY name";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Columns of a key with their collations; `None` where it is over expressions, or where values
/// may be equal that are of different groups.
#[expect(clippy::type_complexity, reason = "two names")]
fn key(db: &Connection, index: &str) -> Result<Option<Vec<(String, Option<String>)>>> {
    let sql = "SELECT cid, name, coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([index])?;
    let mut columns = Vec::new();
    while let Some(row) = rows.next()? {
        let collation: String = row.get(2)?;
        let known = ["BINARY", "NOCASE", "RTRIM"].contains(&collation.to_uppercase().as_str());
        if row.get::<_, i64>(0)? < -1 || !known {
            return Ok(None);
        }
        match row.get::<_, Option<String>>(1)? {
            Some(column) => columns.push((column, Some(collation))),
            None => return Ok(None),
        }
    }
    Ok(Some(columns))
}

enum RowId {
    /// What it can be called.
    Named(String),
    /// Columns have taken all its names.
    Hidden,
    /// The table has none.
    None,
}

fn row_id(db: &Connection, table: &str) -> Result<RowId> {
    let sql = "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?";
    let without: Option<bool> =
        db.prepare_cached(sql)?.query_row([table], |row| row.get(0)).optional()?;
    if without == Some(true) {
        return Ok(RowId::None);
    }
    let taken: Vec<String> = db
        .prepare_cached("SELECT lower(name) FROM pragma_table_xinfo(?)")?
        .query_map([table], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let free =
        ["_rowid_", "rowid", "oid"].into_iter().find(|name| !taken.iter().any(|t| t == name));
    Ok(free.map_or(RowId::Hidden, |name| RowId::Named(name.to_owned())))
}

/// Whether the table's triggers are those that its shape demands.
pub(super) fn is_watched(db: &Connection, shape: &Shape) -> Result<bool> {
    Ok(present(db, &shape.table)? == shape.triggers())
}

fn present(db: &Connection, table: &str) -> Result<BTreeMap<String, String>> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1
               AND substr(name, 1, length(?2)) = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map([table, WATCH], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Has a table watched, as it is now. Whatever of its writes was missed before is no matter: the
/// schema's version, which every cached answer hangs on, changes with this.
pub(super) fn watch(transaction: &Transaction<'_>, table: &str) -> Result<()> {
    let shape = Shape::of(transaction, table)?;
    let wanted = shape.triggers();
    // A table that was renamed has taken along the triggers named after its old name.
    for name in present(transaction, table)?.keys().chain(wanted.keys()) {
        transaction.execute_batch(&format!("DROP TRIGGER IF EXISTS {}", quoted(name)))?;
    }
    for sql in wanted.values() {
        transaction.execute_batch(sql)?;
    }
    Ok(())
}

/// Whether the table has triggers of the user's own.
pub(super) fn has_others(db: &Connection, table: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger'
               AND lower(tbl_name) = lower(?1) AND substr(name, 1, length(?2)) <> ?2)";
    Ok(db.prepare_cached(sql)?.query_row([table, WATCH], |row| row.get(0))?)
}
