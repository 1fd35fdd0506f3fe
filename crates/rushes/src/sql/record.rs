//! Every statement is timed; slow ones are told to the log, without their values.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rushes_store::{Example, Monitor, Outcome, SqlParams, StatementFigures};

use super::workload::Workload;
use crate::engine::Rushes;

/// Statements whose normal form is remembered.
const NORMALS: usize = 2000;

/// What is known of the statements that were asked of this handle.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(super) monitor: Monitor,
    normals: Mutex<HashMap<Arc<str>, Arc<str>>>,
    slow: Duration,
    pub(super) workload: Workload,
}

impl Recorder {
    /// Records, and keeps the slowest in a file for other processes, unless nothing may be written.
    pub(crate) fn new(slow: Duration, file: Option<PathBuf>) -> Self {
        let workload = Workload::new(file);
        Self { monitor: Monitor::default(), normals: Mutex::default(), slow, workload }
    }

    fn normal(&self, sql: &Arc<str>, find: impl FnOnce() -> String) -> Arc<str> {
        let mut normals = self.normals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(normal) = normals.get(sql) {
            return Arc::clone(normal);
        }
        if normals.len() >= NORMALS {
            normals.clear();
        }
        let normal: Arc<str> = find().into();
        normals.insert(Arc::clone(sql), Arc::clone(&normal));
        normal
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.workload.save(&self.monitor);
    }
}

impl Rushes {
    /// Figures of the statements asked through this handle, those that took most time first.
    pub fn statements(&self, limit: usize) -> Vec<StatementFigures> {
        self.inner.recorder.monitor.top(limit)
    }

    pub(super) fn note_statement(&self, sql: &Arc<str>, params: &SqlParams, outcome: &Outcome) {
        let recorder = &self.inner.recorder;
        let normal = recorder.normal(sql, || self.inner.store.sql().normal(sql));
        let example =
            || Example { sql: Arc::clone(sql), params: params.clone(), count: 0, total_micros: 0 };
        recorder.monitor.note(&normal, outcome, example);
        let (took, rows) = match outcome {
            Outcome::Cached => return,
            Outcome::Done(took, rows) => (*took, Some(*rows)),
            Outcome::Failed(took) => (*took, None),
        };
        if took >= recorder.slow {
            let (statement, ms) = (&*normal, took.as_millis() as u64);
            tracing::warn!(target: "rushes::sql", statement, ms, rows, "a slow statement");
        }
        if recorder.workload.is_due() {
            let inner = Arc::clone(&self.inner);
            // Nobody waits for it: the next one writes what this one could not.
            drop(tokio::task::spawn_blocking(move || {
                inner.recorder.workload.save(&inner.recorder.monitor);
            }));
        }
    }
}
