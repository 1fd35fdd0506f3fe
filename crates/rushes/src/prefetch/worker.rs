//! Makes the reads that were ordered ahead, one after the other, when nobody waits for others.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rushes_store::EntryQuery;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::budget::Budget;
use super::diary::Fate;
use super::{Demand, Order, stored};
use crate::config::Prefetching;
use crate::engine::{Inner, Rushes};

/// How long a read ahead waits for demand to end before it is given up.
const PATIENCE: Duration = Duration::from_millis(50);
/// Entries of one read ahead at most.
const MOST: usize = 1000;
/// How often what was learned is written down.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// Works until the library is closed.
pub(super) async fn work(library: Weak<Inner>, mut orders: mpsc::Receiver<Order>) {
    let mut budget = Budget::default();
    let mut saved = Instant::now();
    while let Some(order) = orders.recv().await {
        let Some(inner) = library.upgrade() else { return };
        if saved.elapsed() >= SAVE_EVERY {
            saved = Instant::now();
            save(&inner).await;
        }
        let counters = &inner.prefetch.counters;
        let number = order.number;
        let (fate, counter) = if !demand_ends(&inner.prefetch.demand).await {
            (Fate::Demand, &counters.busy)
        } else if !budget.pay_query(counters.noted.load(Ordering::Relaxed)) {
            (Fate::Budget, &counters.over_budget)
        } else {
            let brought = read(&inner, order).await;
            budget.pay_bytes(brought.unwrap_or_default());
            (brought.map_or(Fate::Failed, Fate::Read), &counters.reads)
        };
        inner.prefetch.diary.became(number, fate);
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

async fn demand_ends(demand: &Demand) -> bool {
    let idle = demand.idle.notified();
    demand.under_way.load(Ordering::Acquire) == 0 || timeout(PATIENCE, idle).await.is_ok()
}

/// Bytes that were brought. A failure is no one's: whoever really asks is told.
async fn read(inner: &Arc<Inner>, order: Order) -> Option<u64> {
    let engine = Rushes { inner: Arc::clone(inner), session: 0 };
    let query = EntryQuery {
        video: order.video.id.clone(),
        kinds: vec![order.kind],
        window: order.window,
        model: None,
        limit: MOST,
        after: None,
    };
    let brought = engine.read_ahead(order.video, query).await;
    brought.inspect_err(|error| tracing::debug!(%error, "a read ahead failed")).ok()
}

/// Writes down what was learned.
pub(crate) async fn save(inner: &Arc<Inner>) {
    if inner.prefetch.strategy != Prefetching::Learned || inner.read_only {
        return;
    }
    let inner = Arc::clone(inner);
    let saved = tokio::task::spawn_blocking(move || {
        let bytes = inner.prefetch.mind.lock().map(|mind| stored::bytes(&mind.moves, &mind.kinds));
        bytes.map_or(Ok(()), |bytes| stored::save(&inner.settings.library, &bytes))
    });
    if let Ok(Err(error)) = saved.await {
        tracing::warn!(%error, "what was learned about moves could not be written down");
    }
}
