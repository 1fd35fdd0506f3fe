//! A library whose rows are in a PostgreSQL database; its blobs are in the folder all the same.

use super::Kept;
use crate::config::Settings;
use crate::error::Result;

/// Opens the library in the database of this URL; where there is none, it is made if `create`.
#[cfg(feature = "postgres")]
pub(super) async fn open(settings: &Settings, url: &str, create: bool) -> Result<Kept> {
    use std::sync::Arc;

    use rushes_store::{PostgresOptions, PostgresStore, Store};

    let sql = super::sql_options(settings);
    let options = PostgresOptions { create, sql, ..PostgresOptions::default() };
    let store = PostgresStore::open(url, &options).await?;
    let read_only = !super::may_be_written(&settings.library);
    let blobs = super::blobs(&settings.library, read_only)?;
    let database = format!("postgres {}", store.sql().identity());
    Ok(Kept { store: Arc::new(store), blobs, read_only, database })
}

/// The same in a build without it.
#[cfg(not(feature = "postgres"))]
#[allow(clippy::unused_async, reason = "it is the other one's place")]
pub(super) async fn open(_: &Settings, _: &str, _: bool) -> Result<Kept> {
    Err(crate::error::Error::invalid("the setting database: this build has no PostgreSQL"))
}
