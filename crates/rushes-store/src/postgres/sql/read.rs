//! One statement that reads: prepared, bound, bounded.

use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::{Client, Object};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::guard;
use super::values::{Given, values};
use crate::error::{Error, Result};
use crate::sql::bounds::{Gathered, mismatch, out_of_time};
use crate::sql::{Query, Rows, SqlParams};

/// Rows that a stream brings at once.
const CHUNK: i32 = 256;

/// A connection while a statement of somebody else's runs on it. Given up half-way, because nobody
/// waits any more or because the bounds are reached, the statement is stopped and the connection
/// does not go back.
pub(super) struct Lent {
    client: Option<Client>,
    tls: MakeRustlsConnect,
}

impl Lent {
    pub(super) fn new(client: Client, tls: &MakeRustlsConnect) -> Self {
        Self { client: Some(client), tls: tls.clone() }
    }

    pub(super) fn client(&mut self) -> Result<&mut Client> {
        self.client.as_mut().ok_or_else(|| Error::invalid("the connection was given back"))
    }

    /// Gives the connection back: nothing runs on it.
    pub(super) fn give_back(mut self) {
        drop(self.client.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        let (client, tls) = (Object::take(client), self.tls.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // What cannot be told to stop is stopped by its own time limit.
                let _ = client.cancel_token().cancel_query(tls).await;
                drop(client);
            });
        }
    }
}

/// The parameters, one for each placeholder.
fn bound<'q>(query: &'q Query, statement: &Statement) -> Result<Vec<Given<'q>>> {
    let SqlParams::Positional(given) = &query.params else {
        return Err(Error::invalid("PostgreSQL takes values by position: $1, $2, ..."));
    };
    let wanted = statement.params().len();
    if wanted != given.len() {
        return Err(mismatch(wanted, given.len()));
    }
    given.iter().map(Given::new).collect()
}

/// The server's time limit, as a setting.
fn limit(timeout: Duration) -> String {
    format!("SET statement_timeout = {}", timeout.as_millis().clamp(1, 2_000_000_000))
}

fn columns(statement: &Statement) -> Vec<String> {
    statement.columns().iter().map(|column| column.name().to_owned()).collect()
}

/// Why there are no rows, and what is to be done with the connection.
enum Failure {
    /// Nothing was asked.
    Refused(Error),
    /// The server says so, and has ended.
    Told(tokio_postgres::Error),
    /// It is still at it.
    Bound(Error),
}

/// Runs a statement, prepared by `text`, to its end, or to the first of its bounds.
pub(super) async fn read(mut lent: Lent, query: &Query, text: &str) -> Result<Rows> {
    let mut again = false;
    loop {
        let client = lent.client()?;
        let failure = match gather(client, query, text).await {
            Ok(rows) => {
                lent.give_back();
                return Ok(rows);
            }
            Err(failure) => failure,
        };
        let error = match failure {
            Failure::Bound(error) => return Err(error),
            Failure::Told(error) if !again && is_outdated(&error) => {
                client.statement_cache.remove(text, &[]);
                again = true;
                continue;
            }
            Failure::Told(error) => stopped(error, query),
            Failure::Refused(error) => error,
        };
        lent.give_back();
        return Err(error);
    }
}

async fn gather(client: &Client, query: &Query, text: &str) -> std::result::Result<Rows, Failure> {
    let (statement, params) = ready(client, query, text).await.map_err(Failure::Refused)?;
    // Both go out at once; the second runs under what the first set.
    let set = limit(query.timeout);
    let (set, rows) =
        futures::join!(client.batch_execute(&set), client.query_raw(&statement, params));
    set.map_err(Failure::Told)?;
    let mut rows = pin!(rows.map_err(Failure::Told)?);
    let mut found = Gathered::new(query);
    found.rows.columns = columns(&statement);
    while let Some(row) = rows.next().await {
        let row = values(&row.map_err(Failure::Told)?).map_err(Failure::Bound)?;
        found.add(row).map_err(Failure::Bound)?;
    }
    Ok(found.rows)
}

/// Whether a statement was prepared when its tables had other columns.
fn is_outdated(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
        && error.as_db_error().is_some_and(|told| told.message().contains("cached plan"))
}

async fn ready<'q>(
    client: &Client,
    query: &'q Query,
    text: &str,
) -> Result<(Statement, Vec<Given<'q>>)> {
    let statement = guard::prepare(client, text).await?;
    let params = bound(query, &statement)?;
    Ok((statement, params))
}

/// Runs a statement as fast as its rows are taken: the server keeps the rest.
pub(super) async fn stream(
    mut lent: Lent,
    query: &Query,
    text: &str,
    to: &mpsc::Sender<Result<Rows>>,
) -> Result<()> {
    let client = lent.client()?;
    let (statement, params) = ready(client, query, text).await?;
    client.batch_execute(&limit(query.timeout)).await?;
    let transaction = client.build_transaction().read_only(true).start().await?;
    let explain = |error| stopped(error, query);
    let portal = transaction.bind_raw(&statement, params).await.map_err(explain)?;
    loop {
        let chunk = transaction.query_portal(&portal, CHUNK).await.map_err(explain)?;
        let rows = chunk.iter().map(values).collect::<Result<Vec<_>>>()?;
        let end = rows.len() < CHUNK as usize;
        if to.send(Ok(Rows { columns: columns(&statement), rows })).await.is_err() || end {
            break;
        }
    }
    transaction.rollback().await?;
    lent.give_back();
    Ok(())
}

/// Says why a statement ended early.
fn stopped(error: tokio_postgres::Error, query: &Query) -> Error {
    if error.code() == Some(&SqlState::QUERY_CANCELED) {
        return out_of_time(query);
    }
    guard::explain(error)
}
