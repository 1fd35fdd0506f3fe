//! Watching a table of the user's: triggers that tell of writes, whichever process writes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Client, GenericClient};

use crate::error::{Error, Result};
use crate::postgres::ask;
use crate::postgres::change::LOCKS;
use crate::sql::depend::{Affinity, GROUPING};

/// How long the making of triggers waits for those who write to the table; all who come after wait
/// behind it.
const PATIENCE: &str = "SET LOCAL lock_timeout = '200ms'";
/// How long a table is left alone that could not be watched.
const REST: Duration = Duration::from_secs(5);

/// The triggers: name, when, and what they see of the rows.
const TRIGGERS: [(&str, &str, &str); 4] = [
    ("rushes_inserted", "INSERT", "REFERENCING NEW TABLE AS rushes_new"),
    ("rushes_updated", "UPDATE", "REFERENCING OLD TABLE AS rushes_old NEW TABLE AS rushes_new"),
    ("rushes_deleted", "DELETE", "REFERENCING OLD TABLE AS rushes_old"),
    ("rushes_truncated", "TRUNCATE", ""),
];

/// A table of the user's.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub(super) oid: u32,
    /// The grouping column, where writes to one group can be told from those to others.
    pub(super) group: Option<(&'static str, Affinity)>,
    /// Its name as SQL writes it, with the schema's.
    place: String,
}

impl Table {
    pub(super) async fn look_up(db: &impl GenericClient, oid: u32) -> Result<Option<Self>> {
        let sql = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1";
        let Some(row) = ask::found(db, sql, &[&oid]).await? else { return Ok(None) };
        let place = row.try_get(0)?;
        Ok(Some(Self { oid, group: grouping(db, oid).await?, place }))
    }

    /// What its triggers call.
    fn function(&self) -> &'static str {
        match self.group {
            Some(("video_id", _)) => "sql_written_by_video_id",
            Some(_) => "sql_written_by_video",
            None => "sql_written",
        }
    }

    /// Whether the table's triggers are those that its columns demand, and switched on whatever a
    /// session's settings.
    pub(super) async fn is_watched(&self, db: &impl GenericClient) -> Result<bool> {
        let names = TRIGGERS.map(|(name, ..)| name);
        let sql = "SELECT count(*) FROM pg_catalog.pg_trigger t
            JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
            JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
            WHERE t.tgrelid = $1 AND t.tgname = ANY ($2) AND t.tgenabled = 'A'
            AND p.proname = $3 AND n.nspname = 'rushes'";
        let row = ask::row(db, sql, &[&self.oid, &names.as_slice(), &self.function()]).await?;
        Ok(row.try_get::<_, i64>(0)? == TRIGGERS.len() as i64)
    }

    /// Has the table watched, as it is now. Whatever of its writes was missed before is no matter:
    /// every cached answer hangs on which triggers it has.
    async fn watch(&self, client: &mut Client) -> Result<()> {
        let transaction = client.transaction().await?;
        transaction.batch_execute(PATIENCE).await?;
        ask::execute(&transaction, "SELECT pg_advisory_xact_lock($1, $2)", &[&LOCK, &0]).await?;
        if self.is_watched(&transaction).await? {
            return Ok(());
        }
        let (place, function) = (&self.place, self.function());
        for (name, when, sees) in TRIGGERS {
            if self.has(&transaction, name).await? {
                transaction.batch_execute(&format!("DROP TRIGGER {name} ON {place}")).await?;
            }
            transaction
                .batch_execute(&format!(
                    "CREATE TRIGGER {name} AFTER {when} ON {place} {sees}
                     FOR EACH STATEMENT EXECUTE FUNCTION rushes.{function}();
                     ALTER TABLE {place} ENABLE ALWAYS TRIGGER {name}"
                ))
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn has(&self, db: &impl GenericClient, trigger: &str) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger
            WHERE tgrelid = $1 AND tgname = $2)";
        Ok(ask::row(db, sql, &[&self.oid, &trigger]).await?.try_get(0)?)
    }
}

/// Two nodes that have the same table watched take turns.
const LOCK: i32 = LOCKS as i32;

/// The column by which rows are told apart: of a type whose equal values are equal texts, and of
/// a name that no other column has in another case.
async fn grouping(db: &impl GenericClient, table: u32) -> Result<Option<(&'static str, Affinity)>> {
    let sql = "SELECT a.attname::text, t.typname::text, coalesce(c.collisdeterministic, TRUE)
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
        WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
        AND lower(a.attname) = ANY ($2)";
    let rows = ask::rows(db, sql, &[&table, &GROUPING.as_slice()]).await?;
    for wanted in GROUPING {
        let mut found = Vec::new();
        for row in &rows {
            let (name, ty, exact): (&str, &str, bool) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if name.eq_ignore_ascii_case(wanted) {
                found.push((name, ty, exact));
            }
        }
        let affinity = match found.as_slice() {
            [] => continue,
            [(name, "int2" | "int4" | "int8", _)] if *name == wanted => Affinity::Integer,
            [(name, "text" | "varchar" | "bpchar", true)] if *name == wanted => Affinity::Text,
            _ => return Ok(None),
        };
        return Ok(Some((wanted, affinity)));
    }
    Ok(None)
}

/// Tables that could not be watched a moment ago, and why.
#[derive(Default)]
pub(super) struct Refused(Mutex<HashMap<u32, (Instant, Arc<str>)>>);

impl Refused {
    /// Has tables watched; tells why not, where that cannot be.
    pub(super) async fn watch(
        &self,
        client: &mut Client,
        tables: &[Table],
    ) -> std::result::Result<(), Arc<str>> {
        for table in tables {
            if let Some(why) = self.of(table.oid) {
                return Err(why);
            }
            if let Err(error) = table.watch(client).await {
                let why: Arc<str> = unwatchable(table, &error).into();
                let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                refused.insert(table.oid, (Instant::now(), Arc::clone(&why)));
                return Err(why);
            }
        }
        Ok(())
    }

    fn of(&self, table: u32) -> Option<Arc<str>> {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|_, (when, _)| when.elapsed() < REST);
        refused.get(&table).map(|(_, why)| Arc::clone(why))
    }
}

fn unwatchable(table: &Table, error: &Error) -> String {
    format!("{} cannot be watched: {error}", table.place)
}
