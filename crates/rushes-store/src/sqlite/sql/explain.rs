//! How SQLite would answer, and what of it is dear.

use rusqlite::Connection;

use super::pool::Reader;
use crate::error::Result;
use crate::sql::PlanStep;

/// The steps of a statement's plan.
pub(super) fn steps(reader: &Reader, sql: &str) -> Result<Vec<PlanStep>> {
    steps_on(&reader.db, sql).map_err(|error| reader.guard.explain(error))
}

pub(super) fn steps_on(db: &Connection, sql: &str) -> rusqlite::Result<Vec<PlanStep>> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let mut rows = statement.raw_query();
    let (mut depths, mut steps) = (std::collections::HashMap::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (id, parent): (i64, i64) = (row.get(0)?, row.get(1)?);
        let depth = depths.get(&parent).map_or(0, |depth| depth + 1);
        depths.insert(id, depth);
        steps.push(PlanStep { depth, what: row.get(3)? });
    }
    Ok(steps)
}

/// What is dear in a plan. `sources` are what the statement calls its tables, and which they are:
/// reading a list of values or a subquery from end to end is no matter.
pub(super) fn warnings(steps: &[PlanStep], sources: &[(String, String)]) -> Vec<String> {
    let mut warnings: Vec<String> =
        steps.iter().filter_map(|step| warning(&step.what, sources)).collect();
    warnings.dedup();
    warnings
}

fn warning(what: &str, sources: &[(String, String)]) -> Option<String> {
    if let Some(rest) = what.strip_prefix("SCAN ") {
        let name = rest.split(' ').next().unwrap_or_default();
        let named = |(alias, _): &&(String, String)| alias.eq_ignore_ascii_case(name);
        let (_, table) = sources.iter().find(named)?;
        if rest.contains("VIRTUAL TABLE") {
            return None;
        }
        let by = rest.split_once(" USING ").map(|(_, by)| format!(" (by its {by})"));
        let by = by.unwrap_or_default().replace("COVERING INDEX", "index");
        return Some(format!("reads all of {table}{by}"));
    }
    if let Some((_, why)) = what.split_once("USE TEMP B-TREE FOR ") {
        return Some(format!("sorts in memory for {why}"));
    }
    if what.contains("AUTOMATIC") {
        let name = what.split(' ').nth(1).unwrap_or("a table");
        return Some(format!("builds an index on {name} for this one statement"));
    }
    None
}
