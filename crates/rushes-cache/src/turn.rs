//! One load per key across processes: whoever loads holds a claim in the tier that they share.
//!
//! A claim is a courtesy, not a lock: what is cached is right whoever loads it. So nobody waits
//! long for it, a holder that died loses it within moments, and without the tier there is none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::{Origin, Shared};
use crate::entry::Entry;
use crate::landing::Landing;
use crate::tier::Claim;

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

/// The turn to load a key; other processes wait for the end of it.
#[derive(Default)]
pub(crate) struct Turn {
    /// The cache, the place of the tier, and the claim in it; `None`: nobody else is asked.
    held: Option<(Arc<Shared>, usize, Claim)>,
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
        let Some((shared, at, claim)) = &self.held else { return std::future::pending().await };
        let (Some(tier), false) = (shared.tiers.get(*at), claim.lasts.is_zero()) else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(claim.lasts / 3).await;
            tier.renew(claim).await;
        }
    }

    /// Lets others load the key.
    pub(crate) async fn give_back(self) {
        let Some((shared, at, claim)) = self.held else { return };
        if let (Some(tier), false) = (shared.tiers.get(at), claim.lasts.is_zero()) {
            tier.release(&claim).await;
        }
    }
}

impl Landing {
    /// Waits while another process loads the same value at the same generations: it will be found.
    /// Without a tier that processes share, and after a while in any case, it is this one's turn.
    pub(crate) async fn await_turn(&mut self) -> Awaited {
        let shared = self.shared();
        let mut tiers = shared.tiers.iter().enumerate();
        let Some((at, tier)) = tiers.find(|(_, tier)| tier.tier().is_shared()) else {
            return Awaited::Turn(Turn::default());
        };
        let (until, mut pause) = (Instant::now() + LONGEST_WAIT, PAUSES.0);
        while let Some(stamp) = self.stamp(at) {
            let turn = match tier.claim(&self.key, stamp).await {
                Ok(Some(claim)) => Some(Turn { held: Some((Arc::clone(&shared), at, claim)) }),
                Ok(None) if Instant::now() < until => None,
                Ok(None) | Err(_) => break,
            };
            if turn.is_none() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
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
