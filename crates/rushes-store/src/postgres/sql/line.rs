//! One connection that all tasks ask short questions on, one behind the other without waiting for
//! answers: what cached answers hang on must not wait for slow statements.

use std::sync::Arc;

use deadpool_postgres::Client;
use tokio::sync::Mutex;
use tokio_postgres::Row;

use crate::error::Result;
use crate::postgres::ask::{self, Params};
use crate::postgres::pool::Pool;

/// What the connection begins with: nothing that is asked on it takes long.
pub(super) const SETUP: &str = "SET search_path = pg_catalog; SET jit = off;
    SET default_transaction_read_only = on; SET statement_timeout = '10s'";

/// The connection, which is replaced when it breaks.
pub(super) struct Line {
    pool: Pool,
    client: Mutex<Option<Arc<Client>>>,
}

impl Line {
    /// `pool` has two connections: a broken one may still be held while it is replaced.
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, client: Mutex::default() }
    }

    /// The only row; asked once more where the connection turns out to be broken.
    pub(super) async fn ask(&self, sql: &str, params: Params<'_>) -> Result<Row> {
        let client = self.client().await?;
        match ask::row(&*client, sql, params).await {
            Err(_) if client.is_closed() => ask::row(&*self.client().await?, sql, params).await,
            answer => answer,
        }
    }

    async fn client(&self) -> Result<Arc<Client>> {
        let mut held = self.client.lock().await;
        if let Some(client) = held.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        *held = None;
        let client = Arc::new(self.pool.get().await?);
        *held = Some(Arc::clone(&client));
        Ok(client)
    }
}
