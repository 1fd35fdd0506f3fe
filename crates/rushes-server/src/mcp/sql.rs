//! Statements of SQL, for agents: their arguments, and answers that a client can take.

use rmcp::model::CallToolResult;
use rushes::sql::{Rows, SqlAnswer, SqlValue};
use rushes::{Error, ErrorKind, Result, Rushes};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::answer;
use crate::sql::{self, Bounds};

/// Rows of an answer: an agent reads them all.
const ROWS: Bounds = Bounds { usual: 100, most: 1000 };
/// The longest text of an answer, bytes: more is cut by clients.
const BYTES: usize = 100_000;

/// A statement that reads.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// One statement: SELECT, VALUES or WITH ... SELECT.
    sql: String,
    /// What its placeholders stand for: a list for `?` (`$1` where PostgreSQL keeps the rows), an
    /// object for `:name`.
    #[serde(default)]
    #[schemars(extend("type" = ["array", "object", "null"]))]
    params: Value,
    /// The most rows, 1 to 1000; 100 when not given. More are refused.
    rows: Option<usize>,
}

/// Asks, and tells the rows as lines of JSON: the names of the columns, then each row's values.
pub(super) async fn answer(engine: &Rushes, asked: Asked) -> Result<CallToolResult> {
    let request = sql::request(asked.sql, &asked.params, asked.rows, ROWS)?;
    let answer: SqlAnswer = engine.query(&request).await?;
    let text = lines(&answer.rows);
    if text.len() > BYTES {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!(
                "the answer takes {} bytes and one carries at most {BYTES}: ask for fewer rows or \
                 columns, or for the beginning of long texts, as substr(text, 1, 200)",
                text.len()
            ),
        ));
    }
    Ok(answer::told(text, &answer))
}

fn lines(rows: &Rows) -> String {
    let columns = Value::from(rows.columns.clone());
    let row = |row: &Vec<SqlValue>| row.iter().map(SqlValue::to_json).collect::<Value>();
    let all = std::iter::once(columns).chain(rows.rows.iter().map(row));
    all.map(|line| format!("{line}\n")).collect()
}
