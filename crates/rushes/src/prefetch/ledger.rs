//! What was read ahead and whether anybody wanted it.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rushes_cache::Key;
use serde_json::{Value, json};

/// Segments that are remembered until they are used.
const OPEN: usize = 4096;
/// After how long an unused one counts as wasted.
const TIMELY: Duration = Duration::from_secs(120);
/// Outcomes that the precision is taken over, about.
const RECENT: f64 = 256.0;
/// Outcomes before anything is judged.
const JUDGED_FROM: u64 = 128;
/// Below this share of used segments, prefetching is off for a while.
const LEAST_PRECISION: f64 = 0.35;
/// For how long.
const OFF: Duration = Duration::from_secs(60);

/// Remembers segments that were read ahead.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    book: Mutex<Book>,
    /// Length of the book: a hit need not lock an empty one.
    open: AtomicUsize,
    used: AtomicU64,
    unused: AtomicU64,
    bytes: AtomicU64,
    wasted: AtomicU64,
    /// Segments that a read had to load, as nobody had read them ahead.
    missed: AtomicU64,
    /// Milliseconds between bringing and use, of all that were used.
    lead: AtomicU64,
}

#[derive(Debug, Default)]
struct Book {
    open: HashMap<Key, (Instant, u64)>,
    /// In the order in which they were brought; may name some that are closed already.
    order: VecDeque<(Key, Instant)>,
    precision: f64,
    outcomes: u64,
    off_until: Option<Instant>,
}

impl Ledger {
    /// A segment of so many bytes was read ahead.
    pub(crate) fn brought(&self, key: Key, bytes: u64) {
        self.brought_at(key, bytes, Instant::now());
    }

    fn brought_at(&self, key: Key, bytes: u64, now: Instant) {
        let Ok(mut book) = self.book.lock() else { return };
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        book.order.push_back((key.clone(), now));
        book.open.insert(key, (now, bytes));
        self.close_old(&mut book, now);
        self.open.store(book.open.len(), Ordering::Relaxed);
    }

    /// A segment was asked for and was in memory. Never waits.
    pub(crate) fn wanted(&self, key: &Key) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        let Ok(mut book) = self.book.try_lock() else { return };
        if let Some((brought, _)) = book.open.remove(key) {
            let lead = u64::try_from(brought.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.lead.fetch_add(lead, Ordering::Relaxed);
            self.open.store(book.open.len(), Ordering::Relaxed);
            self.used.fetch_add(1, Ordering::Relaxed);
            book.judge(true, Instant::now());
        }
    }

    /// A read had to load so many segments.
    pub(crate) fn missed(&self, segments: usize) {
        self.missed.fetch_add(segments as u64, Ordering::Relaxed);
    }

    /// Whether so much of it is used that it should go on.
    pub(super) fn is_worth_it(&self) -> bool {
        // A book that somebody is writing in is not worth waiting for.
        self.book
            .try_lock()
            .is_ok_and(|book| book.off_until.is_none_or(|end| end <= Instant::now()))
    }

    fn close_old(&self, book: &mut Book, now: Instant) {
        while let Some((key, brought)) = book.order.front() {
            let late = now.saturating_duration_since(*brought) > TIMELY;
            if !late && book.order.len() <= OPEN {
                return;
            }
            let still = book.open.get(key).is_some_and(|(at, _)| at == brought);
            if let Some((_, bytes)) = still.then(|| book.open.remove(key)).flatten() {
                self.unused.fetch_add(1, Ordering::Relaxed);
                self.wasted.fetch_add(bytes, Ordering::Relaxed);
                book.judge(false, now);
            }
            book.order.pop_front();
        }
    }

    /// Figures, for `stats`.
    pub(super) fn stats(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (used, unused) = (read(&self.used), read(&self.unused));
        let (judged, missed) = (used + unused, read(&self.missed));
        let share = |of: u64, all: u64| (all > 0).then(|| of as f64 / all as f64);
        let off =
            self.book.lock().is_ok_and(|book| book.off_until.is_some_and(|e| e > Instant::now()));
        json!({
            "used": used,
            "unused": unused,
            "open": self.open.load(Ordering::Relaxed),
            "missed": missed,
            "precision": share(used, judged),
            "coverage": share(used, used + missed),
            "lead_seconds": share(read(&self.lead), used).map(|millis| millis / 1e3),
            "bytes": read(&self.bytes),
            "wasted_bytes": read(&self.wasted),
            "off": off,
        })
    }
}

impl Book {
    fn judge(&mut self, used: bool, now: Instant) {
        self.outcomes += 1;
        let weight = 1.0 / RECENT.min(self.outcomes as f64);
        self.precision += (f64::from(u8::from(used)) - self.precision) * weight;
        if self.outcomes >= JUDGED_FROM && self.precision < LEAST_PRECISION {
            (self.off_until, self.outcomes, self.precision) = (Some(now + OFF), 0, 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> Key {
        Key::new("segments", n.to_le_bytes())
    }

    #[test]
    fn what_nobody_wants_turns_it_off_for_a_while() {
        let ledger = Ledger::default();
        let start = Instant::now();
        assert!(ledger.is_worth_it());
        for n in 0..OPEN + JUDGED_FROM as usize {
            ledger.brought_at(key(n), 10, start);
        }
        assert!(!ledger.is_worth_it());
        assert_eq!(ledger.stats()["unused"], JUDGED_FROM);
        assert_eq!(ledger.stats()["wasted_bytes"], JUDGED_FROM * 10);
    }

    #[test]
    fn what_is_wanted_keeps_it_on_and_counts_once() {
        let ledger = Ledger::default();
        let start = Instant::now();
        for n in 0..3 * OPEN {
            ledger.brought_at(key(n), 10, start);
            ledger.wanted(&key(n));
            ledger.wanted(&key(n));
        }
        assert!(ledger.is_worth_it());
        assert_eq!(
            (ledger.stats()["used"].as_u64(), ledger.stats()["open"].as_u64()),
            (Some(3 * OPEN as u64), Some(0))
        );
    }

    #[test]
    fn what_comes_too_late_is_wasted() {
        let ledger = Ledger::default();
        let start = Instant::now();
        ledger.brought_at(key(1), 10, start);
        ledger.brought_at(key(2), 10, start + TIMELY + Duration::from_secs(1));
        assert_eq!(ledger.stats()["unused"], 1);
        ledger.wanted(&key(1));
        assert_eq!(ledger.stats()["used"], 0);
    }
}
