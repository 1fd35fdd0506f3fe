//! The locks and atomics under the races: of the standard library, or of the schedule explorer
//! when the feature `shuttle` is on. A poisoned lock is taken as it is: every critical section
//! here leaves its map whole at each step.

#[cfg(not(feature = "shuttle"))]
use std::sync as inner;
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::atomic;

#[cfg(feature = "shuttle")]
use shuttle::sync as inner;
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::atomic;

use std::sync::PoisonError;

/// A mutex without poisoning.
#[derive(Default)]
pub(crate) struct Mutex<T>(inner::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(inner::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> inner::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
