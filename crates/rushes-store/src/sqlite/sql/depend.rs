//! What a statement depends on, found by asking SQLite what it reads and the statement's own text
//! which video it is about.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use sqlparser::dialect::SQLiteDialect;

use super::guard::{Mode, Noted};
use super::pool::Reader;
use super::watch::{Shape, is_watched};
use crate::error::{Error, Result};
use crate::sql::depend::{self, Affinity, Catalogue, Dependency, Reading, VIEWS};
use crate::sql::narrow::{Bound, narrow};

/// What was found of a statement.
pub(super) enum Found {
    /// What it depends on.
    Reading(Reading),
    /// These tables must be watched first.
    Unwatched(Vec<String>),
}

/// What a table of the library is watched as, the text index and the tables it keeps included.
fn family(table: &str) -> Option<&'static str> {
    if table.starts_with("entries_text") { Some("entries") } else { depend::family(table) }
}

/// Finds what a statement depends on. The reader is in a snapshot.
pub(super) fn find(reader: &Reader, sql: &str) -> Result<Found> {
    let db = &reader.db;
    let schema = schema_version(db)?;
    // SQLite prepares a statement by the schema as this connection knows it, and looks whether it
    // is still the present one when a statement runs.
    db.prepare_cached("SELECT 1 FROM library")?.query_row([], |_| Ok(()))?;
    reader.guard.allow(Mode::Read);
    let prepared = db.prepare(sql).map_err(|error| reader.guard.explain(error));
    let noted = reader.guard.noted();
    reader.guard.allow(Mode::Trust);
    if !prepared?.readonly() {
        return Err(Error::invalid("only reading is allowed here; `execute` writes"));
    }
    let not = |why: String| {
        Found::Reading(Reading { schema, on: Err(why.into()), catalogue: Catalogue::default() })
    };
    if let Some(why) = changing(db, &noted)? {
        return Ok(not(why));
    }
    let mut finder = Finder { db, noted, groups: BTreeMap::new(), on: Vec::new() };
    match finder.tables()? {
        Tables::Uncacheable(why) => Ok(not(why)),
        Tables::Unwatched(tables) => Ok(Found::Unwatched(tables)),
        Tables::Users(tables) => {
            finder.depend(sql, &tables);
            let (on, catalogue) = (Ok(finder.on), Catalogue::default());
            Ok(Found::Reading(Reading { schema, on, catalogue }))
        }
    }
}

pub(super) fn schema_version(db: &Connection) -> Result<i64> {
    let mut statement = db.prepare_cached("PRAGMA schema_version")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Functions that answer differently without any write, though SQLite calls them constant.
const OF_TIME: [&str; 9] = [
    "date",
    "time",
    "datetime",
    "julianday",
    "unixepoch",
    "strftime",
    "timediff",
    "current_timestamp",
    "random",
];
/// Functions that SQLite does not call constant, though they are: of the text index.
const OF_TEXT: [&str; 5] = ["match", "bm25", "snippet", "highlight", "fts5"];

/// Why the statement may answer differently without any write.
fn changing(db: &Connection, noted: &Noted) -> Result<Option<String>> {
    if noted.pragma && !noted.reads.iter().any(|(table, _)| table.starts_with("entries_text")) {
        return Ok(Some("it asks a PRAGMA".to_owned()));
    }
    // Aggregates and window functions hang on their rows only.
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_function_list
               WHERE name = ? AND (type <> 's' OR flags & 0x800))";
    let mut constant = db.prepare_cached(sql)?;
    for name in &noted.functions {
        let known = OF_TEXT.contains(&name.as_str())
            || constant.query_row([name], |row| row.get::<_, bool>(0))?;
        if !known || OF_TIME.contains(&name.as_str()) {
            return Ok(Some(format!("{name}() may answer differently each time")));
        }
    }
    Ok(None)
}

enum Tables {
    Uncacheable(String),
    Unwatched(Vec<String>),
    Users(Vec<Shape>),
}

struct Finder<'a> {
    db: &'a Connection,
    noted: Noted,
    /// The grouping column of each table or view that has one, lower case.
    groups: BTreeMap<String, (String, Affinity)>,
    on: Vec<Dependency>,
}

impl Finder<'_> {
    /// The user's tables that are read, all of them watched.
    fn tables(&mut self) -> Result<Tables> {
        let types = table_types(self.db)?;
        let (mut shapes, mut unwatched) = (BTreeMap::new(), Vec::new());
        for (table, _) in self.noted.reads.clone() {
            let kind = types.get(&table).map(String::as_str);
            match (family(&table), kind) {
                (Some(_), _) | (None, Some("view")) => {}
                (None, _) if ["json_each", "json_tree"].contains(&table.as_str()) => {}
                (None, Some("table")) if !is_bookkeeping(&table) => {
                    let shape = Shape::of(self.db, &table)?;
                    if !is_watched(self.db, &shape)? {
                        unwatched.push(table.clone());
                    }
                    shapes.insert(table, shape);
                }
                _ => {
                    let why = format!("{table} is no table whose writes can be noticed");
                    return Ok(Tables::Uncacheable(why));
                }
            }
        }
        if !unwatched.is_empty() {
            return Ok(Tables::Unwatched(unwatched));
        }
        Ok(Tables::Users(shapes.into_values().collect()))
    }

    fn depend(&mut self, sql: &str, tables: &[Shape]) {
        for (view, ..) in VIEWS {
            self.groups.insert(view.to_owned(), ("video".to_owned(), Affinity::Text));
        }
        self.groups.insert("videos".to_owned(), ("id".to_owned(), Affinity::Text));
        for shape in tables {
            if let Some((column, affinity)) = &shape.group {
                let (table, column) = (shape.table.to_lowercase(), column.to_lowercase());
                self.groups.insert(table, (column, *affinity));
            }
        }
        let columns: HashMap<String, String> = self
            .groups
            .iter()
            .map(|(table, (column, _))| (table.clone(), column.clone()))
            .collect();
        // A view of the user's hides where its tables stand.
        let narrowed = match self.through_foreign_views() {
            true => HashMap::new(),
            false => narrow(sql, &SQLiteDialect {}, &columns),
        };
        let reads: Vec<_> = self.noted.reads.iter().cloned().collect();
        for (table, accessor) in reads {
            let view = VIEWS.iter().find(|(view, ..)| {
                accessor.as_deref() == Some(*view) || table.eq_ignore_ascii_case(view)
            });
            match (view, family(&table)) {
                (Some((view, families, whole)), _) => {
                    let bounds = narrowed.get(*view).cloned();
                    for family in *families {
                        self.add(family, bounds.clone().map(|bounds| (Affinity::Text, bounds)));
                    }
                    whole.iter().for_each(|family| self.add(family, None));
                }
                (None, Some(family)) => {
                    let bounds = narrowed.get(&table).cloned();
                    self.add(family, bounds.map(|bounds| (Affinity::Text, bounds)));
                }
                (None, None) if ["json_each", "json_tree"].contains(&table.as_str()) => {}
                (None, None) => {
                    let lower = table.to_lowercase();
                    if !tables.iter().any(|shape| shape.table == table) {
                        continue; // A view: its tables are listed themselves.
                    }
                    let affinity = self.groups.get(&lower).map(|(_, affinity)| *affinity);
                    let bounds = narrowed.get(&lower).cloned();
                    self.add(&table, affinity.zip(bounds));
                }
            }
        }
    }

    fn through_foreign_views(&self) -> bool {
        let ours =
            |name: &str| VIEWS.iter().any(|(view, ..)| *view == name) || name == "searchable";
        let types = table_types(self.db).unwrap_or_default();
        let is_view = |name: &String| types.get(name).is_some_and(|kind| kind == "view");
        let read = self.noted.reads.iter().map(|(table, _)| table);
        read.chain(&self.noted.accessors).any(|name| is_view(name) && !ours(name))
    }

    fn add(&mut self, family: &str, groups: Option<(Affinity, Vec<Bound>)>) {
        let name = Some(family.to_owned());
        depend::add(&mut self.on, Dependency { family: family.to_owned(), name, groups });
    }
}

fn is_bookkeeping(table: &str) -> bool {
    table.starts_with("sqlite_")
        || ["library", "generations", "sql_generations", "migrations"].contains(&table)
}

fn table_types(db: &Connection) -> Result<BTreeMap<String, String>> {
    let sql = "SELECT name, type FROM pragma_table_list WHERE schema = 'main'";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
