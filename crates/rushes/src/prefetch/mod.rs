//! What will be asked for next is read before it is asked for, within a budget that keeps it from
//! hurting.
//!
//! Every read of a window is noted with the session it belongs to. The model (`moves`) learns
//! how sessions move and says what is likely next; that is put into a short queue, and one worker
//! reads it through the same door as every read, so that it is as coherent. A prefetch waits for
//! demand, gives up when there is too much of it, and pays from a budget (`budget`). What it
//! brought is remembered until it is used or not (`ledger`): when too little of it is, the
//! strategy is off for a while.

mod budget;
mod diary;
mod explain;
mod ledger;
mod moves;
mod session;
mod stored;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rushes_store::{EntryQuery, Kind, Video, VideoId, Window};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::config::Prefetching;
use crate::engine::{Inner, Rushes};
use diary::{Diary, Fate, Note};
pub use explain::{Expected, ExplainRequest, Explanation, OrderedAhead};
use ledger::Ledger;
use moves::{Access, Moves, TICK};
use session::Sessions;
pub use session::in_session;
pub(crate) use session::next as next_session;
pub(crate) use worker::save;

/// How likely a read must be to be made ahead, 0 to 1. Chosen on the agent trace: less brings more
/// and wastes more.
const LEAST: f32 = 0.2;
/// Reads ahead that wait; what comes when so many do is dropped.
const WAITING: usize = 64;
/// Kinds that the model tells apart.
const KINDS: usize = 32;

/// What brings along what, by the table of the first design.
const RELATED: [(&str, &[&str]); 4] = [
    (Kind::FRAME, &[Kind::CAPTION, Kind::OBJECT]),
    (Kind::CAPTION, &[Kind::FRAME]),
    (Kind::TRANSCRIPT, &[Kind::CAPTION]),
    (Kind::OBJECT, &[Kind::FRAME]),
];

/// A read to be made ahead.
#[derive(Debug)]
struct Order {
    video: Arc<Video>,
    kind: Kind,
    window: Window,
    /// Its number in the diary.
    number: u64,
}

/// What is likely to be asked for, and how likely, where that is known.
type Likely = (Kind, Window, Option<f32>);

/// The prefetcher of one open library.
#[derive(Debug)]
pub(crate) struct Prefetch {
    strategy: Prefetching,
    mind: Mutex<Mind>,
    orders: mpsc::Sender<Order>,
    pub(crate) ledger: Ledger,
    /// Demand loads under way: prefetching waits for them.
    pub(crate) demand: Demand,
    diary: Diary,
    counters: Counters,
}

/// What is learned and where sessions are.
#[derive(Debug)]
struct Mind {
    moves: Moves,
    sessions: Sessions,
    kinds: Vec<Kind>,
}

#[derive(Debug, Default)]
struct Counters {
    noted: AtomicU64,
    ordered: AtomicU64,
    /// Dropped: the queue was full, demand was high, the budget was spent.
    full: AtomicU64,
    busy: AtomicU64,
    over_budget: AtomicU64,
    reads: AtomicU64,
}

/// Demand loads under way.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    under_way: AtomicUsize,
    idle: tokio::sync::Notify,
}

/// One of them; ends when dropped.
pub(crate) struct Demanding<'a>(&'a Demand);

impl Demand {
    /// A load begins.
    pub(crate) fn begin(&self) -> Demanding<'_> {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        Demanding(self)
    }
}

impl Drop for Demanding<'_> {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// Begins with what was learned before; the worker ends with the library.
pub(crate) fn start(inner: &Arc<Inner>, orders: Orders) {
    if inner.prefetch.strategy == Prefetching::Learned
        && let Some((moves, kinds)) = stored::load(&inner.settings.library)
        && let Ok(mut mind) = inner.prefetch.mind.lock()
    {
        (mind.moves, mind.kinds) = (moves, kinds);
    }
    if inner.prefetch.strategy != Prefetching::Off {
        tokio::spawn(worker::work(Arc::downgrade(inner), orders.0));
    }
}

/// The worker's end of the queue.
pub(crate) struct Orders(mpsc::Receiver<Order>);

impl Prefetch {
    pub(crate) fn new(strategy: Prefetching) -> (Self, Orders) {
        let (orders, inbox) = mpsc::channel(WAITING);
        let mind = Mind {
            moves: Moves::new(moves::CONTEXTS),
            sessions: Sessions::default(),
            kinds: Vec::new(),
        };
        let prefetch = Self {
            strategy,
            mind: Mutex::new(mind),
            orders,
            ledger: Ledger::default(),
            demand: Demand::default(),
            diary: Diary::default(),
            counters: Counters::default(),
        };
        (prefetch, Orders(inbox))
    }

    /// Takes note of a read, and orders what is likely next. Never waits: when another reader is
    /// just noting his, this one is not learned from.
    pub(crate) fn note(&self, session: u64, video: &Video, query: &EntryQuery) {
        let [kind] = query.kinds.as_slice() else { return };
        if self.strategy == Prefetching::Off {
            return;
        }
        self.counters.noted.fetch_add(1, Ordering::Relaxed);
        let likely = match self.strategy {
            Prefetching::Learned => self.learned(session, video, kind, query.window),
            _ => related(kind, query.window),
        };
        if !likely.is_empty() && self.ledger.is_worth_it() {
            self.order(session, video, likely);
        }
    }

    fn learned(&self, session: u64, video: &Video, kind: &Kind, window: Window) -> Vec<Likely> {
        let Ok(mut mind) = self.mind.try_lock() else { return Vec::new() };
        mind.next(session, &video.id, kind, shown(video, window)).unwrap_or_default()
    }

    fn order(&self, session: u64, video: &Video, likely: Vec<Likely>) {
        let video = Arc::new(video.clone());
        let end = video.start + video.duration;
        for (kind, window, confidence) in likely.into_iter().filter(|next| next.1.from < end) {
            let number = self.diary.order(Note {
                at: Instant::now(),
                session,
                video: video.id.clone(),
                kind: kind.clone(),
                window,
                confidence,
                fate: Fate::Waiting,
            });
            let order = Order { video: Arc::clone(&video), kind, window, number };
            if self.orders.try_send(order).is_ok() {
                self.counters.ordered.fetch_add(1, Ordering::Relaxed);
            } else {
                self.diary.became(number, Fate::QueueFull);
                self.counters.full.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether all that was ordered was read or dropped.
    fn is_settled(&self) -> bool {
        let Counters { ordered, busy, over_budget, reads, .. } = &self.counters;
        let done = [busy, over_budget, reads].map(|counter| counter.load(Ordering::Acquire));
        done.iter().sum::<u64>() >= ordered.load(Ordering::Acquire)
    }

    /// Figures, for `stats`.
    pub(crate) fn stats(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { noted, ordered, full, busy, over_budget, reads } = &self.counters;
        let contexts = self.mind.lock().map_or(0, |mind| mind.moves.len());
        json!({
            "strategy": self.strategy.name(),
            "accesses": read(noted),
            "ordered": read(ordered),
            "read": read(reads),
            "dropped": { "queue_full": read(full), "demand": read(busy), "budget": read(over_budget) },
            "segments": self.ledger.stats(),
            "contexts": contexts,
        })
    }
}

impl Mind {
    /// Learns where a session went, and says what is likely next.
    fn next(
        &mut self,
        session: u64,
        video: &VideoId,
        kind: &Kind,
        (from, to): (f64, f64),
    ) -> Option<Vec<Likely>> {
        let number = self.number(kind)?;
        let first = (from / TICK).floor() as i64;
        let last = ((to / TICK).ceil() as i64 - 1).max(first);
        let trail = self.sessions.trail(session, video);
        self.moves.learn(trail, Access { kind: number, first, last });
        let likely = self.moves.predict(trail, LEAST);
        let window = |(kind, from, to, confidence): (u8, i64, i64, f32)| {
            let window = Window { from: from as f64 * TICK, to: (to + 1) as f64 * TICK };
            Some((self.kinds.get(usize::from(kind))?.clone(), window, Some(confidence)))
        };
        Some(likely.stretches().into_iter().filter_map(window).collect())
    }

    fn number(&mut self, kind: &Kind) -> Option<u8> {
        let known = self.kinds.iter().position(|known| known == kind);
        let number = known.or_else(|| {
            let is_room = self.kinds.len() < KINDS;
            is_room.then(|| self.kinds.push(kind.clone())).map(|()| self.kinds.len() - 1)
        });
        u8::try_from(number?).ok()
    }
}

fn related(kind: &Kind, window: Window) -> Vec<Likely> {
    let row = RELATED.iter().find(|(name, _)| *name == kind.as_str());
    let kinds = row.into_iter().flat_map(|(_, brings)| brings.iter());
    kinds.filter_map(|name| Some((Kind::new(name).ok()?, window, None))).collect()
}

/// The window as far as the video goes, seconds.
fn shown(video: &Video, window: Window) -> (f64, f64) {
    let from = window.from.max(video.start.min(0.0));
    (from, window.to.min(video.start + video.duration).max(from))
}

impl Rushes {
    /// Waits until all that was ordered ahead is read or given up: for replays, where nobody
    /// thinks between two reads.
    pub async fn read_ahead_done(&self) {
        while !self.inner.prefetch.is_settled() {
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
    }

    /// Takes note of a read by this handle's session, or by that of the task.
    pub(crate) fn note_read(&self, video: &Video, query: &EntryQuery) {
        let session = self.asking();
        self.trace_read(session, video, query);
        self.inner.prefetch.note(session, video, query);
    }

    /// The session of the task, else of this handle.
    pub(crate) fn asking(&self) -> u64 {
        session::of_task().unwrap_or(self.session)
    }
}
