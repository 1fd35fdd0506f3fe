//! Tasks of a cache that run on after their callers were served, so that closing can await them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many tasks are at work.
#[derive(Debug, Default)]
pub(crate) struct Work {
    running: AtomicUsize,
    idle: Notify,
}

/// One task at work; dropped when it ends, however it ends.
#[derive(Debug)]
pub(crate) struct Working(Arc<Work>);

impl Work {
    /// Counts one task more.
    pub(crate) fn begin(self: &Arc<Self>) -> Working {
        self.running.fetch_add(1, Ordering::SeqCst);
        Working(Arc::clone(self))
    }

    /// Returns when no task is at work.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            // Registered before the count is read, so that no wake-up is missed.
            if self.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
