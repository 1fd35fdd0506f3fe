//! What a statement depends on: PostgreSQL is had to read it as a view, which is never made, and
//! what it keeps of a view names every table, function and type ([`super::tree`]).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::{Client, Transaction};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::Token;
use tokio_postgres::Statement;

use super::generations;
use super::guard::{self, words};
use super::tree::Tree;
use super::watch::Table;
use crate::error::Result;
use crate::postgres::ask;
use crate::sql::SqlParams;
use crate::sql::SqlValue;
use crate::sql::depend::{self, Affinity, Catalogue, Dependency, Reading, VIEWS};
use crate::sql::insertion::quoted;
use crate::sql::narrow::{Bound, narrow};

/// Built-in functions that PostgreSQL does not call immutable, but which hang on their values and on
/// settings only that are the same on all connections ([`super::service`]).
const STEADY: [&str; 30] = [
    "anytextcat",
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "date_part",
    "date_trunc",
    "extract",
    "format",
    "json_agg",
    "json_agg_strict",
    "json_build_array",
    "json_build_object",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object_agg",
    "quote_literal",
    "quote_nullable",
    "row_to_json",
    "string_to_table",
    "textanycat",
    "timestamptz_pl_interval",
    "timestamptz_mi_interval",
    "timezone",
    "to_char",
    "to_json",
    "to_jsonb",
];
/// Types whose values are shown by what the catalogue calls them at the time (`regclass`).
const OF_CATALOGUE: [u32; 11] = [24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191];
/// Words that are read as a time by the clock.
const OF_TIME: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];
/// Longer texts are no times.
const TIME: usize = 48;
/// Tables and views of the library.
pub(super) const OWN: [&str; 15] = [
    "again",
    "conversation",
    "entries",
    "generations",
    "lanes",
    "library",
    "messages",
    "migrations",
    "names",
    "recipes",
    "runs",
    "sql_generations",
    "sql_writes",
    "timeline",
    "videos",
];
/// What the view would be called.
const VIEW: &str = "rushes_reading";

/// What was found of a statement.
pub(super) enum Found {
    /// What it depends on.
    Reading(Reading),
    /// These tables must be watched first.
    Unwatched(Vec<Table>),
    /// The catalogue was altered meanwhile.
    Altered,
}

/// Finds what a statement depends on that was let through. Twice, with a look at the catalogue after
/// each: what was found the second time holds for the catalogue that was seen both times.
pub(super) async fn find(client: &mut Client, sql: &str, prepared: &Statement) -> Result<Found> {
    let first = analyse(client, sql, prepared).await?;
    let before = generations::schema(client, &first.catalogue).await?;
    let read = analyse(client, sql, prepared).await?;
    let schema = generations::schema(client, &read.catalogue).await?;
    if first.catalogue != read.catalogue || schema != before {
        return Ok(Found::Altered);
    }
    if !read.unwatched.is_empty() {
        return Ok(Found::Unwatched(read.unwatched));
    }
    Ok(Found::Reading(Reading { schema, on: read.on, catalogue: read.catalogue }))
}

/// What a look at a statement came to.
struct Read {
    catalogue: Catalogue,
    on: std::result::Result<Vec<Dependency>, Arc<str>>,
    unwatched: Vec<Table>,
}

async fn analyse(client: &mut Client, sql: &str, prepared: &Statement) -> Result<Read> {
    let catalogue = Catalogue { relations: Vec::new(), words: words(sql)? };
    let mut read = Read { catalogue, on: Ok(Vec::new()), unwatched: Vec::new() };
    let not = |why: String| Ok::<_, crate::Error>(Err::<Vec<Dependency>, Arc<str>>(why.into()));
    if let Some(word) = of_time(sql)? {
        read.on = not(format!("'{word}' is another time each time"))?;
        return Ok(read);
    }
    let view = as_view(sql, prepared)?;
    let transaction = client.transaction().await?;
    if let Err(error) = transaction.execute(&view, &[]).await {
        read.on = not(format!("it is no view: {}", guard::explain(error)))?;
        return Ok(read);
    }
    let sources = Sources::look_up(&transaction).await?;
    read.catalogue.relations = sources.kinds.keys().copied().collect();
    read.on = match sources.changing(&transaction).await? {
        Some(why) => not(why)?,
        None => {
            let tables = sources.tables(&transaction).await?;
            for table in &tables {
                if !table.is_watched(&transaction).await? {
                    read.unwatched.push(table.clone());
                }
            }
            Ok(sources.dependencies(sql, &tables))
        }
    };
    transaction.rollback().await?;
    Ok(read)
}

/// The statement as a view, with values that are not there in the place of its parameters: what it
/// is made of hangs on their types only.
fn as_view(sql: &str, prepared: &Statement) -> Result<String> {
    let mut text = String::with_capacity(sql.len());
    let mut done = 0;
    for (number, place) in guard::places(sql)? {
        let ty = number.checked_sub(1).and_then(|at| prepared.params().get(at));
        let (Some(ty), Some(before)) = (ty, sql.get(done..place.start)) else { continue };
        text.push_str(before);
        text.push_str(&format!("(NULL::{}.{})", quoted(ty.schema()), quoted(ty.name())));
        done = place.end;
    }
    text.push_str(sql.get(done..).unwrap_or_default());
    let columns: Vec<String> =
        (1..=prepared.columns().len()).map(|number| format!("c{number}")).collect();
    Ok(format!("CREATE TEMP VIEW {VIEW} ({}) AS {text}", columns.join(", ")))
}

/// The first text of a statement that may stand for the present time.
fn of_time(sql: &str) -> Result<Option<&'static str>> {
    let tokens = guard::tokens(sql)?;
    Ok(tokens.iter().find_map(|token| match token {
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text)
        | Token::NationalStringLiteral(text) => names_time(text),
        Token::DollarQuotedString(text) => names_time(&text.value),
        _ => None,
    }))
}

fn names_time(text: &str) -> Option<&'static str> {
    if text.len() > TIME {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let mut parts = text.split(|c: char| !c.is_ascii_alphabetic());
    parts.find_map(|part| OF_TIME.into_iter().find(|word| *word == part))
}

/// The first value that may stand for the present time.
pub(super) fn time_in(params: &SqlParams) -> Option<&'static str> {
    let SqlParams::Positional(values) = params else { return None };
    values.iter().find_map(|value| match value {
        SqlValue::Text(text) => names_time(text),
        _ => None,
    })
}

/// A relation that is read.
struct Source {
    oid: u32,
    name: String,
    schema: String,
    kind: String,
    /// Whether something else than a write may change its rows, or writes are not noticed.
    odd: bool,
}

impl Source {
    /// A user may be called `rushes`, whose own tables are in that schema then.
    fn is_ours(&self) -> bool {
        self.schema == "rushes" && OWN.contains(&self.name.as_str())
    }

    fn our_view(
        &self,
    ) -> Option<&'static (&'static str, &'static [&'static str], Option<&'static str>)> {
        VIEWS.iter().find(|(view, ..)| self.is_ours() && self.kind == "v" && *view == self.name)
    }

    fn family(&self) -> Option<&'static str> {
        depend::family(&self.name).filter(|_| self.is_ours() && self.kind == "r")
    }

    fn is_users_table(&self) -> bool {
        self.kind == "r"
            && !self.odd
            && !self.is_ours()
            && !["pg_catalog", "information_schema"].contains(&self.schema.as_str())
    }
}

/// All that a statement is made of.
struct Sources {
    tree: Tree,
    /// Every relation, those that are read through views included.
    kinds: BTreeMap<u32, Source>,
    /// Those that the statement names itself.
    named: BTreeSet<u32>,
    /// Those that are read through views of the user's.
    hidden: BTreeSet<u32>,
}

impl Sources {
    async fn look_up(transaction: &Transaction<'_>) -> Result<Self> {
        let sql = "SELECT c.oid, r.ev_action::text FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid
            WHERE c.relnamespace = pg_catalog.pg_my_temp_schema() AND c.relname = $1";
        let row = ask::row(transaction, sql, &[&VIEW]).await?;
        let (own, text): (u32, &str) = (row.try_get(0)?, row.try_get(1)?);
        let mut tree = Tree::default();
        tree.add(text);
        tree.relations.remove(&own);
        let named = tree.relations.clone();
        let mut sources = Self { tree, kinds: BTreeMap::new(), named, hidden: BTreeSet::new() };
        let mut next: Vec<u32> = sources.named.iter().copied().collect();
        while !next.is_empty() {
            let found = describe(transaction, &next).await?;
            next = Vec::new();
            for source in found {
                if source.kind == "v" {
                    let own = source.our_view().is_some();
                    next.extend(sources.open(transaction, source.oid, own).await?);
                }
                sources.kinds.insert(source.oid, source);
            }
            next.retain(|oid| !sources.kinds.contains_key(oid));
        }
        Ok(sources)
    }

    /// Takes in what a view reads.
    async fn open(
        &mut self,
        transaction: &Transaction<'_>,
        view: u32,
        own: bool,
    ) -> Result<BTreeSet<u32>> {
        let sql = "SELECT ev_action::text FROM pg_catalog.pg_rewrite WHERE ev_class = $1";
        let mut inner = Tree::default();
        for row in ask::rows(transaction, sql, &[&view]).await? {
            let text: &str = row.try_get(0)?;
            inner.add(text);
            self.tree.add(text);
        }
        inner.relations.remove(&view);
        if !own || self.hidden.contains(&view) {
            self.hidden.extend(&inner.relations);
        }
        Ok(inner.relations)
    }

    /// Why the statement may answer differently without any write that is noticed.
    async fn changing(&self, transaction: &Transaction<'_>) -> Result<Option<String>> {
        for source in self.kinds.values() {
            let known = source.kind == "v" || source.family().is_some();
            if !(known && !source.odd || source.is_users_table()) {
                let name = &source.name;
                return Ok(Some(format!("{name} is no table whose writes can be noticed")));
            }
        }
        if let Some(node) = self.tree.unknown.first() {
            let node = node.to_lowercase();
            return Ok(Some(format!(
                "what it asks ({node}) may be answered differently each time"
            )));
        }
        let Tree { functions, operators, types, read_as, .. } = &self.tree;
        let [functions, operators] = [functions, operators].map(numbers);
        let [types, read_as] = [types, read_as].map(numbers);
        let (steady, shown) = (STEADY.as_slice(), OF_CATALOGUE.as_slice());
        let params: ask::Params<'_> = &[&functions, &operators, &types, &read_as, &steady, &shown];
        let rows = ask::rows(transaction, CHANGING, params).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    /// The user's tables.
    async fn tables(&self, transaction: &Transaction<'_>) -> Result<Vec<Table>> {
        let mut tables = Vec::new();
        for source in self.kinds.values().filter(|source| source.is_users_table()) {
            tables.extend(Table::look_up(transaction, source.oid).await?);
        }
        Ok(tables)
    }

    fn dependencies(&self, sql: &str, tables: &[Table]) -> Vec<Dependency> {
        let narrowed = self.narrowed(sql, tables);
        let mut on = Vec::new();
        for source in self.kinds.values() {
            let bounds = || narrowed.get(&source.name.to_lowercase()).cloned();
            let text = || bounds().map(|bounds| (Affinity::Text, bounds));
            if self.named.contains(&source.oid) {
                if let Some((_, families, whole)) = source.our_view() {
                    families.iter().for_each(|family| add(&mut on, family, family, text()));
                    whole.iter().for_each(|family| add(&mut on, family, family, None));
                } else if let Some(family) = source.family() {
                    add(&mut on, family, family, text());
                } else if let Some(table) = tables.iter().find(|table| table.oid == source.oid) {
                    let affinity = table.group.map(|(_, affinity)| affinity);
                    let groups = affinity.zip(bounds());
                    add(&mut on, &source.oid.to_string(), &source.name, groups);
                }
            }
            if self.hidden.contains(&source.oid) {
                match source.family() {
                    Some(family) => add(&mut on, family, family, None),
                    None if source.kind == "v" => {}
                    None => add(&mut on, &source.oid.to_string(), &source.name, None),
                }
            }
        }
        on
    }

    /// The tables that the statement names, each with the values that its groups may have.
    fn narrowed(&self, sql: &str, tables: &[Table]) -> HashMap<String, Vec<Bound>> {
        let named = || self.named.iter().filter_map(|oid| self.kinds.get(oid));
        // A view of the user's hides where its tables stand.
        if named().any(|source| source.kind == "v" && source.our_view().is_none()) {
            return HashMap::new();
        }
        let (mut columns, mut seen) = (HashMap::new(), HashSet::new());
        for source in named() {
            let name = source.name.to_lowercase();
            let column = match (source.our_view(), source.family()) {
                (Some(_), _) => Some("video"),
                (None, Some(_)) => (source.name == "videos").then_some("id"),
                (None, None) => {
                    let table = tables.iter().find(|table| table.oid == source.oid);
                    table.and_then(|table| table.group).map(|(column, _)| column)
                }
            };
            // Two of one name cannot be told apart by the statement's text.
            if !seen.insert(name.clone()) {
                columns.remove(&name);
            } else if let Some(column) = column {
                columns.insert(name, column.to_owned());
            }
        }
        narrow(sql, &PostgreSqlDialect {}, &columns)
    }
}

fn add(on: &mut Vec<Dependency>, family: &str, name: &str, groups: Option<(Affinity, Vec<Bound>)>) {
    // What may have changed every group is told apart.
    if groups.is_some() {
        let family = format!("{family}/all");
        depend::add(on, Dependency { family, name: None, groups: None });
    }
    let (family, name) = (family.to_owned(), Some(name.to_owned()));
    depend::add(on, Dependency { family, name, groups });
}

fn numbers(set: &BTreeSet<u32>) -> Vec<u32> {
    set.iter().copied().collect()
}

async fn describe(transaction: &Transaction<'_>, oids: &[u32]) -> Result<Vec<Source>> {
    // Rows that the database forgets when it crashes, that hang on who asks, that stand in other
    // tables as well, or that a subscription writes without triggers.
    let sql = "SELECT c.oid, c.relname::text, n.nspname::text, c.relkind::text,
            c.relpersistence <> 'p' OR c.relrowsecurity
            OR EXISTS (SELECT FROM pg_catalog.pg_inherits i
                       WHERE i.inhrelid = c.oid OR i.inhparent = c.oid)
            OR EXISTS (SELECT FROM pg_catalog.pg_subscription_rel s WHERE s.srrelid = c.oid)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = ANY ($1)";
    let rows = ask::rows(transaction, sql, &[&oids]).await?;
    let source = |row: &tokio_postgres::Row| {
        Ok(Source {
            oid: row.try_get(0)?,
            name: row.try_get(1)?,
            schema: row.try_get(2)?,
            kind: row.try_get(3)?,
            odd: row.try_get(4)?,
        })
    };
    rows.iter().map(source).collect()
}

/// Reasons why functions, operators and types make an answer change without a write.
const CHANGING: &str = "
    SELECT p.proname || '() may answer differently each time' FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE (p.oid = ANY ($1) OR p.oid IN
           (SELECT o.oprcode FROM pg_catalog.pg_operator o WHERE o.oid = ANY ($2)))
    AND CASE WHEN p.oid < 16384 THEN p.provolatile <> 'i'
             AND NOT (p.provolatile = 's' AND p.proname = ANY ($5))
        ELSE p.provolatile <> 'i' OR p.prokind = 'a' OR l.lanname NOT IN ('c', 'internal') END
    UNION ALL
    SELECT 'what a ' || t.typname || ' is called may change without a write'
    FROM pg_catalog.pg_type t WHERE t.oid = ANY ($3)
    AND (t.typtype IN ('e', 'd') OR t.oid = ANY ($6))
    UNION ALL
    SELECT 'text that is read as ' || t.typname || ' may mean another value each time'
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_proc p ON p.oid = t.typinput
    WHERE t.oid = ANY ($4) AND p.provolatile <> 'i'
    LIMIT 1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_mean_the_present_are_found() {
        for text in ["now", " NOW ", "today 10:00", "tomorrow,04:05"] {
            assert!(names_time(text).is_some(), "{text}");
        }
        for text in ["nowhere", "a todays", "epoch", ""] {
            assert!(names_time(text).is_none(), "{text}");
        }
        assert_eq!(of_time("SELECT * FROM t WHERE at > $$yesterday$$").unwrap(), Some("yesterday"));
        assert_eq!(of_time("SELECT now FROM today -- 'now'").unwrap(), None);
    }
}
