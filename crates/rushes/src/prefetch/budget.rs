//! What prefetching may cost: so many queries and so many bytes a second, saved up for a moment.

use std::time::{Duration, Instant};

/// Reads ahead a second, and bytes of segments.
const QUERIES: f64 = 200.0;
const BYTES: f64 = 16e6;
/// What is not used is saved up for at most so long.
const SAVED: Duration = Duration::from_secs(2);

/// A bucket that fills with time.
#[derive(Debug)]
pub(super) struct Budget {
    queries: f64,
    bytes: f64,
    filled: Instant,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        let saved = SAVED.as_secs_f64();
        Self { queries: QUERIES * saved, bytes: BYTES * saved, filled: now }
    }

    /// Pays for one query, if there is enough for it and for what it may bring.
    pub(super) fn pay_query(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).min(SAVED).as_secs_f64();
        let saved = SAVED.as_secs_f64();
        self.filled = now;
        self.queries = (self.queries + passed * QUERIES).min(QUERIES * saved);
        self.bytes = (self.bytes + passed * BYTES).min(BYTES * saved);
        let enough = self.queries >= 1.0 && self.bytes > 0.0;
        self.queries -= f64::from(u8::from(enough));
        enough
    }

    /// Pays for what a query brought; a debt is paid off before the next.
    pub(super) fn pay_bytes(&mut self, bytes: u64) {
        self.bytes -= bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_bytes_are_bounded_and_come_back_with_time() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let paid = (0..10_000).filter(|_| budget.pay_query(start)).count();
        assert_eq!(paid, (QUERIES * SAVED.as_secs_f64()) as usize);
        let later = start + Duration::from_secs(1);
        assert!(budget.pay_query(later));
        budget.pay_bytes(10 * BYTES as u64);
        assert!(!budget.pay_query(later + Duration::from_secs(1)), "in debt");
        let mut after = later + Duration::from_secs(1);
        let waits = std::iter::repeat_with(|| {
            after += Duration::from_secs(1);
            budget.pay_query(after)
        });
        assert!(waits.take(10).any(|paid| paid));
    }
}
