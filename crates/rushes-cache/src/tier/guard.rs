//! Keeps a tier out of the way: a time budget, a breaker, and a journal of what it owes.
//!
//! A tier that fails or is slow is a miss and a counter. After some failures in a row it is left
//! alone for a while, then tried by one operation. Invalidations are different: they may not be
//! lost. They are noted in the journal first, and as long as the tier has not taken them all,
//! nothing is read from it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Claim, Put, Stamp, Tier, TierError, TierStats};
use crate::batch::Wanted;
use crate::cache::Origin;
use crate::clock::{Clock, Millis, millis};
use crate::entry::Entry;
use crate::key::{Key, Scope};
use crate::pattern::Pattern;
use crate::stats::{TierCounters, count};

/// How much trouble a tier may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long one operation may take.
    pub budget: Duration,
    /// After so many failures in a row the tier is left alone.
    pub failures: u32,
    /// For how long at first; doubled with each failed attempt up to 4 times as long.
    pub rest: Duration,
    /// The most writes under way; further ones are dropped.
    pub writes: usize,
}

impl Default for Patience {
    fn default() -> Self {
        let (budget, rest) = (Duration::from_millis(250), Duration::from_millis(500));
        Self { budget, failures: 3, rest, writes: 64 }
    }
}

/// Owed invalidations remembered one by one; beyond, everything is owed.
const MOST_OWED: usize = 10_000;

#[derive(Clone, Debug)]
enum Owed {
    Scope(Scope),
    Key(Key),
    Pattern(Pattern),
}

/// The journal: numbered, in order.
#[derive(Debug, Default)]
struct Ledger {
    next: u64,
    debts: Vec<(u64, Owed)>,
    /// What the tier is to be marked with as soon as the debts up to a number are paid.
    mark: Option<(u64, u64)>,
}

impl Ledger {
    fn note(&mut self, owed: Owed) {
        let owed = if self.debts.len() < MOST_OWED {
            owed
        } else {
            self.debts.clear();
            Owed::Scope(Scope::everything())
        };
        self.next += 1;
        self.debts.push((self.next, owed));
    }

    /// Crosses out what was paid; the mark that has become true by it.
    fn paid(&mut self, last: u64) -> Option<u64> {
        self.debts.retain(|(number, _)| *number > last);
        let (_, at) = self.mark.take_if(|(number, _)| *number <= last)?;
        Some(at)
    }
}

#[derive(Clone, Copy, Debug)]
enum Breaker {
    Closed {
        failures: u32,
    },
    /// Left alone until a moment; `rest` is how long that was, in milliseconds.
    Open {
        until: Millis,
        rest: Millis,
    },
    /// One operation is trying.
    Probing {
        rest: Millis,
    },
}

/// What a look into a tier brought; nothing at all when the tier was not to be asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looked {
    pub(crate) stamp: Option<Stamp>,
    pub(crate) entry: Option<Entry>,
}

impl From<super::Look> for Looked {
    fn from((stamp, entry): super::Look) -> Self {
        Self { stamp: Some(stamp), entry }
    }
}

/// A tier behind its guard.
#[derive(Debug)]
pub(crate) struct Guard {
    tier: Arc<dyn Tier>,
    patience: Patience,
    clock: Clock,
    breaker: Mutex<Breaker>,
    ledger: Mutex<Ledger>,
    /// Held by the one who pays.
    paying: tokio::sync::Mutex<()>,
    writes: Semaphore,
    /// Whether it may not be read for now: only this process fills it, and others' invalidations
    /// are not heard.
    shut: AtomicBool,
    counters: TierCounters,
}

impl Guard {
    pub(crate) fn new(tier: Arc<dyn Tier>, patience: Patience, clock: Clock) -> Self {
        Self {
            tier,
            clock,
            breaker: Mutex::new(Breaker::Closed { failures: 0 }),
            ledger: Mutex::default(),
            paying: tokio::sync::Mutex::default(),
            writes: Semaphore::new(patience.writes),
            shut: AtomicBool::new(false),
            counters: TierCounters::default(),
            patience,
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        self.tier.origin()
    }

    /// The tier itself, for what is in nobody's way.
    pub(crate) fn tier(&self) -> &dyn Tier {
        &*self.tier
    }

    /// The entry, when the tier has it, answers in time and owes nothing.
    pub(crate) async fn get(&self, key: &Key) -> Option<Entry> {
        if !self.is_readable().await {
            return None;
        }
        self.call(self.tier.get(key)).await.ok().flatten()
    }

    /// The generations before the look, when the tier can tell them, and the entry, as
    /// [`Guard::get`] brings it.
    pub(crate) async fn look(&self, key: &Key, scopes: &[Scope]) -> Looked {
        if !self.is_readable().await {
            return Looked::default();
        }
        let look = self.call(self.tier.look(key, scopes)).await;
        look.map(Looked::from).unwrap_or_default()
    }

    /// The same for many keys, in their order.
    pub(crate) async fn look_many(&self, wanted: &[Wanted]) -> Vec<Looked> {
        let nothing = || vec![Looked::default(); wanted.len()];
        if wanted.is_empty() || !self.is_readable().await {
            return nothing();
        }
        let looks = self.call(self.tier.look_many(wanted)).await;
        looks.map_or_else(|_| nothing(), |looks| looks.into_iter().map(Looked::from).collect())
    }

    /// Keeps an entry, when the tier is well and has few writes under way.
    pub(crate) async fn put(&self, key: &Key, entry: &Entry, stamp: &Stamp) {
        self.write(self.tier.put(key, entry, stamp), 1).await;
    }

    /// Keeps many entries.
    pub(crate) async fn put_many(&self, puts: &[Put]) {
        if !puts.is_empty() {
            self.write(self.tier.put_many(puts), puts.len()).await;
        }
    }

    async fn write(&self, put: impl Future<Output = Result<(), TierError>>, entries: usize) {
        match self.writes.try_acquire() {
            Ok(_permit) => drop(self.call(put).await),
            Err(_) => drop(self.counters.refused.fetch_add(entries as u64, Ordering::Relaxed)),
        }
    }

    /// The right to load each of the keys, in their order; `None` where another process has it.
    pub(crate) async fn claim(
        &self,
        wanted: &[(Key, Stamp)],
    ) -> Result<Vec<Option<Claim>>, TierError> {
        self.call(self.tier.claim(wanted)).await
    }

    /// Keeps claims for longer, if they can be kept.
    pub(crate) async fn renew(&self, claims: &[Claim]) {
        drop(self.call(self.tier.renew(claims)).await);
    }

    /// Gives claims back; else they end by themselves.
    pub(crate) async fn release(&self, claims: &[Claim]) {
        if !claims.is_empty() {
            drop(self.call(self.tier.release(claims)).await);
        }
    }

    /// Drops keys as [`Guard::remove`] does; the generations that put their new values, when the
    /// tier is well.
    pub(crate) async fn remove_to_set(&self, wanted: &[Wanted]) -> Option<Vec<Stamp>> {
        let keys: Vec<Key> = wanted.iter().map(|wanted| wanted.key.clone()).collect();
        self.remove(&keys).await;
        if !self.is_readable().await {
            return None;
        }
        self.call(self.tier.remove_to_set(wanted)).await.ok()
    }

    /// Whether it may be read: others are heard, and it was handed all that it is owed. When
    /// somebody is about to hand over, this caller does not wait for that.
    async fn is_readable(&self) -> bool {
        if self.shut.load(Ordering::Acquire) {
            count(&self.counters.skipped);
            return false;
        }
        let readable = self.owes_nothing()
            || match self.paying.try_lock() {
                Ok(turn) => self.pay_in(turn).await.is_ok(),
                Err(_) => false,
            };
        if !readable {
            count(&self.counters.skipped);
        }
        readable
    }

    /// Keeps the tier from being read, or lets it be read again.
    pub(crate) fn shut(&self, shut: bool) {
        self.shut.store(shut, Ordering::Release);
    }

    /// The tier is known to be well again: it is handed what it is owed, and no longer left alone.
    pub(crate) async fn is_back(&self) {
        *self.breaker() = Breaker::Closed { failures: 0 };
        drop(self.pay().await);
    }

    /// Drops keys now, or keeps the tier from being read until it has.
    pub(crate) async fn remove(&self, keys: &[Key]) {
        self.owe(keys.iter().cloned().map(Owed::Key));
        drop(self.pay().await);
    }

    /// Drops what the pattern matches, or keeps the tier from being read until it has.
    pub(crate) async fn invalidate_matching(&self, pattern: &Pattern) {
        self.owe([Owed::Pattern(pattern.clone())]);
        drop(self.pay().await);
    }

    /// Drops what carries one of the scopes, or keeps the tier from being read until it has.
    pub(crate) async fn invalidate(&self, scopes: &[Scope]) {
        self.owe(scopes.iter().cloned().map(Owed::Scope));
        drop(self.pay().await);
    }

    /// Closes the tier, without a budget: this is not in anyone's way. What is still owed to it
    /// is handed over first.
    pub(crate) async fn close(&self) -> Result<(), TierError> {
        self.pay().await?;
        self.tier.close().await
    }

    pub(crate) fn stats(&self) -> TierStats {
        let (mut stats, own) = (self.tier.stats(), self.counters.read());
        stats.errors = own.errors;
        stats.slow = own.slow;
        stats.skipped = own.skipped;
        stats.refused += own.refused;
        stats.resting = !matches!(*self.breaker(), Breaker::Closed { .. });
        stats
    }

    fn owe(&self, more: impl IntoIterator<Item = Owed>) {
        let mut ledger = self.ledger();
        for owed in more {
            ledger.note(owed);
        }
    }

    /// Whether it was handed all invalidations.
    pub(crate) fn owes_nothing(&self) -> bool {
        self.ledger().debts.is_empty()
    }

    /// Hands the tier all that it is owed when it is this caller's turn, if that comes soon.
    async fn pay(&self) -> Result<(), TierError> {
        let turn = tokio::time::timeout(self.patience.budget, self.paying.lock()).await;
        self.pay_in(turn.map_err(|_| TierError::Busy)?).await
    }

    async fn pay_in(&self, _turn: tokio::sync::MutexGuard<'_, ()>) -> Result<(), TierError> {
        let debts = self.ledger().debts.clone();
        let Some((last, _)) = debts.last() else { return Ok(()) };
        self.call(hand_over(&*self.tier, &debts)).await?;
        let mark = self.ledger().paid(*last);
        mark.into_iter().for_each(|at| self.tier.mark(at));
        Ok(())
    }

    /// Marks the tier as told of the source's changes up to `at`, as soon as it is.
    pub(crate) fn mark(&self, at: u64) {
        let mut ledger = self.ledger();
        if ledger.debts.is_empty() {
            self.tier.mark(at);
        } else {
            ledger.mark = Some((ledger.next, at));
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one operation within the budget, unless the tier is left alone.
    async fn call<T>(
        &self,
        operation: impl Future<Output = Result<T, TierError>>,
    ) -> Result<T, TierError> {
        self.admit().inspect_err(|_| count(&self.counters.skipped))?;
        let attempt = Attempt { guard: self };
        match tokio::time::timeout(self.patience.budget, operation).await {
            Ok(Ok(done)) => {
                *self.breaker() = Breaker::Closed { failures: 0 };
                Ok(done)
            }
            Ok(Err(error)) => {
                count(&self.counters.errors);
                attempt.failed();
                tracing::debug!(tier = ?self.tier.origin(), %error, "a cache tier failed");
                Err(error)
            }
            Err(_) => {
                count(&self.counters.slow);
                attempt.failed();
                Err(TierError::Slow(self.patience.budget))
            }
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self) -> Result<(), TierError> {
        let mut breaker = self.breaker();
        match *breaker {
            Breaker::Closed { .. } => Ok(()),
            Breaker::Open { until, rest } if self.clock.now() >= until => {
                *breaker = Breaker::Probing { rest };
                Ok(())
            }
            Breaker::Open { .. } | Breaker::Probing { .. } => Err(TierError::Resting),
        }
    }

    fn failed(&self) {
        let first = millis(self.patience.rest);
        let mut breaker = self.breaker();
        let rest = match *breaker {
            Breaker::Closed { failures } if failures + 1 < self.patience.failures => {
                *breaker = Breaker::Closed { failures: failures + 1 };
                return;
            }
            Breaker::Closed { .. } => first,
            Breaker::Probing { rest } => (rest * 2).min(first * 4),
            // One that was admitted before; the rest has begun.
            Breaker::Open { .. } => return,
        };
        tracing::warn!(tier = ?self.tier.origin(), rest_ms = rest, "a cache tier is left alone");
        *breaker = Breaker::Open { until: self.clock.now() + rest, rest };
    }
}

/// An operation under way. When its caller goes away before it ends, a probe counts as failed:
/// else the breaker would wait for it for good.
struct Attempt<'a> {
    guard: &'a Guard,
}

impl Attempt<'_> {
    fn failed(&self) {
        self.guard.failed();
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let probing = matches!(*self.guard.breaker(), Breaker::Probing { .. });
        if probing {
            self.guard.failed();
        }
    }
}

async fn hand_over(tier: &dyn Tier, debts: &[(u64, Owed)]) -> Result<(), TierError> {
    let (mut scopes, mut keys, mut patterns) = (Vec::new(), Vec::new(), Vec::new());
    for (_, owed) in debts {
        match owed {
            Owed::Scope(scope) => scopes.push(scope.clone()),
            Owed::Key(key) => keys.push(key.clone()),
            Owed::Pattern(pattern) => patterns.push(pattern),
        }
    }
    // All at once: many debts are to be paid within the budget of one operation.
    if !scopes.is_empty() {
        tier.invalidate(&scopes).await?;
    }
    if !keys.is_empty() {
        tier.remove_many(&keys).await?;
    }
    for pattern in patterns {
        tier.invalidate_matching(pattern).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_becomes_true_with_the_last_debt_before_it() {
        let mut ledger = Ledger::default();
        let note = |ledger: &mut Ledger| ledger.note(Owed::Scope(Scope::new("a")));
        note(&mut ledger);
        let first = ledger.next;
        note(&mut ledger);
        ledger.mark = Some((ledger.next, 7));
        note(&mut ledger);
        assert_eq!(ledger.paid(first), None, "the second is still owed");
        assert_eq!((ledger.debts.len(), ledger.paid(first + 1)), (2, Some(7)));
        assert_eq!((ledger.debts.len(), ledger.paid(first + 2)), (1, None));
        assert!(ledger.debts.is_empty());
    }
}
