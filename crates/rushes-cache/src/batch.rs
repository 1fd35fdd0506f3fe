//! Many keys at once: one load for all that are missing, still one load per key.

use std::future::Future;
use std::sync::Arc;

use crate::cache::{Answer, Cache, LoadError, Loaded, Origin, answered};
use crate::flight::{Flight, Outcome, Seat};
use crate::key::{Key, Scope};
use crate::landing::{Filling, Landing, Purpose};
use crate::shim::{spawn, within};
use crate::stats::count;
use crate::tier::guard::Looked;
use crate::tier::memory::Look;
use crate::turn::{Patience, Turns};

/// A key of a batch, and what may invalidate its value.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The key.
    pub key: Key,
    /// Its scopes, the same ones whoever asks for it.
    pub scopes: Vec<Scope>,
}

/// What a key of a batch waits for.
struct Boarded {
    index: usize,
    flight: Arc<Flight>,
    leads: bool,
}

impl Cache {
    /// The values of many keys, in their order, as [`Cache::get_or_load`] brings one. `load` is
    /// given the keys that no tier has and nobody else is loading, and answers for each of them,
    /// in their order. It is called once, and again for those that another caller or another
    /// process began to load and did not bring.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
    pub async fn get_or_load_many<F, Fut>(&self, wanted: &[Wanted], load: F) -> Vec<Answer>
    where
        F: Fn(Vec<Key>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Loaded>, LoadError>> + Send + 'static,
    {
        let load = Arc::new(load);
        let mut answers: Vec<Option<Answer>> = wanted.iter().map(|_| None).collect();
        let all = (0..wanted.len()).collect();
        let lost = self.round(wanted, all, &load, &mut answers, true).await;
        self.round(wanted, lost, &load, &mut answers, false).await;
        answers.into_iter().flatten().collect()
    }

    /// Answers the keys at `open`; when it `may_retry`, leaves out those that joined a load which
    /// was lost, and tells which.
    async fn round<F, Fut>(
        &self,
        wanted: &[Wanted],
        open: Vec<usize>,
        load: &Arc<F>,
        answers: &mut [Option<Answer>],
        may_retry: bool,
    ) -> Vec<usize>
    where
        F: Fn(Vec<Key>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Loaded>, LoadError>> + Send + 'static,
    {
        let (mut boarded, mut lost) = (Vec::new(), Vec::new());
        let (mut led, mut refreshes) = (Vec::new(), Vec::new());
        for index in open {
            let (Some(wanted), Some(answer)) = (wanted.get(index), answers.get_mut(index)) else {
                continue;
            };
            match self.board_one(wanted, &mut led, &mut refreshes) {
                Ok(found) => *answer = Some(found),
                Err((flight, leads)) => boarded.push(Boarded { index, flight, leads }),
            }
        }
        // Apart, so that nobody waits for what is served meanwhile.
        for landings in [led, refreshes].into_iter().filter(|landings| !landings.is_empty()) {
            spawn(run(landings, Arc::clone(load)));
        }
        for Boarded { index, flight, leads } in boarded {
            let (Some(wanted), Some(answer)) = (wanted.get(index), answers.get_mut(index)) else {
                continue;
            };
            let namespace = flight.fence().namespace();
            match self.0.landed(&wanted.key, namespace, &flight).await {
                Outcome::Lost(_) if may_retry && !leads => lost.push(index),
                outcome => *answer = Some(self.0.told(outcome)),
            }
        }
        lost
    }

    /// Finds a key, or the flight to wait for and whether this caller leads it.
    fn board_one(
        &self,
        wanted: &Wanted,
        led: &mut Vec<Landing>,
        refreshes: &mut Vec<Landing>,
    ) -> Result<Answer, (Arc<Flight>, bool)> {
        let Wanted { key, scopes } = wanted;
        match self.0.look(key) {
            Look::Hit(stored) => return Ok(answered(stored, Origin::Memory, false)),
            Look::Aging(aging) => {
                refreshes.extend(self.0.begin_refresh(&aging, scopes));
                return Ok(answered(aging.stored, Origin::Memory, aging.stale));
            }
            Look::StandIn(stored) => return Ok(answered(stored, Origin::Memory, true)),
            Look::Expired(_) | Look::Miss => {}
        }
        let namespace = self.0.namespaces.of(key);
        match self.0.board(key, scopes, &namespace) {
            Seat::Served(stored, stale) => Ok(answered(stored, Origin::Memory, stale)),
            Seat::Waiter(flight) => {
                count(&namespace.counters.joins);
                Err((flight, false))
            }
            Seat::Leader(flight) => {
                led.push(Landing::new(&self.0, key, scopes, &namespace, &flight, Purpose::Miss));
                Err((flight, true))
            }
        }
    }
}

/// Lands each key from a tier that has it, then loads the others at once and lands them.
async fn run<F, Fut>(led: Vec<Landing>, load: Arc<F>)
where
    F: Fn(Vec<Key>) -> Fut,
    Fut: Future<Output = Result<Vec<Loaded>, LoadError>>,
{
    let (missing, mut fillings) = look_below(led).await;
    fillings.extend(load_in_turn(missing, &*load).await);
    // Only now: nobody waits for these.
    Filling::fill_all(fillings).await;
}

/// Asks one tier after the other for all keys that those above it have not. Answers those that no
/// tier has, and what those that were found still have to bring upward.
async fn look_below(mut open: Vec<Landing>) -> (Vec<Landing>, Vec<Filling>) {
    let mut fillings = Vec::new();
    let Some(shared) = open.first().map(Landing::shared) else { return (open, fillings) };
    for tier in &shared.tiers {
        let (asking, mut missing): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|landing| !landing.skips(tier.origin()));
        missing
            .iter_mut()
            .for_each(|landing| drop(landing.looked(tier.origin(), Looked::default())));
        let wanted: Vec<Wanted> = asking.iter().map(Landing::as_wanted).collect();
        let looks = tier.look_many(&wanted).await;
        for (mut landing, look) in asking.into_iter().zip(looks) {
            match landing.looked(tier.origin(), look) {
                Some(entry) => fillings.push(landing.land(entry, tier.origin())),
                None => missing.push(landing),
            }
        }
        open = missing;
    }
    (open, fillings)
}

/// Loads at once what it is this process' turn to load. Waits meanwhile for what others load, and
/// then loads what they did not bring. Answers what is left to be filled.
async fn load_in_turn<F, Fut>(mut open: Vec<Landing>, load: &F) -> Vec<Filling>
where
    F: Fn(Vec<Key>) -> Fut,
    Fut: Future<Output = Result<Vec<Loaded>, LoadError>>,
{
    let (mut patience, mut fillings) = (Patience::default(), Vec::new());
    while !open.is_empty() {
        let turns = Turns::ask_for(open, patience.is_left()).await;
        fillings.extend(turns.found);
        open = turns.others;
        if !turns.mine.is_empty() {
            let loaded = turns.turn.held_during(load_missing(turns.mine, load)).await;
            if !turns.turn.is_alone() {
                // The others look there as soon as the turn is given back.
                Filling::fill_all(loaded).await;
            } else {
                fillings.extend(loaded);
            }
        }
        turns.turn.give_back().await;
        if !open.is_empty() {
            patience.pause().await;
        }
    }
    fillings
}

async fn load_missing<F, Fut>(mut missing: Vec<Landing>, load: &F) -> Vec<Filling>
where
    F: Fn(Vec<Key>) -> Fut,
    Fut: Future<Output = Result<Vec<Loaded>, LoadError>>,
{
    missing.iter_mut().for_each(Landing::begins_load);
    let keys: Vec<Key> = missing.iter().map(|landing| landing.key.clone()).collect();
    let deadline = missing.iter().map(Landing::deadline).max().unwrap_or_default();
    let Some(answer) = within(deadline, async { load(keys).await }).await else {
        missing.into_iter().for_each(Landing::hung);
        return Vec::new();
    };
    let answers = match answer.and_then(|loaded| one_each(loaded, missing.len())) {
        Ok(loaded) => loaded.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error); missing.len()],
    };
    let landed = missing.into_iter().zip(answers);
    landed.filter_map(|(landing, answer)| landing.answered(answer)).collect()
}

/// Refuses an answer that would give a key the value of another.
fn one_each(loaded: Vec<Loaded>, keys: usize) -> Result<Vec<Loaded>, LoadError> {
    if loaded.len() == keys {
        return Ok(loaded);
    }
    let (answered, asked) = (loaded.len(), keys);
    Err(Arc::new(Miscounted { answered, asked }))
}

/// A batch loader's answer that cannot be matched to its keys.
#[derive(Debug, thiserror::Error)]
#[error("the loader answered {answered} values for {asked} keys; it must answer one for each")]
struct Miscounted {
    answered: usize,
    asked: usize,
}
