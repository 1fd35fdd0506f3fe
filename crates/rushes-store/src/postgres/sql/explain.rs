//! How PostgreSQL would answer, and what of it is dear.

use std::sync::atomic::{AtomicU64, Ordering};

use super::guard;
use super::read::Lent;
use crate::error::{Error, Result};
use crate::sql::PlanStep;

/// The steps of a statement's plan, whatever its values.
pub(super) async fn steps(mut lent: Lent, sql: &str) -> Result<Vec<PlanStep>> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("rushes_plan_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let client = lent.client()?;
    // One statement that only reads: nothing else gets behind the words that follow.
    let statement = guard::prepare(client, sql).await?;
    let transaction = client.build_transaction().read_only(true).start().await?;
    transaction.batch_execute("SET LOCAL plan_cache_mode = force_generic_plan").await?;
    transaction.execute(&format!("PREPARE {name} AS {sql}"), &[]).await.map_err(guard::explain)?;
    let nulls = vec!["NULL"; statement.params().len()].join(", ");
    let values = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let explain = format!("EXPLAIN EXECUTE {name}{values}");
    let mut steps: Vec<PlanStep> = Vec::new();
    for row in transaction.query(&explain, &[]).await.map_err(guard::explain)? {
        note(&mut steps, row.try_get(0)?);
    }
    transaction.execute(&format!("DEALLOCATE {name}"), &[]).await?;
    transaction.rollback().await?;
    lent.give_back();
    let writes = |step: &PlanStep| WRITES.iter().any(|begin| step.what.starts_with(begin));
    if steps.iter().any(writes) {
        return Err(Error::invalid("only reading is allowed here"));
    }
    Ok(steps)
}

/// How the steps begin that write.
const WRITES: [&str; 4] = ["Insert on ", "Update on ", "Delete on ", "Merge on "];

/// A line begins a step, or tells more of the last.
fn note(steps: &mut Vec<PlanStep>, line: &str) {
    let told = line.trim();
    match (line.find("->  "), steps.last_mut()) {
        (Some(at), _) => {
            let what = told.trim_start_matches("->").trim().to_owned();
            steps.push(PlanStep { depth: at / 6 + 1, what });
        }
        (None, None) => steps.push(PlanStep { depth: 0, what: told.to_owned() }),
        (None, Some(last)) => last.what = format!("{}; {told}", last.what),
    }
}

/// What is dear in a plan.
pub(super) fn warnings(steps: &[PlanStep]) -> Vec<String> {
    let warning = |step: &PlanStep| {
        if let Some(rest) = step.what.split("Seq Scan on ").nth(1) {
            let table = rest.split([' ', ';']).next().unwrap_or_default();
            return Some(format!("reads all of {table}"));
        }
        step.what.starts_with("Sort").then(|| "sorts what it found".to_owned())
    };
    let mut warnings: Vec<String> = steps.iter().filter_map(warning).collect();
    warnings.dedup();
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_with_its_depths() {
        let lines = [
            "Sort  (cost=1.0..2.0 rows=1 width=4)",
            "  Sort Key: starts",
            "  ->  Seq Scan on entries e  (cost=0.0..1.0 rows=1 width=4)",
            "        Filter: (lane = $1)",
        ];
        let mut steps = Vec::new();
        lines.iter().for_each(|line| note(&mut steps, line));
        let depths: Vec<usize> = steps.iter().map(|step| step.depth).collect();
        assert_eq!(depths, [0, 1]);
        assert_eq!(warnings(&steps), ["sorts what it found", "reads all of entries"]);
    }
}
