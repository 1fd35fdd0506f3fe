//! What the races are made of, locks, atomics and tasks: those of the standard library and tokio,
//! or those of the schedule explorer when the feature `shuttle` is on. A poisoned lock is taken as
//! it is: every critical section here leaves its map whole at each step.

#[cfg(not(feature = "shuttle"))]
use std::sync as inner;
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::atomic;

#[cfg(feature = "shuttle")]
use shuttle::sync as inner;
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::atomic;

use std::future::Future;
use std::sync::PoisonError;
use std::time::Duration;

pub(crate) use inner::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// A mutex without poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(inner::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(inner::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, unless somebody holds it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

/// A lock for many readers or one writer, without poisoning.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(inner::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(inner::RwLock::new(value))
    }

    #[inline]
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a future as a task of its own.
#[cfg(not(feature = "shuttle"))]
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// Runs a future as a task of its own.
#[cfg(feature = "shuttle")]
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    shuttle::future::spawn(task);
}

/// What the future answers, unless it takes longer than `limit`.
#[cfg(not(feature = "shuttle"))]
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, future).await.ok()
}

/// What the future answers: the explorer knows no time.
#[cfg(feature = "shuttle")]
pub(crate) async fn within<T>(_limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    Some(future.await)
}

/// Lets other tasks go first.
#[cfg(not(feature = "shuttle"))]
pub(crate) async fn yield_now() {
    tokio::task::yield_now().await;
}

/// Lets other tasks go first.
#[cfg(feature = "shuttle")]
pub(crate) async fn yield_now() {
    shuttle::future::yield_now().await;
}

/// Waits.
#[cfg(not(feature = "shuttle"))]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Does not wait: the explorer knows no time.
#[cfg(feature = "shuttle")]
pub(crate) async fn pause(_time: Duration) {
    yield_now().await;
}
