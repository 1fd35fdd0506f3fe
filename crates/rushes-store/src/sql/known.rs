//! What cached answers hang on: the present generations, remembered until somebody commits.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::depend::Reading;
use super::statement::{Fingerprint, Query};

/// Statements whose reading is remembered.
const STATEMENTS: usize = 2000;
/// Generations that are remembered.
const GENERATIONS: usize = 100_000;

/// One row of the generations: the family and the group.
pub(crate) type Place = (String, String);

/// What is known as of one moment of the clock.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    tick: u64,
    /// Versions of the schema that were seen to be the present ones.
    schemas: HashSet<i64>,
    generations: HashMap<Place, u64>,
    readings: HashMap<Arc<str>, Arc<Reading>>,
}

impl Known {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fingerprint, where all that it needs is known as of `tick`.
    pub(crate) fn fingerprint(&self, query: &Query, tick: u64) -> Option<Fingerprint> {
        let state = self.state();
        if state.tick != tick {
            return None;
        }
        let reading = state.readings.get(&query.sql)?;
        if !state.schemas.contains(&reading.schema) {
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

    /// What a statement was last found to read, by whatever schema.
    pub(crate) fn reading(&self, sql: &str) -> Option<Arc<Reading>> {
        self.state().readings.get(sql).cloned()
    }

    /// Remembers generations, and that the reading's schema is the present one, as of a snapshot
    /// that was taken after `tick` was read; returns what follows for the query.
    pub(crate) fn remember(
        &self,
        query: &Query,
        reading: &Arc<Reading>,
        tick: u64,
        rows: Vec<(Place, u64)>,
    ) -> Fingerprint {
        let sum = rows.iter().map(|(_, generation)| generation).sum();
        self.keep(query, reading, tick, rows);
        match &reading.on {
            Ok(_) => Fingerprint::Of { schema: reading.schema, sum },
            Err(why) => Fingerprint::None(why.clone()),
        }
    }

    fn keep(&self, query: &Query, reading: &Arc<Reading>, tick: u64, rows: Vec<(Place, u64)>) {
        let mut state = self.state();
        if tick < state.tick {
            return;
        }
        if tick > state.tick || state.generations.len() + rows.len() > GENERATIONS {
            state.tick = tick;
            state.generations.clear();
            state.schemas.clear();
        }
        if state.readings.len() >= STATEMENTS {
            state.readings.clear();
        }
        state.schemas.insert(reading.schema);
        state.generations.extend(rows);
        state.readings.insert(query.sql.clone(), Arc::clone(reading));
    }
}
