//! Any sequence of operations answers as a simple model of the cache says: a map of what is valid,
//! and a list of the loads under way.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use rushes_cache::{
    Cache, Clock, Fetched, Key, LoadError, Loaded, Lookup, Origin, Pattern, Scope, Settings,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const KEYS: u8 = 6;

#[derive(Clone, Debug)]
enum Operation {
    /// Asks for a key with a loader that answers at once.
    Fetch(u8),
    /// Asks for a key with a loader that answers when it is told to.
    Begin(u8),
    /// Tells the n-th such loader to answer.
    End(usize, Answer),
    Invalidate(u8),
    InvalidateNamespace,
    Clear,
    Remove(u8),
    RemoveMany(u8),
    /// Invalidates a wildcard that covers every third key.
    Pattern(u8),
    Advance(u64),
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Value { ttl: Option<u64> },
    Absent,
    Error,
}

fn operation() -> impl Strategy<Value = Operation> {
    let answer = prop_oneof![
        4 => prop::option::of(1..50u64).prop_map(|ttl| Answer::Value { ttl }),
        1 => Just(Answer::Absent),
        1 => Just(Answer::Error),
    ];
    prop_oneof![
        6 => (0..KEYS).prop_map(Operation::Fetch),
        4 => (0..KEYS).prop_map(Operation::Begin),
        5 => (any::<usize>(), answer).prop_map(|(n, answer)| Operation::End(n, answer)),
        3 => (0..KEYS).prop_map(Operation::Invalidate),
        1 => Just(Operation::InvalidateNamespace),
        1 => Just(Operation::Clear),
        2 => (0..KEYS).prop_map(Operation::Remove),
        1 => (0..KEYS).prop_map(Operation::RemoveMany),
        2 => (0..3u8).prop_map(Operation::Pattern),
        2 => (1..30u64).prop_map(Operation::Advance),
    ]
}

type Caller = JoinHandle<Result<Fetched, LoadError>>;
type Gate = oneshot::Sender<Result<Loaded, LoadError>>;

/// A load under way, and who waits for it.
struct Flight {
    key: u8,
    /// What stands in when it fails, if nothing that covers it was invalidated meanwhile.
    stand_in: Option<Known>,
    /// Whether nothing that covers it was invalidated or removed since it began.
    live: bool,
    gate: Gate,
    callers: Vec<Caller>,
}

/// What the cache must hold for a key: bytes (or known absence), and from when on it is refreshed,
/// past its time, gone; and until when no other load is tried.
#[derive(Clone, Debug)]
struct Known {
    bytes: Option<Vec<u8>>,
    soft: u64,
    expires: u64,
    kept: u64,
    retry: u64,
}

/// What a caller is told: the bytes or known absence, and whether they are stale.
type Told = (Option<Vec<u8>>, bool);

/// Of the namespace whose values age, milliseconds.
const SOFT: u64 = 15;
const STAND_IN: u64 = 20;
const RETRY: u64 = 5;

struct World {
    cache: Cache,
    clock: Clock,
    now: u64,
    version: u32,
    valid: HashMap<u8, Known>,
    flights: Vec<Flight>,
}

/// Each key carries its own scope and one that it shares with every second other key.
fn scopes(key: u8) -> Vec<Scope> {
    vec![Scope::new(format!("own/{key}")), Scope::new(format!("half/{}", key % 2))]
}

fn name(key: u8) -> Key {
    Key::new(if key < KEYS / 2 { "low" } else { "high" }, format!("{key}-{}", key % 3))
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual();
        let cache = Cache::builder().memory(8 << 20).clock(clock.clone());
        let settings = Settings { jitter: 0.0, ..Settings::default() };
        let aging = Settings {
            soft_ttl: Some(Duration::from_millis(SOFT)),
            stand_in: Some(Duration::from_millis(STAND_IN)),
            retry: Duration::from_millis(RETRY),
            ..settings
        };
        let cache = cache.namespace("low", settings).namespace("high", aging).build();
        let (valid, flights) = (HashMap::new(), Vec::new());
        Self { cache, clock, now: 0, version: 0, valid, flights }
    }

    async fn run(&mut self, operation: Operation) {
        match operation {
            Operation::Fetch(key) => self.fetch(key).await,
            Operation::Begin(key) => self.begin(key).await,
            Operation::End(n, answer) => self.end(n, answer).await,
            // An even number raises the key's own scope, an odd one the half that it is in.
            Operation::Invalidate(n) => {
                let scope = scopes(n)[usize::from(n % 2)].clone();
                self.cache.invalidate(std::slice::from_ref(&scope)).await;
                self.forget(|key| scopes(key).contains(&scope));
            }
            Operation::InvalidateNamespace => {
                self.cache.invalidate_namespace("low").await;
                self.forget(|key| key < KEYS / 2);
            }
            Operation::Clear => {
                self.cache.clear().await;
                self.forget(|_| true);
            }
            Operation::Remove(key) => {
                self.cache.remove(&name(key)).await;
                self.forget(|other| other == key);
            }
            Operation::RemoveMany(from) => {
                let keys: Vec<Key> = (from..KEYS).map(name).collect();
                self.cache.remove_many(&keys).await;
                self.forget(|key| key >= from);
            }
            Operation::Pattern(third) => {
                let pattern = Pattern::across("*", &format!("?-{third}"));
                self.cache.invalidate_matching(&pattern).await;
                self.forget(|key| key % 3 == third);
            }
            Operation::Advance(by) => {
                self.clock.advance(Duration::from_millis(by));
                self.now += by;
                self.valid.retain(|_, known| known.kept > self.now);
            }
        }
    }

    fn forget(&mut self, covered: impl Fn(u8) -> bool) {
        self.valid.retain(|key, _| !covered(*key));
        for flight in self.flights.iter_mut().filter(|flight| covered(flight.key)) {
            flight.live = false;
        }
    }

    fn next_version(&mut self) -> Vec<u8> {
        self.version += 1;
        self.version.to_be_bytes().to_vec()
    }

    /// What is kept of a value that is loaded now.
    fn known(&self, key: u8, bytes: Option<Vec<u8>>, ttl: Option<u64>) -> Known {
        let ages = key >= KEYS / 2;
        let expires = ttl.map_or(u64::MAX, |ttl| self.now + ttl);
        let soft = if ages { self.now + SOFT } else { u64::MAX };
        let kept = if ages { expires.saturating_add(STAND_IN) } else { expires };
        Known { bytes, soft, expires, kept, retry: 0 }
    }

    /// What a caller is told at once, and whether a load begins behind that.
    fn at_hand(&self, key: u8) -> Option<(Told, bool)> {
        let known = self.valid.get(&key)?;
        let may_try = self.now >= known.retry;
        if self.now >= known.expires && may_try {
            return None;
        }
        let stale = self.now >= known.soft.min(known.expires);
        let loads = self.flights.iter().any(|flight| flight.key == key && flight.live);
        Some(((known.bytes.clone(), stale), stale && may_try && !loads))
    }

    async fn fetch(&mut self, key: u8) {
        let bytes = self.next_version();
        let own = bytes.clone();
        let load = move || async move { Ok(Loaded { bytes: Some(own.into()), ttl: None }) };
        let cache = self.cache.clone();
        let at_hand = self.at_hand(key);
        if let Some(flight) = self.joinable(key) {
            let task = async move { cache.get_or_load(&name(key), &scopes(key), load).await };
            flight.callers.push(tokio::spawn(task));
            return settle().await;
        }
        let fetched = self.cache.get_or_load(&name(key), &scopes(key), load).await.unwrap();
        let (expected, origin, loads) = match at_hand {
            Some((told, loads)) => (told, Origin::Memory, loads),
            None => ((Some(bytes.clone()), false), Origin::Source, true),
        };
        assert_eq!((told(&fetched), fetched.origin), (expected, origin));
        if loads {
            settle().await;
            self.valid.insert(key, self.known(key, Some(bytes), None));
        }
    }

    /// The load that a new caller would wait for.
    fn joinable(&mut self, key: u8) -> Option<&mut Flight> {
        if self.at_hand(key).is_some() {
            return None;
        }
        self.flights.iter_mut().find(|flight| flight.key == key && flight.live)
    }

    async fn begin(&mut self, key: u8) {
        let at_hand = self.at_hand(key);
        let loads = at_hand.as_ref().is_none_or(|(_, loads)| *loads);
        if !loads || self.joinable(key).is_some() {
            return self.fetch(key).await;
        }
        let (gate, answer) = oneshot::channel();
        let cache = self.cache.clone();
        let caller = tokio::spawn(async move {
            let load = move || async move { answer.await.expect("the gate is kept") };
            cache.get_or_load(&name(key), &scopes(key), load).await
        });
        settle().await;
        let mut callers = vec![caller];
        if let Some((expected, _)) = at_hand {
            let fetched = callers.remove(0).await.unwrap().unwrap();
            assert_eq!(told(&fetched), expected, "the caller is not held up by the refresh");
        }
        let stand_in = self.valid.get(&key).cloned();
        self.flights.push(Flight { key, stand_in, live: true, gate, callers });
    }

    async fn end(&mut self, n: usize, answer: Answer) {
        if self.flights.is_empty() {
            return;
        }
        let flight = self.flights.swap_remove(n % self.flights.len());
        let bytes = self.next_version();
        let (loaded, ttl) = match answer {
            Answer::Value { ttl } => {
                let bytes = Some(Bytes::from(bytes));
                (Ok(Loaded { bytes, ttl: ttl.map(Duration::from_millis) }), ttl)
            }
            Answer::Absent => (Ok(Loaded::default()), Some(30_000)),
            Answer::Error => (Err(Arc::new(std::fmt::Error) as LoadError), None),
        };
        let new = loaded.as_ref().ok().map(|loaded| loaded.bytes.as_ref().map(|b| b.to_vec()));
        flight.gate.send(loaded).unwrap();
        settle().await;
        let stand_in = flight.stand_in.filter(|known| flight.live && self.now < known.kept);
        let expected = match (&new, &stand_in) {
            (Some(bytes), _) => Some((bytes.clone(), false)),
            (None, Some(known)) => Some((known.bytes.clone(), true)),
            (None, None) => None,
        };
        for caller in flight.callers {
            let got = caller.await.unwrap();
            assert_eq!(got.ok().as_ref().map(told), expected, "all who waited get the answer");
        }
        match new {
            Some(bytes) if flight.live => {
                self.valid.insert(flight.key, self.known(flight.key, bytes, ttl));
            }
            Some(_) => {}
            None => {
                let known = self.valid.get_mut(&flight.key).filter(|_| stand_in.is_some());
                known.into_iter().for_each(|known| known.retry = self.now + RETRY);
            }
        }
    }

    /// Every key is found exactly as the model says.
    async fn check(&self) {
        for key in 0..KEYS {
            let found = match self.cache.get(&name(key)).await {
                Lookup::Hit(value) => Some(Some(value.bytes().to_vec())),
                Lookup::Absent => Some(None),
                Lookup::Miss => None,
            };
            let known = self.valid.get(&key).filter(|known| self.now < known.expires);
            assert_eq!(found, known.map(|known| known.bytes.clone()), "key {key}");
        }
        // A dead load may stay in the table until it ends or another one takes its place.
        let live = self.flights.iter().filter(|flight| flight.live).count();
        let flights = self.cache.stats().flights;
        assert!((live..=self.flights.len()).contains(&flights), "{flights} flights, {live} live");
    }
}

fn told(fetched: &Fetched) -> Told {
    (fetched.value.as_ref().map(|value| value.bytes().to_vec()), fetched.stale)
}

/// Lets spawned tasks run until they wait.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn every_sequence_of_operations_answers_as_the_model(
        operations in prop::collection::vec(operation(), 1..80)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for operation in operations {
                world.run(operation).await;
                world.check().await;
            }
        });
    }
}
