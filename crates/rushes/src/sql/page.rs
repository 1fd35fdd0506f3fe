//! Answers of any size: page by page, or as a stream.

use std::sync::Arc;

use rushes_store::{Rows, SqlParams, SqlValue};
use tokio::sync::mpsc;

use super::ask::{SqlAnswer, SqlRequest};
use crate::engine::Rushes;
use crate::error::{Error, Result};
use crate::read::{opened, sealed};

/// Rows on a page at most.
const MOST: usize = 10_000;
/// Columns that pages go by.
const COLUMNS: usize = 8;

/// A page of an answer.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SqlPage {
    /// The rows.
    #[serde(flatten)]
    pub answer: SqlAnswer,
    /// The next page's cursor; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Rushes {
    /// A page of at most `limit` rows, in the order of the columns `by`, which together must be
    /// different for every row and never null. A page costs the same at any depth where an index
    /// gives that order, and none is lost or doubled while others write. The cursor belongs to this
    /// statement with these values and columns; any other is refused.
    pub async fn query_page(
        &self,
        request: &SqlRequest,
        by: &[&str],
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<SqlPage> {
        if !(1..=MOST).contains(&limit) {
            return Err(Error::invalid(format!("limit must be 1 to {MOST}, not {limit}")));
        }
        if by.is_empty() || by.len() > COLUMNS {
            return Err(Error::invalid(format!("pages go by 1 to {COLUMNS} columns")));
        }
        let question = format!("{} {:?} {by:?}", request.sql, request.params);
        let after = cursor.map(|text| opened(text, &question)).transpose()?;
        let after = after.map(|place| SqlParams::from_bytes(&place)).transpose()?;
        let page = paged(request, by, limit, after)?;
        let answer = self.query(&page).await?;
        let next = match answer.rows.rows.get(limit - 1) {
            Some(last) => Some(sealed(&place(&answer.rows, last, by)?.to_bytes(), &question)),
            None => None,
        };
        Ok(SqlPage { answer, next })
    }

    /// All rows of a statement, a few hundred at a time, as of one moment, in constant memory: the
    /// statement goes on as its rows are taken, and ends when they no longer are. It keeps one of
    /// the connections for SQL until then. Not cached.
    pub fn query_stream(&self, request: &SqlRequest) -> mpsc::Receiver<Result<Rows>> {
        let (rows, taken) = mpsc::channel(4);
        let (store, query) = (Arc::clone(&self.inner.store), self.statement(request));
        tokio::spawn(async move {
            let mut found = store.sql().stream(query);
            while let Some(some) = found.recv().await {
                if rows.send(some.map_err(Error::from)).await.is_err() {
                    return;
                }
            }
        });
        taken
    }
}

/// The statement of one page.
fn paged(
    request: &SqlRequest,
    by: &[&str],
    limit: usize,
    after: Option<SqlParams>,
) -> Result<SqlRequest> {
    // A qualified name is never taken for text, should no column be called so.
    let column = |name: &&str| format!("answer.\"{}\"", name.replace('"', "\"\""));
    let columns = by.iter().map(column).collect::<Vec<_>>().join(", ");
    let (mut params, mut wheres) = (request.params.clone(), String::new());
    if let Some(SqlParams::Positional(values)) = after {
        if values.len() != by.len() {
            return Err(Error::invalid("the cursor is not one that this question returned"));
        }
        let places = add(&mut params, values);
        wheres = format!(" WHERE ({columns}) > ({})", places.join(", "));
    }
    let inner = request.sql.trim_end().trim_end_matches(';');
    // On a line of its own: the statement may end in a comment.
    let sql =
        format!("SELECT * FROM (\n{inner}\n) AS answer{wheres} ORDER BY {columns} LIMIT {limit}");
    Ok(SqlRequest { sql: sql.into(), params, rows: Some(limit), ..request.clone() })
}

/// Adds values behind those of the statement; returns their placeholders.
fn add(params: &mut SqlParams, values: Vec<SqlValue>) -> Vec<String> {
    match params {
        SqlParams::Positional(known) => {
            let places = (1..=values.len()).map(|n| format!("?{}", known.len() + n)).collect();
            known.extend(values);
            places
        }
        SqlParams::Named(known) => {
            let named = values.into_iter().enumerate();
            let named = named.map(|(n, value)| (format!("rushes_after_{n}"), value));
            let named: Vec<_> = named.collect();
            let places = named.iter().map(|(name, _)| format!(":{name}")).collect();
            known.extend(named);
            places
        }
    }
}

/// Where a row stands in the order.
fn place(rows: &Rows, row: &[SqlValue], by: &[&str]) -> Result<SqlParams> {
    let value = |name: &&str| {
        let at = rows.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        match at.and_then(|at| row.get(at)) {
            None => Err(Error::invalid(format!("the answer has no column {name}"))),
            Some(SqlValue::Null) => Err(Error::invalid(format!(
                "{name} is null in a row: pages go by columns that never are"
            ))),
            Some(value) => Ok(value.clone()),
        }
    };
    by.iter().map(value).collect::<Result<_>>().map(SqlParams::Positional)
}
