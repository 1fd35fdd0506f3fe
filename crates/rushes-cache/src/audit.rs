//! Self-audit: now and then a value that was served is compared with the source.
//!
//! A difference alone says nothing: the source may have been written to in between. So the entry is
//! looked at again after a while: when it is still there and nothing has invalidated it, a write
//! went by the cache, and what was served is stale. There is one good count of those: zero.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Cache, LoadError, Loaded};
use crate::key::Key;
use crate::shim::{pause, spawn};
use crate::stats::count;
use crate::stored::Stored;

/// How long after the comparison an invalidation may come.
const GRACE: Duration = Duration::from_secs(1);

impl Cache {
    /// Compares an entry that is being served with what `load` brings, in the background.
    pub(crate) fn audit<F, Fut>(&self, stored: Stored, load: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded, LoadError>> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        let working = shared.work.begin();
        spawn(async move {
            let _working = working;
            let Some(memory) = &shared.memory else { return };
            // A source that fails tells nothing.
            let Ok(loaded) = load().await else { return };
            let counters = &stored.namespace().counters;
            count(&counters.audits);
            if stored.says(loaded.bytes.as_deref()) {
                return;
            }
            pause(GRACE).await;
            if stored.valid() && memory.has(&stored) {
                count(&counters.stale);
                tracing::error!(key = %Key::from_bytes(stored.key()), "a stale value was served");
            }
        });
    }
}
