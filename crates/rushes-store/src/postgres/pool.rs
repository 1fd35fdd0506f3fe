//! Connections to the server: at most so many, handed out in order of asking.

use std::time::Duration;

use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime,
    TimeoutType,
};
use serde_json::{Value, json};

use super::ask::chain;
use super::connect::Target;
use crate::error::{Error, Result};
use crate::sql::SqlOptions;

/// How a library in PostgreSQL is opened.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Whether a library is made where none is.
    pub create: bool,
    /// Connections for the library itself, at least 1; opened when first needed. Those for
    /// statements of SQL come beside ([`SqlOptions::connections`]).
    pub connections: usize,
    /// How long a read or write waits for one of them.
    pub wait: Duration,
    /// How long the server may take to answer a new connection.
    pub connect_timeout: Duration,
    /// How SQL is run.
    pub sql: SqlOptions,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            create: true,
            connections: 10,
            wait: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            sql: SqlOptions::default(),
        }
    }
}

/// What each connection of the library itself begins with: its own tables and nothing else by
/// short names; no compiling of statements that take less than that; the triggers that count what
/// others write stay still; and a process that was stopped in the middle of a write does not keep
/// everybody else from writing.
pub(super) const OWN: &str = "SET search_path = rushes, pg_catalog; SET jit = off;
    SET rushes.own = 'on'; SET idle_in_transaction_session_timeout = '60s'";

/// Some connections that are set up alike.
#[derive(Clone)]
pub(super) struct Pool {
    connections: deadpool_postgres::Pool,
    place: String,
    wait: Duration,
    /// The setting that gives more connections.
    more: &'static str,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pool").field("place", &self.place).finish_non_exhaustive()
    }
}

/// How many connections, how patiently they are waited for, and what each begins with.
pub(super) struct Size {
    pub(super) connections: usize,
    pub(super) wait: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) setup: &'static str,
    pub(super) more: &'static str,
}

impl Pool {
    pub(super) fn new(target: &Target, size: &Size) -> Result<Self> {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(target.config.clone(), target.tls.clone(), config);
        let setup = size.setup;
        let connections = deadpool_postgres::Pool::builder(manager)
            .max_size(size.connections.max(1))
            .wait_timeout(Some(size.wait))
            .create_timeout(Some(size.connect_timeout))
            .recycle_timeout(Some(size.connect_timeout))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                Box::pin(
                    async move { client.batch_execute(setup).await.map_err(HookError::Backend) },
                )
            }))
            .build()
            .map_err(|error| Error::Database(Box::new(error)))?;
        Ok(Self { connections, place: target.place.clone(), wait: size.wait, more: size.more })
    }

    /// Where the server is, for people.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// A connection, as soon as one is free. It goes back when it is dropped; one that broke is
    /// replaced by a new one.
    pub(super) async fn get(&self) -> Result<Client> {
        self.connections.get().await.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: PoolError) -> Error {
        let place = &self.place;
        let cannot = |why: String| {
            Error::Database(format!("cannot connect to PostgreSQL at {place}: {why}").into())
        };
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Error::Busy(format!(
                "all {} connections were in use for {:.1} s; try again, or raise {}",
                self.connections.status().max_size,
                self.wait.as_secs_f64(),
                self.more
            )),
            PoolError::Timeout(_) => cannot("it does not answer in time".to_owned()),
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                cannot(chain(&error))
            }
            other => cannot(other.to_string()),
        }
    }

    /// How many connections there are, in use and waited for.
    pub(super) fn figures(&self) -> Value {
        let status = self.connections.status();
        json!({
            "connections": status.max_size,
            "open": status.size,
            "in_use": status.size.saturating_sub(status.available),
            "waiting": status.waiting,
        })
    }
}
