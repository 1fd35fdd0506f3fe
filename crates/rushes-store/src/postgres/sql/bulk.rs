//! Many rows for one table at the speed of the server: by COPY, or by one statement for thousands of
//! rows that updates those that are there. Where either fails, the rows are written one by one, so
//! that the failing one is known.

use bytes::{BufMut, Bytes, BytesMut};
use deadpool_postgres::{GenericClient, Transaction};
use futures::SinkExt;
use std::pin::pin;
use tokio_postgres::types::ToSql;

use super::batch::{Told, each};
use super::values::literal;
use super::write::{Writers, begin, explain, out_of_time, prepare};
use crate::error::{Error, Result};
use crate::postgres::ask;
use crate::sql::access::Progress;
use crate::sql::insertion::{check_widths, checked, on_conflict, quoted, quoted_list};
use crate::sql::{Batch, BatchDone, FailedRow, SqlValue, Upsert};

/// Rows that one statement brings.
const ROWS: usize = 10_000;
/// Bytes that are sent at once.
const SENT: usize = 64 << 10;

/// Writes rows, chunk by chunk; a chunk that fails is undone.
pub(super) async fn upsert(
    writers: &Writers,
    upsert: Upsert,
    progress: Option<Progress>,
) -> Result<BatchDone> {
    let size = checked(upsert.size)?;
    check_widths(&upsert)?;
    let step = if upsert.atomic { upsert.rows.len().max(1) } else { size };
    let timeout = Batch::new("", Vec::new()).timeout;
    let mut done = BatchDone::default();
    for chunk in upsert.rows.chunks(step) {
        let mut lent = writers.lend().await?;
        let start = usize::try_from(done.executed).unwrap_or(usize::MAX);
        let told = Told { progress: progress.as_ref(), size, start, end: start + chunk.len() };
        let work = async {
            let mut transaction = begin(lent.client()?, timeout).await?;
            let target = Target::look_up(&transaction, &upsert).await?;
            let wrote = target.write(&mut transaction, chunk, &told).await?;
            if let Ok(changed) = wrote {
                writers.commit(transaction).await?;
                return Ok(Ok(changed));
            }
            Ok::<_, Error>(wrote)
        };
        let wrote = match tokio::time::timeout(timeout, work).await {
            Ok(wrote) => wrote,
            Err(_) => return Err(out_of_time(timeout)),
        };
        lent.give_back();
        match wrote? {
            Ok(changed) => {
                done.changed += changed;
                done.executed += chunk.len() as u64;
            }
            Err(failed) => return Ok(BatchDone { failed: Some(failed), ..done }),
        }
    }
    Ok(done)
}

/// How rows may be brought.
#[derive(Clone, Copy, PartialEq)]
enum Road {
    /// COPY.
    Copy,
    /// One INSERT that takes the columns as lists.
    Lists,
    /// One INSERT a row.
    Rows,
}

/// A table, and the columns that rows are for.
struct Target {
    /// Its name as SQL writes it, with the schema's.
    place: String,
    columns: Vec<String>,
    keys: Vec<String>,
    /// The type of each column, as SQL writes it.
    types: Vec<String>,
    road: Road,
}

impl Target {
    async fn look_up(db: &impl GenericClient, upsert: &Upsert) -> Result<Self> {
        let sql = "SELECT c.oid, n.nspname::text, c.relname::text,
                c.relkind = 'r' AND NOT c.relhasrules AND NOT c.relrowsecurity
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE pg_catalog.pg_table_is_visible(c.oid) AND c.relkind IN ('r', 'p', 'v', 'f')
            AND lower(c.relname) = lower($1) ORDER BY c.relname <> $1 LIMIT 1";
        let found = ask::found(db, sql, &[&upsert.table]).await?;
        let row =
            found.ok_or_else(|| Error::Invalid(format!("there is no table {}", upsert.table)))?;
        let (oid, schema, name): (u32, &str, &str) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let plain: bool = row.try_get(3)?;
        let all = Columns::of(db, oid).await?;
        let find = |wanted: &String| {
            all.find(wanted).ok_or_else(|| Error::Invalid(format!("{name} has no column {wanted}")))
        };
        let columns = upsert.columns.iter().map(find).collect::<Result<Vec<_>>>()?;
        let keys = upsert.keys.iter().map(find).collect::<Result<Vec<_>>>()?;
        let copied = plain && columns.iter().all(|column| column.copied);
        let road = match (keys.is_empty(), copied) {
            (true, true) => Road::Copy,
            (true, false) => Road::Rows,
            (false, _) => Road::Lists,
        };
        Ok(Self {
            place: format!("{}.{}", quoted(schema), quoted(name)),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            keys: keys.iter().map(|column| column.name.clone()).collect(),
            types: columns.iter().map(|column| column.ty.clone()).collect(),
            road,
        })
    }

    /// Writes rows by the quickest road, those that it does not take one by one.
    async fn write(
        &self,
        transaction: &mut Transaction<'_>,
        rows: &[Vec<SqlValue>],
        told: &Told<'_>,
    ) -> Result<std::result::Result<u64, FailedRow>> {
        let (mut changed, mut start) = (0, told.start);
        for some in rows.chunks(ROWS) {
            match self.write_together(transaction, some).await {
                Ok(Some(rows)) => {
                    changed += rows;
                    told.up_to(start, start + some.len());
                }
                Ok(None) | Err(Error::Invalid(_)) => {
                    let told = Told { start, ..*told };
                    let statement = prepare(transaction, &self.insert()).await?;
                    match each(transaction, &statement, some, &told).await? {
                        Ok(rows) => changed += rows,
                        Err(failed) => return Ok(Err(failed)),
                    }
                }
                Err(error) => return Err(error),
            }
            start += some.len();
        }
        Ok(Ok(changed))
    }

    /// Writes rows by one statement, all or none; nothing where there is none.
    async fn write_together(
        &self,
        transaction: &mut Transaction<'_>,
        rows: &[Vec<SqlValue>],
    ) -> Result<Option<u64>> {
        if self.road == Road::Rows {
            return Ok(None);
        }
        let part = transaction.transaction().await?;
        let wrote = match self.road {
            Road::Copy => self.copy(&part, rows).await,
            _ => self.lists(&part, rows).await,
        };
        match wrote {
            Ok(changed) => {
                part.commit().await.map_err(explain)?;
                Ok(Some(changed))
            }
            Err(error) => {
                part.rollback().await?;
                Err(error)
            }
        }
    }

    async fn copy(&self, part: &Transaction<'_>, rows: &[Vec<SqlValue>]) -> Result<u64> {
        let sql = format!("COPY {} ({}) FROM STDIN", self.place, quoted_list(&self.columns));
        let mut sink = pin!(part.copy_in::<_, Bytes>(&sql).await.map_err(explain)?);
        let mut lines = BytesMut::with_capacity(SENT * 2);
        for row in rows {
            line(row, &mut lines)?;
            if lines.len() >= SENT {
                sink.send(lines.split().freeze()).await.map_err(explain)?;
            }
        }
        sink.send(lines.freeze()).await.map_err(explain)?;
        sink.finish().await.map_err(explain)
    }

    async fn lists(&self, part: &Transaction<'_>, rows: &[Vec<SqlValue>]) -> Result<u64> {
        let mut lists: Vec<Vec<Option<String>>> = Vec::with_capacity(self.columns.len());
        for column in 0..self.columns.len() {
            let value = |row: &Vec<SqlValue>| match row.get(column).map(literal).transpose()? {
                Some(Some(text)) => Ok(Some(text.into_owned())),
                _ => Ok(None),
            };
            lists.push(rows.iter().map(value).collect::<Result<_>>()?);
        }
        let numbered = |each: &dyn Fn(usize) -> String| {
            (1..=self.columns.len()).map(each).collect::<Vec<_>>().join(", ")
        };
        let sql = format!(
            "INSERT INTO {} ({}) SELECT {} FROM unnest({}) AS x ({}){}",
            self.place,
            quoted_list(&self.columns),
            self.types
                .iter()
                .enumerate()
                .map(|(at, ty)| format!("c{}::{ty}", at + 1))
                .collect::<Vec<_>>()
                .join(", "),
            numbered(&|number| format!("${number}::text[]")),
            numbered(&|number| format!("c{number}")),
            on_conflict(&self.columns, &self.keys),
        );
        let params: Vec<&(dyn ToSql + Sync)> =
            lists.iter().map(|list| list as &(dyn ToSql + Sync)).collect();
        part.execute(&sql, &params).await.map_err(explain)
    }

    /// The statement for one row.
    fn insert(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len()).map(|at| format!("${at}")).collect();
        format!(
            "INSERT INTO {} ({}) VALUES ({}){}",
            self.place,
            quoted_list(&self.columns),
            places.join(", "),
            on_conflict(&self.columns, &self.keys)
        )
    }
}

/// A column of a table.
struct Column {
    name: String,
    ty: String,
    /// Whether COPY does with it what INSERT does.
    copied: bool,
}

struct Columns(Vec<Column>);

impl Columns {
    async fn of(db: &impl GenericClient, table: u32) -> Result<Self> {
        let sql = "SELECT a.attname::text, format('%I.%I', n.nspname, t.typname),
                a.attidentity <> 'a' AND a.attgenerated = ''
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
            JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
            WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped";
        let column = |row: &tokio_postgres::Row| {
            Ok(Column { name: row.try_get(0)?, ty: row.try_get(1)?, copied: row.try_get(2)? })
        };
        Ok(Self(ask::rows(db, sql, &[&table]).await?.iter().map(column).collect::<Result<_>>()?))
    }

    /// The column of that name, or the only one of it in another case.
    fn find(&self, wanted: &str) -> Option<&Column> {
        let exact = self.0.iter().find(|column| column.name == wanted);
        exact.or_else(|| {
            let mut alike = self.0.iter().filter(|column| column.name.eq_ignore_ascii_case(wanted));
            alike.next().filter(|_| alike.next().is_none())
        })
    }
}

/// A row as COPY reads it.
fn line(row: &[SqlValue], out: &mut BytesMut) -> Result<()> {
    for (at, value) in row.iter().enumerate() {
        if at > 0 {
            out.put_u8(b'\t');
        }
        let Some(text) = literal(value)? else {
            out.put_slice(b"\\N");
            continue;
        };
        for byte in text.bytes() {
            match byte {
                b'\t' => out.put_slice(b"\\t"),
                b'\n' => out.put_slice(b"\\n"),
                b'\r' => out.put_slice(b"\\r"),
                b'\\' => out.put_slice(b"\\\\"),
                byte => out.put_u8(byte),
            }
        }
    }
    out.put_u8(b'\n');
    Ok(())
}
