//! Plans, and advice on indexes.

use std::collections::BTreeMap;

use rushes_store::{Advice, Example, Plan};

use super::ask::SqlRequest;
use crate::engine::Rushes;
use crate::error::{Error, Result};

/// The most statements that are looked into at once.
const STATEMENTS: usize = 50;

impl Rushes {
    /// How the database would answer a statement, what of it is dear, and what a cached answer
    /// would depend on.
    pub async fn explain(&self, sql: &str) -> Result<Plan> {
        Ok(self.inner.store.sql().explain(sql).await?)
    }

    /// Looks into the statements that took most time, of this process and of others before it, and
    /// tries out indexes for them in a scratch copy of the database. Changes nothing. `limit` is 1
    /// to 50.
    pub async fn advise(&self, limit: usize) -> Result<Vec<Advice>> {
        if !(1..=STATEMENTS).contains(&limit) {
            return Err(Error::invalid(format!("limit must be 1 to {STATEMENTS}, not {limit}")));
        }
        let recorder = &self.inner.recorder;
        recorder.workload.save(&recorder.monitor);
        let examples = recorder.workload.kept().into_iter();
        let examples = examples.chain(recorder.monitor.workload(STATEMENTS));
        let sql = self.inner.store.sql();
        let mut by_shape: BTreeMap<String, Example> = BTreeMap::new();
        for example in examples {
            let kept = by_shape.entry(sql.normal(&example.sql)).or_insert_with(|| example.clone());
            if kept.total_micros < example.total_micros {
                *kept = example;
            }
        }
        let mut examples: Vec<Example> = by_shape.into_values().collect();
        examples.sort_by_key(|example| std::cmp::Reverse(example.total_micros));
        examples.truncate(limit);
        Ok(sql.advise(examples).await?)
    }

    /// The same for one statement.
    pub async fn advise_on(&self, request: &SqlRequest) -> Result<Vec<Advice>> {
        let (sql, params) = (request.sql.clone(), request.params.clone());
        let example = Example { sql, params, count: 0, total_micros: 0 };
        Ok(self.inner.store.sql().advise(vec![example]).await?)
    }
}
