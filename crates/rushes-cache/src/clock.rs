//! Time, injectable: the tests turn the hands themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far [`Clock::coarse`] may lag behind [`Clock::now`], in milliseconds: one tick of a kernel
/// at 100 Hz.
const COARSE_LAG: u64 = 10;

/// A moment as a [`Clock`] counts: milliseconds since an origin of its own.
pub type Millis = u64;

/// Tells the time. Cloning gives a handle to the same clock.
#[derive(Clone, Debug, Default)]
pub struct Clock(Hands);

#[derive(Clone, Debug, Default)]
enum Hands {
    #[default]
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still until it is moved by [`Clock::advance`].
    pub fn manual() -> Self {
        Self(Hands::Manual(Arc::new(AtomicU64::new(1_000_000))))
    }

    /// Moves a manual clock forward; the machine's clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Hands::Manual(now) = &self.0 {
            now.fetch_add(millis(by), Ordering::SeqCst);
        }
    }

    /// Now, never going back.
    pub fn now(&self) -> Millis {
        match &self.0 {
            Hands::System => monotonic(),
            Hands::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Now or up to 10 ms ago, for a fraction of the price.
    #[inline]
    pub fn coarse(&self) -> Millis {
        match &self.0 {
            Hands::System => monotonic_coarse(),
            Hands::Manual(now) => now.load(Ordering::Relaxed),
        }
    }

    /// The moment that [`Clock::coarse`] reaches no later than `after` milliseconds from now.
    pub(crate) fn deadline(&self, after: Millis) -> Millis {
        let lag = match self.0 {
            Hands::System => COARSE_LAG,
            Hands::Manual(_) => 0,
        };
        self.now().saturating_add(after).saturating_sub(lag)
    }

    /// Milliseconds since 1970, for what outlives the process.
    pub fn wall(&self) -> Millis {
        match &self.0 {
            Hands::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
            Hands::Manual(now) => now.load(Ordering::SeqCst),
        }
    }
}

/// A duration in whole milliseconds, saturating.
pub(crate) fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(target_os = "linux")]
fn monotonic() -> Millis {
    read(rustix::time::ClockId::Monotonic)
}

#[cfg(target_os = "linux")]
#[inline]
fn monotonic_coarse() -> Millis {
    read(rustix::time::ClockId::MonotonicCoarse)
}

#[cfg(target_os = "linux")]
#[inline]
fn read(id: rustix::time::ClockId) -> Millis {
    let time = rustix::time::clock_gettime(id);
    // Neither part is ever negative for a clock that counts from the start of the machine.
    time.tv_sec.unsigned_abs() * 1_000 + time.tv_nsec.unsigned_abs() / 1_000_000
}

#[cfg(not(target_os = "linux"))]
fn monotonic() -> Millis {
    use std::sync::OnceLock;
    use std::time::Instant;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    // Starts above zero, so that a deadline less its lag stays in range.
    1_000_000 + millis(ORIGIN.get_or_init(Instant::now).elapsed())
}

#[cfg(not(target_os = "linux"))]
fn monotonic_coarse() -> Millis {
    monotonic()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_clock_never_runs_ahead_and_lags_at_most_a_tick() {
        let clock = Clock::system();
        for _ in 0..1_000 {
            let (before, coarse, after) = (clock.now(), clock.coarse(), clock.now());
            assert!(coarse <= after && coarse + COARSE_LAG >= before, "{before} {coarse} {after}");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual();
        let handle = clock.clone();
        let start = clock.now();
        handle.advance(Duration::from_secs(2));
        assert_eq!((clock.now(), clock.coarse()), (start + 2_000, start + 2_000));
        assert_eq!(clock.deadline(5), start + 2_005);
    }
}
