//! Who answered how many reads, and how long the last ones took.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use super::served::{Served, Tier};

/// How many of the last reads the percentiles look at.
const RECENT: usize = 512;

/// Counts reads by the tier that answered.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    reads: [AtomicU64; Tier::ALL.len()],
    recent: [Mutex<Recent>; Tier::ALL.len()],
}

#[derive(Debug, Default)]
struct Recent {
    micros: Vec<u64>,
    next: usize,
}

impl Meter {
    /// Notes a read that began at `began` and was answered by `tier`.
    pub(crate) fn note(&self, tier: Tier, began: Instant) -> Served {
        let micros = began.elapsed().as_micros() as u64;
        self.reads[tier as usize].fetch_add(1, Ordering::Relaxed);
        // A read is never held up by the figures about it: when somebody reads them, it is left out.
        if let Ok(mut recent) = self.recent[tier as usize].try_lock() {
            recent.note(micros);
        }
        Served::new(tier, micros)
    }

    /// Reads, p50 and p99 in microseconds, by tier.
    pub(crate) fn snapshot(&self) -> Value {
        Tier::ALL
            .iter()
            .map(|tier| {
                let count = self.reads[*tier as usize].load(Ordering::Relaxed);
                let sorted = self.recent[*tier as usize]
                    .lock()
                    .map(|recent| recent.sorted())
                    .unwrap_or_default();
                let figures = json!({
                    "count": count,
                    "p50_micros": percentile(&sorted, 50),
                    "p99_micros": percentile(&sorted, 99),
                });
                (tier.name().to_owned(), figures)
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

impl Recent {
    fn note(&mut self, micros: u64) {
        if self.micros.len() < RECENT {
            self.micros.push(micros);
        } else if let Some(oldest) = self.micros.get_mut(self.next) {
            *oldest = micros;
        }
        self.next = (self.next + 1) % RECENT;
    }

    fn sorted(&self) -> Vec<u64> {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        sorted
    }
}

/// The nearest-rank percentile; `None` of nothing.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let sorted: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&sorted, 50), Some(50));
        assert_eq!(percentile(&sorted, 99), Some(99));
        assert_eq!(percentile(&[7], 99), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn only_recent_reads_count_for_the_percentiles() {
        let mut recent = Recent::default();
        (0..RECENT as u64 * 3).for_each(|micros| recent.note(micros));
        assert_eq!(recent.sorted().first(), Some(&(RECENT as u64 * 2)));
    }
}
