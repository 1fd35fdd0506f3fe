//! One load per key across processes: whoever loads holds a claim in the tier that they share.
//!
//! A claim is a courtesy, not a lock: what is cached is right whoever loads it. So nobody waits
//! long for it, a holder that died loses it within moments, and without the tier there is none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::batch::Wanted;
use crate::cache::{Origin, Shared};
use crate::entry::Entry;
use crate::key::Key;
use crate::landing::{Filling, Landing};
use crate::tier::guard::Guard;
use crate::tier::{Claim, Stamp};

/// How long one process waits for the load of another.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often it looks whether it is done: at first, and at least.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// What came of waiting.
pub(crate) enum Awaited {
    /// Another process loaded the value.
    Found(Entry, Origin),
    /// It is this one's turn to load it.
    Turn(Turn),
}

/// The turn to load keys; other processes wait for the end of it.
#[derive(Default)]
pub(crate) struct Turn {
    /// The cache, the place of the tier, and the claims in it; `None`: nobody else is asked.
    held: Option<(Arc<Shared>, usize, Vec<Claim>)>,
}

impl Turn {
    /// Does the work, and shows signs of life meanwhile.
    pub(crate) async fn held_during<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            never = self.stay_alive() => match never {},
        }
    }

    async fn stay_alive(&self) -> std::convert::Infallible {
        let Some((tier, claims)) = self.claimed() else { return std::future::pending().await };
        let lasts = claims.iter().map(|claim| claim.lasts).min().unwrap_or_default();
        loop {
            tokio::time::sleep(lasts / 3).await;
            tier.renew(claims).await;
        }
    }

    /// Lets others load the keys.
    pub(crate) async fn give_back(self) {
        if let Some((tier, claims)) = self.claimed() {
            tier.release(claims).await;
        }
    }

    /// Whether nobody waits for the end of it.
    pub(crate) fn is_alone(&self) -> bool {
        self.claimed().is_none()
    }

    /// The claims that others may wait for, and the tier that has them.
    fn claimed(&self) -> Option<(&Guard, &[Claim])> {
        let (shared, at, claims) = self.held.as_ref()?;
        let lasting = claims.first().is_some_and(|claim| !claim.lasts.is_zero());
        Some((shared.tiers.get(*at).filter(|_| lasting)?, claims))
    }
}

/// How long one waits for others, and how often one looks.
pub(crate) struct Patience {
    until: Instant,
    pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { until: Instant::now() + LONGEST_WAIT, pause: PAUSES.0 }
    }
}

impl Patience {
    /// Whether one may wait on.
    pub(crate) fn is_left(&self) -> bool {
        Instant::now() < self.until
    }

    /// Waits a while, each time a longer one.
    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
    }
}

/// What came of asking for the turn to load each of many keys.
#[derive(Default)]
pub(crate) struct Turns {
    /// Another process has loaded these by now.
    pub(crate) found: Vec<Filling>,
    /// These are this process' to load.
    pub(crate) mine: Vec<Landing>,
    /// The turn to load them.
    pub(crate) turn: Turn,
    /// Another process loads these.
    pub(crate) others: Vec<Landing>,
}

impl Turns {
    /// Asks for all of them in one exchange, and in another one looks again for what others
    /// brought. All are this process' when no tier is shared, or when it `may_wait` no longer.
    pub(crate) async fn ask_for(open: Vec<Landing>, may_wait: bool) -> Self {
        let Some((shared, at)) = open.first().and_then(shared_tier) else {
            return Self { mine: open, ..Self::default() };
        };
        let Some(tier) = shared.tiers.get(at) else { return Self::default() };
        // What has no generations could neither be claimed nor be kept there.
        let (open, mine): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|landing| landing.stamp(at).is_some());
        let asked: Vec<(Key, Stamp)> = open.iter().filter_map(|open| open.claimed(at)).collect();
        let claims = tier.claim(&asked).await.unwrap_or_default();
        if open.is_empty() || claims.len() != open.len() {
            return Self { mine: [mine, open].into_iter().flatten().collect(), ..Self::default() };
        }
        let wanted: Vec<Wanted> = open.iter().map(Landing::as_wanted).collect();
        let looks = tier.look_many(&wanted).await;
        let mut turns = Self { mine, ..Self::default() };
        let (mut held, mut done) = (Vec::new(), Vec::new());
        for ((mut landing, claim), look) in open.into_iter().zip(claims).zip(looks) {
            if let Some(entry) = landing.looked_again(at, tier.origin(), look) {
                turns.found.push(landing.land(entry, tier.origin()));
                done.extend(claim);
            } else if claim.is_some() || !may_wait {
                turns.mine.push(landing);
                held.extend(claim);
            } else {
                turns.others.push(landing);
            }
        }
        tier.release(&done).await;
        turns.turn = Turn { held: Some((Arc::clone(&shared), at, held)) };
        turns
    }
}

/// The tier in which processes wait for each other, and its place.
fn shared_tier(landing: &Landing) -> Option<(Arc<Shared>, usize)> {
    let shared = landing.shared();
    let at = shared.tiers.iter().position(|tier| tier.tier().is_shared())?;
    Some((shared, at))
}

impl Landing {
    /// Waits while another process loads the same value at the same generations: it will be found.
    /// Without a tier that processes share, and after a while in any case, it is this one's turn.
    pub(crate) async fn await_turn(&mut self) -> Awaited {
        let Some((shared, at)) = shared_tier(self) else {
            return Awaited::Turn(Turn::default());
        };
        let Some(tier) = shared.tiers.get(at) else { return Awaited::Turn(Turn::default()) };
        let mut patience = Patience::default();
        while let Some(asked) = self.claimed(at) {
            let claims =
                tier.claim(&[asked]).await.map(|claims| claims.into_iter().next().flatten());
            let turn = match claims {
                Ok(Some(claim)) => {
                    Some(Turn { held: Some((Arc::clone(&shared), at, vec![claim])) })
                }
                Ok(None) if patience.is_left() => None,
                Ok(None) | Err(_) => break,
            };
            if turn.is_none() {
                patience.pause().await;
            }
            // With the turn as well: another process may have filled the tier just before.
            match (self.look_again(at).await, turn) {
                (None, None) => {}
                (None, Some(turn)) => return Awaited::Turn(turn),
                (Some((entry, origin)), turn) => {
                    turn.unwrap_or_default().give_back().await;
                    return Awaited::Found(entry, origin);
                }
            }
        }
        Awaited::Turn(Turn::default())
    }
}
