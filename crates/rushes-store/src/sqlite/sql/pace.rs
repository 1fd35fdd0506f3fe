//! Which statements are over before moving them to another thread would be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Statements that are remembered.
const STATEMENTS: usize = 2000;
/// A statement this quick runs in place.
const QUICK: Duration = Duration::from_millis(2);

/// How long each statement took of late.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<HashMap<Arc<str>, Duration>>);

impl Paces {
    /// Whether the statement is known to be quick. A new one is not.
    pub(super) fn is_quick(&self, sql: &str) -> bool {
        let paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paces.get(sql).is_some_and(|pace| *pace < QUICK)
    }

    /// A slow run counts at once, quick ones by and by.
    pub(super) fn note(&self, sql: &Arc<str>, took: Duration) {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = paces.get_mut(sql) {
            *pace = took.max((*pace * 3 + took) / 4);
            return;
        }
        if paces.len() >= STATEMENTS {
            paces.clear();
        }
        paces.insert(Arc::clone(sql), took);
    }
}
