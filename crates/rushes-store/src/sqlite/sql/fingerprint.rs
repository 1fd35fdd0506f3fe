//! What cached answers hang on: the present generations, remembered until somebody commits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::depend::{Reading, schema_version};
use super::generations;
use super::pool::Reader;
use crate::error::Result;
use crate::sql::{Fingerprint, Query};

/// Statements whose reading is remembered.
const STATEMENTS: usize = 2000;
/// Generations that are remembered.
const GENERATIONS: usize = 100_000;

/// What is known as of one moment of the clock.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    tick: u64,
    schema: Option<i64>,
    generations: HashMap<(String, String), u64>,
    /// These hold for one version of the schema.
    readings: HashMap<Arc<str>, Arc<Reading>>,
}

impl Known {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fingerprint, where all that it needs is known as of `tick`.
    pub(super) fn fingerprint(&self, query: &Query, tick: u64) -> Option<Fingerprint> {
        let state = self.state();
        if state.tick != tick {
            return None;
        }
        let reading = state.readings.get(&query.sql)?;
        if state.schema != Some(reading.schema) {
            return None;
        }
        let on = match &reading.on {
            Ok(on) => on,
            Err(why) => return Some(Fingerprint::None(why.clone())),
        };
        let mut sum = 0;
        for row in on.iter().flat_map(|dependency| dependency.rows(&query.params)) {
            sum += state.generations.get(&row)?;
        }
        Some(Fingerprint::Of { schema: reading.schema, sum })
    }

    pub(super) fn reading(&self, sql: &str) -> Option<Arc<Reading>> {
        self.state().readings.get(sql).cloned()
    }

    /// Asks the database, in a snapshot taken after `tick` was read, and remembers what it says.
    /// Nothing when the reading is of another schema than the present one.
    pub(super) fn ask(
        &self,
        reader: &Reader,
        query: &Query,
        reading: &Arc<Reading>,
        tick: u64,
    ) -> Result<Option<Fingerprint>> {
        let schema = schema_version(&reader.db)?;
        if schema != reading.schema {
            return Ok(None);
        }
        let mut rows = Vec::new();
        for dependency in reading.on.iter().flatten() {
            for (family, group) in dependency.rows(&query.params) {
                let generation = generations::of(&reader.db, &family, &group)?;
                rows.push(((family, group), generation));
            }
        }
        let sum = rows.iter().map(|(_, generation)| generation).sum();
        self.remember(query, reading, tick, rows);
        Ok(Some(match &reading.on {
            Ok(_) => Fingerprint::Of { schema, sum },
            Err(why) => Fingerprint::None(why.clone()),
        }))
    }

    fn remember(
        &self,
        query: &Query,
        reading: &Arc<Reading>,
        tick: u64,
        rows: Vec<((String, String), u64)>,
    ) {
        let mut state = self.state();
        if tick < state.tick {
            return;
        }
        if tick > state.tick || state.generations.len() + rows.len() > GENERATIONS {
            state.tick = tick;
            state.generations.clear();
        }
        if state.schema != Some(reading.schema) || state.readings.len() >= STATEMENTS {
            state.schema = Some(reading.schema);
            state.readings.clear();
            state.generations.clear();
        }
        state.generations.extend(rows);
        state.readings.insert(query.sql.clone(), Arc::clone(reading));
    }
}
