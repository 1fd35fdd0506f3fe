//! What a statement may do: read, and nothing beside.
//!
//! The server itself refuses to write in a transaction that only reads. What is left are functions
//! that do more than answer: read the server's files, change settings, hold locks, end other
//! connections, run text as a statement. PostgreSQL calls all of them volatile.

use std::ops::Range;

use deadpool_postgres::{Client, GenericClient};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};
use tokio_postgres::Statement;

use crate::error::{Error, Result};
use crate::postgres::ask;

/// Volatile functions that only answer.
pub(super) const HARMLESS: [&str; 5] =
    ["random", "gen_random_uuid", "clock_timestamp", "timeofday", "pg_sleep"];
/// Longest statement, bytes.
const LONGEST: usize = 1 << 20;

/// Prepares one statement that only reads. A statement is looked into once a connection.
pub(super) async fn prepare(client: &Client, sql: &str) -> Result<Statement> {
    let text = sql.trim();
    if text.is_empty() || text.len() > LONGEST {
        return Err(Error::invalid("a statement is 1 byte to 1 MB long"));
    }
    let known = client.statement_cache.size();
    let statement = client.prepare_cached(text).await.map_err(explain)?;
    if client.statement_cache.size() == known {
        return Ok(statement);
    }
    let allowed = allow(client, text, &statement).await;
    if allowed.is_err() {
        client.statement_cache.remove(text, &[]);
    }
    allowed.map(|()| statement)
}

/// The same, whatever was prepared before.
pub(super) async fn prepare_anew(client: &Client, sql: &str) -> Result<Statement> {
    let statement = client.prepare(sql).await.map_err(explain)?;
    allow(client, sql, &statement).await?;
    Ok(statement)
}

async fn allow(client: &Client, sql: &str, statement: &Statement) -> Result<()> {
    if statement.columns().is_empty() {
        return Err(Error::invalid("only reading is allowed here"));
    }
    let called = called(sql)?;
    let catalogue = "SELECT DISTINCT proname::text FROM pg_catalog.pg_proc
        WHERE proname = ANY ($1) AND provolatile = 'v' AND proname <> ALL ($2)";
    let refused = ask::rows(client, catalogue, &[&called, &HARMLESS.as_slice()]).await?;
    let Some(function) = refused.first() else { return Ok(()) };
    Err(Error::Invalid(format!(
        "{}() is not allowed here: PostgreSQL says that it may do more than read",
        function.try_get::<_, &str>(0)?
    )))
}

/// The tokens of a statement.
pub(super) fn tokens(sql: &str) -> Result<Vec<Token>> {
    let unreadable = |_| Error::invalid("the statement cannot be read");
    if sql.to_ascii_lowercase().contains("u&\"") {
        return Err(Error::invalid("names are written without U&"));
    }
    Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().map_err(unreadable)
}

/// Where each placeholder of a statement stands, in bytes, and its number.
pub(super) fn places(sql: &str) -> Result<Vec<(usize, Range<usize>)>> {
    let unreadable = |_| Error::invalid("the statement cannot be read");
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location();
    let lines: Vec<usize> =
        std::iter::once(0).chain(sql.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut places = Vec::new();
    for token in tokens.map_err(unreadable)? {
        let Token::Placeholder(text) = &token.token else { continue };
        let Some(number) = text.strip_prefix('$').and_then(|digits| digits.parse().ok()) else {
            continue;
        };
        let at = token.span.start;
        let line = usize::try_from(at.line).ok().and_then(|line| lines.get(line.checked_sub(1)?));
        let Some(rest) = line.and_then(|line| sql.get(*line..)) else { continue };
        let before = usize::try_from(at.column).unwrap_or(usize::MAX).saturating_sub(1);
        let Some((within, _)) = rest.char_indices().nth(before) else { continue };
        let start = sql.len() - rest.len() + within;
        if sql.get(start..).is_some_and(|rest| rest.starts_with(text.as_str())) {
            places.push((number, start..start + text.len()));
        }
    }
    Ok(places)
}

/// All words of a statement, as PostgreSQL folds them, each once.
pub(super) fn words(sql: &str) -> Result<Vec<String>> {
    let mut words: Vec<String> = tokens(sql)?
        .iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(folded(word)),
            _ => None,
        })
        .collect();
    words.sort_unstable();
    words.dedup();
    Ok(words)
}

fn folded(word: &sqlparser::tokenizer::Word) -> String {
    if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() }
}

/// Names that stand where a function's would: whatever is followed by a parenthesis.
pub(super) fn called(sql: &str) -> Result<Vec<String>> {
    let tokens = tokens(sql)?;
    let told: Vec<&Token> =
        tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let mut names = Vec::new();
    for pair in told.windows(2) {
        if let [Token::Word(word), Token::LParen] = pair {
            names.push(folded(word));
        }
    }
    Ok(names)
}

/// What PostgreSQL says of a statement: mostly that its author should mend it.
pub(super) fn explain(error: tokio_postgres::Error) -> Error {
    let Some(told) = error.as_db_error() else { return error.into() };
    let class = told.code().code().get(..2).unwrap_or_default();
    match class {
        "25" => Error::invalid("only reading is allowed here"),
        // Syntax, names and types; values; cardinality; features; privileges; limits.
        "42" | "22" | "21" | "0A" | "2F" | "54" => Error::invalid(told.message()),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_however_they_are_written() {
        let sql = "SELECT lower(a), pg_catalog.\"pg_read_file\" /* of /* all */ */ ('x') FROM t
                   WHERE b = 'no(' AND $$ never( $$ <> PG_SLEEP\n(1)";
        assert_eq!(called(sql).unwrap(), ["lower", "pg_read_file", "pg_sleep"]);
        assert!(called("SELECT U&\"pg_read_fil\\0065\"('x')").is_err());
        let sql = "SELECT 'é$1', $2 /* $3 */\n FROM t WHERE é = $10 AND $$ $4 $$ <> '$5'";
        let found = places(sql).unwrap().into_iter();
        let found: Vec<_> = found.map(|(number, place)| (number, &sql[place])).collect();
        assert_eq!(found, [(2, "$2"), (10, "$10")]);
    }
}
