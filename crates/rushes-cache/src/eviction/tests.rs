//! The order in which entries leave, tried on what each policy is for; and a shard against a plain
//! map under any sequence of operations.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::{Miniature, Name, Policy, Rivals, Shard, Tag, Weighed};

fn name(key: u32) -> Name {
    // Names are hashes: near keys have names far apart.
    Name::new(Tag::MIN | key.wrapping_mul(0x9E37_79B1), 1)
}

/// Some keys again and again for a while, then others; and many in between that never come back.
fn by_turns(room: u32, turns: u32) -> Vec<u32> {
    let few = room * 4 / 5;
    let of_turn = |turn: u32| (0..room * 20).map(move |n| turn * room + drawn(n) % few);
    let mixed =
        |(n, key): (u32, u32)| [key, 1_000_000 + n, 2_000_000 + n, 3_000_000 + n].into_iter();
    (0..).zip((0..turns).flat_map(of_turn)).flat_map(mixed).collect()
}

/// Some number.
fn drawn(n: u32) -> u32 {
    n.wrapping_mul(2_654_435_761) >> 8
}

/// To and fro over more than fits, and slowly on: the newest is what comes next.
fn to_and_fro(room: u32, turns: u32) -> Vec<u32> {
    let span = |turn: u32| turn * room / 2..turn * room / 2 + room * 3 / 2;
    (0..turns).flat_map(|turn| span(turn).chain(span(turn).rev())).collect()
}

/// Some keys again and again, among many that come back once.
fn few_among_many(room: u32, rounds: u32) -> Vec<u32> {
    let mixed = |n: u32| [drawn(n) % room, 1_000_000 + n, 1_000_000 + n - room / 2];
    (0..rounds * room).flat_map(mixed).collect()
}

fn ratio(keys: &[u32], mut refer: impl FnMut(u32) -> bool) -> f64 {
    keys.iter().filter(|key| refer(**key)).count() as f64 / keys.len() as f64
}

fn by(policy: Policy, keys: &[u32], room: u32) -> f64 {
    let mut copy = Miniature::new(u64::from(room), room as usize);
    ratio(keys, |key| copy.refer(name(key), policy))
}

/// As memory does it: by the policy that leads.
fn steered(keys: &[u32], room: u32) -> f64 {
    let copy = || Miniature::new(u64::from(room), room as usize);
    let (mut memory, mut rivals, mut policy) = (copy(), Rivals::new(copy), Policy::default());
    ratio(keys, |key| {
        let hit = memory.refer(name(key), policy);
        policy = rivals.refer(name(key));
        hit
    })
}

#[test]
fn each_policy_has_what_it_is_best_for_and_the_best_one_is_found() {
    const ROOM: u32 = 100;
    for (best, keys) in [
        (Policy::Recency, to_and_fro(ROOM, 100)),
        (Policy::Reuse, by_turns(ROOM, 10)),
        (Policy::Frequency, few_among_many(ROOM, 60)),
    ] {
        let ratios = Policy::ALL.map(|policy| by(policy, &keys, ROOM));
        let top = ratios[best as usize];
        let others = Policy::ALL.into_iter().filter(|policy| *policy != best);
        for other in others {
            assert!(top > ratios[other as usize] * 1.05, "{best:?} against {other:?}: {ratios:?}");
        }
        let steered = steered(&keys, ROOM);
        assert!(steered > top * 0.95, "{best:?}: {steered} of {top}");
    }
}

#[test]
fn what_is_asked_for_may_change_its_manner() {
    const ROOM: u32 = 100;
    let parts = [to_and_fro(ROOM, 60), by_turns(ROOM, 10), to_and_fro(ROOM, 60)];
    let best = [Policy::Recency, Policy::Reuse, Policy::Recency];
    let each = parts.iter().zip(best).map(|(keys, policy)| by(policy, keys, ROOM));
    let best = each.sum::<f64>() / 3.0;
    let steered = steered(&parts.concat(), ROOM);
    let alone = Policy::ALL.map(|policy| by(policy, &parts.concat(), ROOM));
    assert!(steered > best * 0.8, "{steered} of {best}");
    assert!(alone.into_iter().all(|alone| steered > alone), "{steered} against {alone:?}");
}

/// An entry of the model: its key, its version and what it weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Item {
    key: u8,
    version: usize,
    weight: u64,
}

impl Weighed for Item {
    fn weight(&self) -> u64 {
        self.weight
    }
}

#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    Insert(u8, u64),
    Remove(u8),
    Grow(u8, u64),
    Go(Policy),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..60_u8;
    prop_oneof![
        6 => key.clone().prop_map(Step::Get),
        6 => (key.clone(), 1..30_u64).prop_map(|(key, weight)| Step::Insert(key, weight)),
        1 => (key.clone(), 90..120_u64).prop_map(|(key, weight)| Step::Insert(key, weight)),
        1 => key.clone().prop_map(Step::Remove),
        1 => (key, 1..60_u64).prop_map(|(key, weight)| Step::Grow(key, weight)),
        1 => (0..3_u8).prop_map(|number| Step::Go(Policy::numbered(number))),
    ]
}

/// A shard and what must be in it, as far as it was not said to have left.
struct World {
    shard: Shard<Item>,
    here: HashMap<u8, Item>,
    policy: Policy,
    steps: usize,
}

const ROOM: u64 = 100;
const LEAST: u64 = 3;

impl World {
    fn hash(key: u8) -> u64 {
        // Some keys share their hash.
        u64::from(key / 2) << 20
    }

    fn take(&mut self, step: &Step) {
        self.steps += 1;
        match *step {
            Step::Get(key) => {
                let found = self.shard.get(Self::hash(key), |item| item.key == key).copied();
                assert_eq!(found, self.here.get(&key).copied());
            }
            Step::Insert(key, weight) => {
                let item = Item { key, version: self.steps, weight };
                let mut gone = Vec::new();
                let is = |other: &Item| other.key == key;
                let leaves = &mut |left| gone.push(left);
                let before = self.shard.insert(Self::hash(key), item, is, self.policy, leaves);
                assert_eq!(before, self.here.insert(key, item));
                self.left(gone);
            }
            Step::Remove(key) => {
                let found = self.shard.remove(Self::hash(key), |item| item.key == key);
                assert_eq!(found, self.here.remove(&key));
            }
            Step::Grow(key, weight) => {
                let mut gone = Vec::new();
                let change = |item: &mut Item| item.weight = weight;
                let (is, leaves) = (|item: &Item| item.key == key, &mut |left| gone.push(left));
                self.shard.change(Self::hash(key), is, change, self.policy, leaves);
                self.here.entry(key).and_modify(change);
                self.left(gone);
            }
            Step::Go(policy) => self.policy = policy,
        }
    }

    /// Whatever leaves was there, just as it was, and leaves once.
    fn left(&mut self, gone: Vec<Item>) {
        for item in gone {
            assert_eq!(self.here.remove(&item.key), Some(item));
        }
    }

    fn check(&self) {
        let weight: u64 = self.here.values().map(|item| item.weight.max(LEAST)).sum();
        assert_eq!((self.shard.len(), self.shard.weight()), (self.here.len(), weight));
        assert!(weight <= ROOM, "{weight} in a room of {ROOM}");
        let pages = (0..).step_by(7).map_while(|from| self.shard.entries(from, from + 7));
        let listed: HashSet<Item> = pages.flatten().copied().collect();
        assert_eq!(listed, self.here.values().copied().collect());
    }
}

proptest! {
    #[test]
    fn a_shard_holds_what_was_put_and_has_not_left(
        steps in prop::collection::vec(step(), 1..400)
    ) {
        let (shard, here) = (Shard::new(ROOM, LEAST, 10), HashMap::new());
        let mut world = World { shard, here, policy: Policy::default(), steps: 0 };
        for step in &steps {
            world.take(step);
            world.check();
        }
    }
}
