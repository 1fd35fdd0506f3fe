//! Brings a database to the present schema: numbered steps, forward only, each checked by its hash
//! so that a step that was altered after it was applied is noticed.

use deadpool_postgres::{Client, GenericClient};

use super::change::LOCKS;
use super::pool::Pool;
use crate::error::{Error, Result};
use crate::migrations::Step;

const STEPS: &[Step] = &[
    Step {
        version: 1,
        name: "library",
        sql: include_str!("../migrations/postgres/0001_library.sql"),
    },
    Step {
        version: 2,
        name: "others",
        sql: include_str!("../migrations/postgres/0002_others.sql"),
    },
    Step { version: 3, name: "sql", sql: include_str!("../migrations/postgres/0003_sql.sql") },
];

/// The oldest server that has all that is used, as PostgreSQL counts.
const OLDEST: i32 = 130_000;

/// The schema that this release writes.
pub(super) fn latest() -> i64 {
    STEPS.last().map_or(0, |step| step.version)
}

/// Makes the database a library of the present schema. Any number of processes may do this at
/// once: the first to get the lock applies the steps, the others find them applied.
pub(super) async fn migrate(pool: &Pool, create: bool) -> Result<()> {
    let mut client = pool.get().await?;
    check_server(&client).await?;
    let present = version(&client).await?;
    if present == 0 && !create {
        return Err(Error::NotFound(format!("no library in the database at {}", pool.place())));
    }
    if present < latest() {
        apply(&mut client).await?;
    }
    verify(&client).await
}

async fn check_server(client: &Client) -> Result<()> {
    let sql =
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')";
    let row = client.query_one(sql, &[]).await?;
    let (version, encoding): (i32, &str) = (row.try_get(0)?, row.try_get(1)?);
    if version < OLDEST {
        return Err(Error::Invalid(format!(
            "this PostgreSQL is {}; {} or later is needed",
            version / 10_000,
            OLDEST / 10_000
        )));
    }
    if encoding != "UTF8" {
        return Err(Error::Invalid(format!(
            "the database is encoded as {encoding}; make one with ENCODING 'UTF8'"
        )));
    }
    Ok(())
}

/// The schema that is there; 0 where there is none.
async fn version(client: &impl GenericClient) -> Result<i64> {
    // Of the catalogue's rows: a name that was not there is remembered as such by the server, also
    // while another transaction, which held the lock, has just made it.
    let there = "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n
        ON n.oid = c.relnamespace WHERE n.nspname = 'rushes' AND c.relname = 'migrations')";
    if !client.query_one(there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(version), 0) FROM rushes.migrations";
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

async fn apply(client: &mut Client) -> Result<()> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCKS]).await?;
    // Asked again under the lock: another process may have been first.
    let present = version(&transaction).await?;
    if present == 0 {
        recognise(&transaction).await?;
        transaction
            .batch_execute(
                "CREATE SCHEMA IF NOT EXISTS rushes;
                 CREATE TABLE rushes.migrations (
                     version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
                 );",
            )
            .await?;
    }
    for step in STEPS.iter().filter(|step| step.version > present) {
        transaction.batch_execute(step.sql).await?;
        let sql = "INSERT INTO rushes.migrations VALUES ($1, $2, $3)";
        transaction.execute(sql, &[&step.version, &step.name, &step.checksum()]).await?;
    }
    Ok(transaction.commit().await?)
}

/// Refuses a schema of that name that is somebody else's.
async fn recognise(client: &impl GenericClient) -> Result<()> {
    let sql = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'rushes'";
    if client.query_one(sql, &[]).await?.try_get::<_, i64>(0)? == 0 {
        return Ok(());
    }
    Err(Error::invalid(
        "the database has a schema rushes that is no Rushes library; name another database",
    ))
}

async fn verify(client: &Client) -> Result<()> {
    let present = version(client).await?;
    if present > latest() {
        return Err(Error::TooNew(format!(
            "the database has schema {present}, this release knows up to {}; use a newer release",
            latest()
        )));
    }
    for step in STEPS {
        let sql = "SELECT checksum FROM rushes.migrations WHERE version = $1";
        let applied = client.query_opt(sql, &[&step.version]).await?;
        let applied: Option<String> = applied.map(|row| row.try_get(0)).transpose()?;
        if applied.as_deref() != Some(&step.checksum()) {
            return Err(Error::Corrupt(format!(
                "schema step {} ({}) is not the one this release has; restore a backup",
                step.version, step.name
            )));
        }
    }
    Ok(())
}
