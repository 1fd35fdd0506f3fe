//! Which preparation of a statement is trusted. PostgreSQL reads a prepared statement anew when what it
//! names is altered, but not when its words have come to name something else: a table that stands
//! before another of the same name. So whenever it was found anew what a statement reads, it is
//! prepared anew, told apart by a comment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Statements whose edition is remembered.
const STATEMENTS: usize = 2000;

/// The edition of each statement.
#[derive(Default)]
pub(super) struct Editions(Mutex<State>);

#[derive(Default)]
struct State {
    last: u64,
    /// The edition of every statement that is not listed.
    others: u64,
    of: HashMap<Arc<str>, u64>,
}

impl Editions {
    /// From now on the statement is prepared anew.
    pub(super) fn renew(&self, sql: &Arc<str>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last += 1;
        let last = state.last;
        if state.of.len() >= STATEMENTS {
            state.of.clear();
            state.others = last;
        }
        state.of.insert(Arc::clone(sql), last);
    }

    /// The statement as it is to be prepared.
    pub(super) fn text(&self, sql: &str) -> String {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.of.get(sql).copied().unwrap_or(state.others) {
            0 => sql.trim().to_owned(),
            edition => format!("{}\n/* {edition} */", sql.trim()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_given_up_does_not_come_again() {
        let editions = Editions::default();
        let sql: Arc<str> = "SELECT 1 -- one".into();
        let mut seen = vec![editions.text(&sql)];
        for n in 0..STATEMENTS + 2 {
            editions.renew(&format!("SELECT {n}").into());
            if n % 1000 == 0 {
                editions.renew(&sql);
            }
        }
        seen.push(editions.text(&sql));
        assert_ne!(seen[0], seen[1]);
        assert!(seen[1].starts_with("SELECT 1 -- one\n"), "{}", seen[1]);
    }
}
