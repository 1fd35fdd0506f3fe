//! How often each thing was written to, and by which catalogue a statement means what it means.

use deadpool_postgres::{Client, GenericClient};
use tokio_postgres::Row;

use super::line::Line;
use crate::error::Result;
use crate::postgres::ask;
use crate::postgres::rows::unsigned;
use crate::sql::depend::Catalogue;
use crate::sql::known::Place;

/// Rows of `sql_writes` that one look may come across before they are added up.
const SCATTERED: i64 = 256;

/// All that may change what a statement means: the relations that it reads (with their columns,
/// rules, triggers and kin) and whatever bears one of its words; each row of the catalogue by the
/// transaction that wrote it. What the user's own functions, operators and casts are, in short.
const CATALOGUE: &str = "concat_ws(':',
    (SELECT string_agg(concat_ws('.', c.oid, c.xmin), ',' ORDER BY c.oid)
     FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1) OR c.relname = ANY ($2)),
    (SELECT concat_ws('.', count(*), sum(a.xmin::text::bigint)) FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = ANY ($1) AND a.attnum > 0),
    (SELECT concat_ws('.', count(*), sum(r.xmin::text::bigint)) FROM pg_catalog.pg_rewrite r
     WHERE r.ev_class = ANY ($1)),
    (SELECT concat_ws('.', count(*), sum(t.xmin::text::bigint)) FROM pg_catalog.pg_trigger t
     WHERE t.tgrelid = ANY ($1)),
    (SELECT concat_ws('.', count(*), sum(i.xmin::text::bigint)) FROM pg_catalog.pg_inherits i
     WHERE i.inhrelid = ANY ($1) OR i.inhparent = ANY ($1)),
    (SELECT concat_ws('.', count(*), sum(p.xmin::text::bigint)) FROM pg_catalog.pg_proc p
     WHERE p.proname = ANY ($2) AND p.oid >= 16384),
    (SELECT concat_ws('.', count(*), sum(o.xmin::text::bigint)) FROM pg_catalog.pg_operator o
     WHERE o.oid >= 16384),
    (SELECT concat_ws('.', count(*), sum(s.xmin::text::bigint)) FROM pg_catalog.pg_cast s
     WHERE s.oid >= 16384))";

/// The generation of each place, in their order, and how many rows told them.
const GENERATIONS: &str = "SELECT array_agg(g.gen ORDER BY t.at), coalesce(sum(g.rows), 0)::bigint
    FROM unnest($3::text[], $4::text[]) WITH ORDINALITY t (family, grp, at),
    LATERAL (SELECT coalesce(sum(n.gen), 0)::bigint AS gen, count(*) AS rows FROM (
        SELECT s.gen FROM rushes.sql_generations s WHERE s.family = t.family AND s.grp = t.grp
        UNION ALL
        SELECT w.gen FROM rushes.sql_writes w WHERE w.family = t.family AND w.grp = t.grp) n) g";

/// What the database says, as of one moment.
pub(super) struct Told {
    pub(super) schema: i64,
    pub(super) generations: Vec<u64>,
    /// Whether the rows should be added up.
    pub(super) scattered: bool,
}

/// Asks for the version of a part of the catalogue, and for generations.
pub(super) async fn ask(line: &Line, catalogue: &Catalogue, places: &[Place]) -> Result<Told> {
    let (families, groups): (Vec<&str>, Vec<&str>) =
        places.iter().map(|(family, group)| (family.as_str(), group.as_str())).unzip();
    let sql = format!("SELECT {CATALOGUE}, t.* FROM ({GENERATIONS}) t");
    let params: ask::Params<'_> = &[&catalogue.relations, &catalogue.words, &families, &groups];
    let row = line.ask(&sql, params).await?;
    let generations: Option<Vec<i64>> = row.try_get(1)?;
    let generations = generations.unwrap_or_default().into_iter().map(unsigned).collect();
    Ok(Told {
        schema: version(&row)?,
        generations,
        scattered: row.try_get::<_, i64>(2)? > SCATTERED,
    })
}

/// The version of a part of the catalogue.
pub(super) async fn schema(db: &impl GenericClient, catalogue: &Catalogue) -> Result<i64> {
    let sql = format!("SELECT {CATALOGUE}");
    version(&ask::row(db, &sql, &[&catalogue.relations, &catalogue.words]).await?)
}

fn version(row: &Row) -> Result<i64> {
    let digest = blake3::hash(row.try_get::<_, &str>(0)?.as_bytes());
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    Ok(i64::from_le_bytes(bytes))
}

/// Adds up what writers have told one by one: no sum changes by that. What somebody else is adding
/// up, or holds for long, is left alone.
pub(super) async fn add_up(client: &mut Client) -> Result<()> {
    let transaction = client.transaction().await?;
    transaction.batch_execute("SET LOCAL lock_timeout = '100ms'").await?;
    let sql = "WITH few AS (
            SELECT ctid FROM rushes.sql_writes LIMIT 20000 FOR UPDATE SKIP LOCKED),
        gone AS (DELETE FROM rushes.sql_writes w USING few WHERE w.ctid = few.ctid
                 RETURNING family, grp, gen)
        INSERT INTO rushes.sql_generations AS g
        SELECT family, grp, sum(gen) FROM gone GROUP BY family, grp ORDER BY family, grp
        ON CONFLICT (family, grp) DO UPDATE SET gen = g.gen + excluded.gen";
    ask::execute(&transaction, sql, &[]).await?;
    Ok(transaction.commit().await?)
}
