//! How long an entry in memory may be served, and as what.
//!
//! ```text
//! load        soft             expires                 kept
//!  |  fresh    |  served, and    |  stands in when the  |  gone
//!  |           |  refreshed      |  source fails        |
//! ```
//! Most entries have one moment only, their expiry; it is all that a hit looks at (see
//! [`crate::stored::Stored`]). The others carry a [`Life`].

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Millis;

/// An early refresh becomes less likely than one in 10^8 at this many expected lengths of a load
/// before the expiry: before that no look-up needs to draw a number.
const WINDOW: f64 = 20.0;

/// What may be done with an entry at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// Serve it.
    Fresh,
    /// Serve it, and refresh it in the background.
    Due,
    /// Serve it as stale; `refresh` it in the background unless that failed just now.
    Stale { refresh: bool },
    /// Past its time; its load failed just now: it stands in.
    StandsIn,
    /// Load it; it may stand in when that fails.
    Expired,
    /// Past its time, or not used for so long: it is not there.
    Over,
}

/// The moments of an entry that has more than an expiry, as the cache's clock counts them.
#[derive(Debug)]
pub(crate) struct Life {
    /// Never is [`Millis::MAX`].
    pub(crate) soft: Millis,
    pub(crate) expires: Millis,
    pub(crate) kept: Millis,
    /// For how long it may go unused, milliseconds; [`Millis::MAX`]: for good.
    pub(crate) idle: Millis,
    /// When it was used last.
    pub(crate) used: AtomicU64,
    /// Before this moment no other attempt to refresh it is made.
    pub(crate) retry: AtomicU64,
    /// How long before its time its refresh is likely, milliseconds: what its load took, times the
    /// namespace's eagerness.
    pub(crate) eager: f64,
    /// When its load began, milliseconds since 1970.
    pub(crate) created: Millis,
}

impl Life {
    pub(crate) fn new(now: Millis, created: Millis) -> Self {
        Self {
            soft: Millis::MAX,
            expires: Millis::MAX,
            kept: Millis::MAX,
            idle: Millis::MAX,
            used: AtomicU64::new(now),
            retry: AtomicU64::new(0),
            eager: 0.0,
            created,
        }
    }

    /// Until when nothing has to be asked but the time: the gate of its entry.
    pub(crate) fn quiet_until(&self) -> Millis {
        if self.idle != Millis::MAX {
            return 0;
        }
        let due = self.soft.min(self.expires);
        if due == Millis::MAX {
            return due;
        }
        due.saturating_sub((self.eager * WINDOW) as Millis)
    }

    /// Whether an expiry is all there is to it.
    pub(crate) fn is_plain(&self) -> bool {
        let only_expires = self.soft >= self.expires && self.kept <= self.expires;
        only_expires && self.idle == Millis::MAX && self.eager == 0.0
    }

    /// What may be done with it now. `random` is drawn anew for each look-up.
    pub(crate) fn age(&self, now: Millis, random: impl FnOnce() -> u64) -> Age {
        let unused = now.saturating_sub(self.used.load(Ordering::Relaxed));
        if now >= self.kept || unused >= self.idle {
            return Age::Over;
        }
        let may_try = now >= self.retry.load(Ordering::Relaxed);
        if now >= self.expires {
            return if may_try { Age::Expired } else { Age::StandsIn };
        }
        if self.idle != Millis::MAX {
            self.used.fetch_max(now, Ordering::Relaxed);
        }
        if now >= self.soft {
            return Age::Stale { refresh: may_try };
        }
        let due = self.soft.min(self.expires);
        if may_try && self.eager > 0.0 && now.saturating_add(self.ahead(random())) >= due {
            return Age::Due;
        }
        Age::Fresh
    }

    /// How long before its time this look-up would refresh it: exponentially distributed, so that
    /// of many callers, in one process or in several, one comes first and alone (Vattani,
    /// Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", PVLDB 8(8),
    /// 2015: `-cost * beta * ln(random)`).
    fn ahead(&self, random: u64) -> Millis {
        // In (0, 1]: the logarithm of zero is no time.
        let uniform = (random as f64 + 1.0) / (u64::MAX as f64 + 1.0);
        (-self.eager * uniform.ln()) as Millis
    }

    /// Makes no other attempt before `moment`.
    pub(crate) fn postpone(&self, moment: Millis) {
        self.retry.fetch_max(moment, Ordering::Relaxed);
    }
}

/// A number from the whole range.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;

    fn life() -> Life {
        Life { soft: 100, expires: 200, kept: 300, ..Life::new(0, 0) }
    }

    fn certain() -> u64 {
        u64::MAX
    }

    #[test]
    fn an_entry_is_fresh_then_stale_then_a_stand_in_then_gone() {
        let life = life();
        let at = |now| life.age(now, certain);
        assert_eq!((at(0), at(99)), (Age::Fresh, Age::Fresh));
        let stale = Age::Stale { refresh: true };
        assert_eq!((at(100), at(199)), (stale, stale));
        assert_eq!((at(200), at(299)), (Age::Expired, Age::Expired));
        assert_eq!(at(300), Age::Over);
        assert_eq!(life.quiet_until(), 100);
        assert!(!life.is_plain());
        assert!(Life { expires: 9, kept: 9, ..Life::new(0, 0) }.is_plain());
    }

    #[test]
    fn after_a_failure_it_is_served_without_another_attempt() {
        let life = life();
        life.postpone(250);
        assert_eq!(life.age(150, certain), Age::Stale { refresh: false });
        assert_eq!(life.age(249, certain), Age::StandsIn);
        assert_eq!(life.age(250, certain), Age::Expired);
        assert_eq!(life.age(300, certain), Age::Over, "no attempt prolongs its time");
    }

    #[test]
    fn use_keeps_an_idle_entry_but_not_beyond_its_time() {
        let life = Life { expires: 100, kept: 100, idle: 30, ..Life::new(0, 0) };
        assert_eq!(life.quiet_until(), 0, "each use is noted");
        for now in [29, 58, 87] {
            assert_eq!(life.age(now, certain), Age::Fresh, "{now}");
        }
        assert_eq!(life.age(100, certain), Age::Over);
        let unused = Life { idle: 30, ..Life::new(0, 0) };
        assert_eq!(unused.age(30, certain), Age::Over);
    }

    #[test]
    fn an_early_refresh_is_as_likely_as_its_formula_says() {
        // ln(1/2) of 100 ms: half of the callers refresh 69 ms before the time.
        let life = Life { expires: 1_000, kept: 1_000, eager: 100.0, ..Life::new(0, 0) };
        assert!(life.quiet_until() < 1_000 - 69);
        let early = |now| {
            let draws = (1..=10_000u64).map(|n| life.age(now, || n * (u64::MAX / 10_000)));
            draws.filter(|age| *age == Age::Due).count()
        };
        assert!((4_900..5_100).contains(&early(1_000 - 69)), "{}", early(931));
        assert!(early(999) > 9_800 && early(500) < 100, "{} {}", early(999), early(500));
        assert_eq!(early(0), 0);
    }
}
