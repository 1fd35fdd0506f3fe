//! What HTTP and MCP share of SQL: what is said where it is off, and the bounds of an answer.

use rushes::sql::{SqlParams, SqlRequest};
use rushes::{Error, Result};
use serde_json::Value;

/// Said to those who come over the network where the owner has not allowed it.
pub(crate) const OFF: &str = "SQL over HTTP is off: it shows every row of the database to whoever \
                              reaches this port. Start the server with --sql-http true to allow it";

/// Rows in an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// When the caller does not say.
    pub(crate) usual: usize,
    /// At most.
    pub(crate) most: usize,
}

/// A statement with its values (a JSON list or object) and the most rows that its answer may have.
pub(crate) fn request(
    sql: String,
    params: &Value,
    rows: Option<usize>,
    bounds: Bounds,
) -> Result<SqlRequest> {
    let rows = rows.unwrap_or(bounds.usual);
    if !(1..=bounds.most).contains(&rows) {
        return Err(Error::invalid(format!("rows must be 1 to {}, not {rows}", bounds.most)));
    }
    let params = SqlParams::from_json(params)?;
    Ok(SqlRequest { rows: Some(rows), ..SqlRequest::new(sql, params) })
}
