//! Statements that write, to tables of the user's only.
//!
//! The library's own tables refuse those who say that they are guests (`rushes.guest`), by triggers;
//! statements that alter the schema are undone when they altered anything of the library's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Client, GenericClient, Transaction};
use sqlparser::tokenizer::Token;
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::depend::OWN;
use super::generations;
use super::guard::{self, HARMLESS};
use super::read::Lent;
use super::values::Given;
use crate::error::{Error, Result};
use crate::postgres::ask;
use crate::postgres::pool::Pool;
use crate::sql::bounds::mismatch;
use crate::sql::depend::Catalogue;
use crate::sql::{Executed, SqlParams, SqlValue};

/// What each connection begins with that writes for others.
pub(super) const GUEST: &str = "SET search_path = \"$user\", public, rushes; SET jit = off;
    SET rushes.guest = 'on'; SET TimeZone = 'UTC'; SET standard_conforming_strings = on;
    SET idle_in_transaction_session_timeout = '60s'";

/// Volatile functions of PostgreSQL's that write nothing but numbers.
const COUNTING: [&str; 4] = ["nextval", "currval", "lastval", "setval"];

/// Connections that write.
pub(super) struct Writers {
    pub(super) pool: Pool,
    pub(super) tls: MakeRustlsConnect,
    /// Commits of this process.
    pub(super) commits: Arc<AtomicU64>,
}

impl Writers {
    pub(super) async fn lend(&self) -> Result<Lent> {
        Ok(Lent::new(self.pool.get().await?, &self.tls))
    }

    /// Executes one statement in a transaction of its own.
    pub(super) async fn execute(
        &self,
        sql: &str,
        params: &SqlParams,
        timeout: Duration,
    ) -> Result<Executed> {
        let SqlParams::Positional(values) = params else { return Err(by_position()) };
        let mut lent = self.lend().await?;
        let done = self.executed(lent.client()?, sql, values, timeout).await;
        // Whatever was left open is undone before anything else is asked on it.
        lent.give_back();
        done
    }

    async fn executed(
        &self,
        client: &mut Client,
        sql: &str,
        values: &[SqlValue],
        timeout: Duration,
    ) -> Result<Executed> {
        let verb = Verb::of(sql)?;
        let transaction = begin(client, timeout).await?;
        let statement = prepare(&transaction, sql).await?;
        let values = bound(&statement, values)?;
        let library = match verb {
            Verb::Rows => None,
            Verb::Schema => Some(Library::look(&transaction).await?),
        };
        let done = transaction.execute_raw(&statement, values).await;
        let rows = done.map_err(|error| stopped(error, timeout))?;
        if let Some(library) = library {
            library.is_as_it_was(&transaction).await?;
        }
        self.commit(transaction).await?;
        Ok(Executed { rows })
    }

    /// Commits. It is counted whether it succeeds or not, as it may have happened all the same.
    pub(super) async fn commit(&self, transaction: Transaction<'_>) -> Result<()> {
        let done = transaction.commit().await;
        self.commits.fetch_add(1, Ordering::Release);
        done.map_err(explain)
    }
}

/// Begins a transaction whose statements end in time.
pub(super) async fn begin(client: &mut Client, timeout: Duration) -> Result<Transaction<'_>> {
    let transaction = client.transaction().await?;
    let millis = timeout.as_millis().clamp(1, 2_000_000_000);
    transaction.batch_execute(&format!("SET LOCAL statement_timeout = {millis}")).await?;
    Ok(transaction)
}

/// Prepares one statement that writes, if it calls nothing that reaches further.
pub(super) async fn prepare(transaction: &Transaction<'_>, sql: &str) -> Result<Statement> {
    let catalogue = "SELECT DISTINCT p.proname::text FROM pg_catalog.pg_proc p
        WHERE p.proname = ANY ($1) AND p.provolatile = 'v' AND p.proname <> ALL ($2)
        AND p.pronamespace = 'pg_catalog'::regnamespace";
    let called = guard::called(sql)?;
    let allowed: Vec<&str> = HARMLESS.into_iter().chain(COUNTING).collect();
    if let Some(function) = ask::rows(transaction, catalogue, &[&called, &allowed]).await?.first() {
        let name: &str = function.try_get(0)?;
        return Err(Error::Invalid(format!("{name}() is not allowed here")));
    }
    transaction.prepare(sql).await.map_err(explain)
}

/// The values, one for each placeholder.
pub(super) fn bound<'v>(statement: &Statement, values: &'v [SqlValue]) -> Result<Vec<Given<'v>>> {
    let wanted = statement.params().len();
    if wanted != values.len() {
        return Err(mismatch(wanted, values.len()));
    }
    values.iter().map(Given::new).collect()
}

pub(super) fn by_position() -> Error {
    Error::invalid("PostgreSQL takes values by position: $1, $2, ...")
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Rows,
    Schema,
}

impl Verb {
    fn of(sql: &str) -> Result<Self> {
        let words = leading_words(sql)?;
        let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
        let refused = |what: &str| Err(Error::Invalid(format!("not allowed here: {what}")));
        let writes = ["INSERT", "UPDATE", "DELETE", "MERGE"];
        match words.first().map_or("", String::as_str) {
            "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" => Ok(Self::Rows),
            "WITH" if has(&writes) => Ok(Self::Rows),
            "WITH" | "SELECT" | "VALUES" | "TABLE" | "SHOW" | "EXPLAIN" => {
                Err(Error::invalid("this statement only reads: ask it as a query"))
            }
            "" => Err(Error::invalid("the statement is empty")),
            "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" => {
                refused("BEGIN, COMMIT, SAVEPOINT; each call is a transaction of its own")
            }
            "ANALYZE" | "REFRESH" => Ok(Self::Schema),
            "CREATE" | "ALTER" | "DROP" => match words.get(1..).and_then(of_schema) {
                Some(verb) => Ok(verb),
                None if has(&["TEMP", "TEMPORARY"]) => refused("temporary tables"),
                None => refused(&words.get(..2).unwrap_or_default().join(" ")),
            },
            other => refused(other),
        }
    }
}

/// What is made, altered or dropped: things of the user's that hold or find rows.
fn of_schema(words: &[String]) -> Option<Verb> {
    let passed = ["OR", "REPLACE", "UNIQUE", "UNLOGGED", "MATERIALIZED", "RECURSIVE"];
    let what = words.iter().find(|word| !passed.contains(&word.as_str()))?;
    let known = ["TABLE", "INDEX", "VIEW", "SEQUENCE", "TYPE", "DOMAIN", "SCHEMA"];
    known.contains(&what.as_str()).then_some(Verb::Schema)
}

/// The bare words of a statement, in capitals.
fn leading_words(sql: &str) -> Result<Vec<String>> {
    let tokens = guard::tokens(sql)?;
    let word = |token: Token| match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
        _ => None,
    };
    Ok(tokens.into_iter().filter_map(word).collect())
}

/// The library's own tables, as they stood before a statement.
struct Library {
    catalogue: Catalogue,
    state: (i64, i64),
}

impl Library {
    async fn look(db: &impl GenericClient) -> Result<Self> {
        let sql = "SELECT array_agg(c.oid) FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'rushes' AND c.relname = ANY ($1)";
        let relations = ask::row(db, sql, &[&OWN.as_slice()]).await?.try_get(0)?;
        let catalogue = Catalogue { relations, words: Vec::new() };
        let state = state(db, &catalogue).await?;
        Ok(Self { catalogue, state })
    }

    async fn is_as_it_was(&self, db: &impl GenericClient) -> Result<()> {
        if state(db, &self.catalogue).await? == self.state {
            return Ok(());
        }
        Err(Error::invalid(
            "what is altered belongs to the library, which changes by ingest, import, memory and rm",
        ))
    }
}

/// The library's part of the catalogue, and how many indexes and constraints it has.
async fn state(db: &impl GenericClient, catalogue: &Catalogue) -> Result<(i64, i64)> {
    let sql = "SELECT (SELECT count(*) FROM pg_catalog.pg_index WHERE indrelid = ANY ($1))
        + (SELECT count(*) FROM pg_catalog.pg_constraint WHERE conrelid = ANY ($1))";
    let count = ask::row(db, sql, &[&catalogue.relations]).await?.try_get(0)?;
    Ok((generations::schema(db, catalogue).await?, count))
}

/// What PostgreSQL says of a statement that writes: mostly that its author should mend it.
pub(super) fn explain(error: tokio_postgres::Error) -> Error {
    let Some(told) = error.as_db_error() else { return error.into() };
    let class = told.code().code().get(..2).unwrap_or_default();
    let mendable = ["21", "22", "23", "25", "2B", "2F", "42", "44", "0A", "54", "P0"];
    if !mendable.contains(&class) {
        return error.into();
    }
    match told.detail() {
        Some(detail) => Error::Invalid(format!("{}: {detail}", told.message())),
        None => Error::invalid(told.message()),
    }
}

/// Says why a statement ended early.
pub(super) fn stopped(error: tokio_postgres::Error, timeout: Duration) -> Error {
    if error.code() == Some(&SqlState::QUERY_CANCELED) {
        return out_of_time(timeout);
    }
    explain(error)
}

pub(super) fn out_of_time(timeout: Duration) -> Error {
    let seconds = timeout.as_secs_f64();
    Error::TooLarge(format!("stopped after {seconds:.1} s; nothing was written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_does_is_told_by_its_first_words() {
        for sql in ["insert into t values (1)", "WITH a AS (SELECT 1) DELETE FROM t", "truncate t"]
        {
            assert_eq!(Verb::of(sql).unwrap(), Verb::Rows, "{sql}");
        }
        for sql in [
            "create unique index i on t (a)",
            "CREATE OR REPLACE VIEW v AS SELECT 1",
            "drop table t",
        ] {
            assert_eq!(Verb::of(sql).unwrap(), Verb::Schema, "{sql}");
        }
        for (sql, why) in [
            ("", "empty"),
            ("SELECT 1", "only reads"),
            ("WITH a AS (SELECT 1) SELECT * FROM a", "only reads"),
            ("COMMIT", "transaction of its own"),
            ("CREATE TEMP TABLE t (x int)", "temporary"),
            ("CREATE EXTENSION dblink", "CREATE EXTENSION"),
            ("DROP ROLE a", "DROP ROLE"),
            ("SET rushes.guest = off", "SET"),
            ("DO $$ BEGIN END $$", "DO"),
            ("COPY t FROM PROGRAM 'x'", "COPY"),
            ("GRANT ALL ON t TO public", "GRANT"),
        ] {
            let error = Verb::of(sql).unwrap_err();
            assert!(error.to_string().contains(why), "{sql}: {error}");
        }
    }
}
