//! Entries by the hashes of their keys, and the order in which they leave.
//!
//! ```text
//!                 asked for again
//!   new ──> trial ────────────────> proven ──> gone
//!             └──> remembered for a while: one that comes back is proven at once
//! ```
//! That is how entries move by the policy of reuse. By recency all of them are on trial, and one
//! that was asked for starts anew; by frequency the oldest on trial is weighed against a proven one.

use hashbrown::HashTable;

use super::Policy;
use super::frequency::Frequencies;
use super::slots::{At, Queue, SEEN_MOST, Slot, Slots};

/// The share of the room for proven entries. Of a grid over all traces of the bench the one with
/// the best mean.
const PROVEN: f64 = 0.97;

/// Proven entries that go back on trial at a time, when the policy has become recency.
const STEP: usize = 4;

/// What fills the room.
pub(crate) trait Weighed {
    /// How much of the room it takes.
    fn weight(&self) -> u64;
}

/// Entries and the order in which they leave. Hashes are the caller's, and so is what they are of.
pub(crate) struct Shard<T> {
    table: HashTable<At>,
    slots: Slots<T>,
    frequencies: Frequencies,
    capacity: u64,
    /// What an entry weighs at least.
    least: u64,
    weight: u64,
    /// What of it is proven.
    proven: u64,
}

impl<T: Weighed> Shard<T> {
    /// A shard for entries that weigh at most `capacity` together and `least` each, about so many.
    pub(crate) fn new(capacity: u64, least: u64, entries: usize) -> Self {
        Self {
            table: HashTable::new(),
            slots: Slots::new(),
            frequencies: Frequencies::new(entries),
            capacity,
            least,
            weight: 0,
            proven: 0,
        }
    }

    /// The entry that it `is`, which counts as asked for.
    #[inline]
    pub(crate) fn get(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<&T> {
        let slot = &self.slots[self.find(hash, is)?];
        slot.touch();
        slot.content.as_ref()
    }

    /// The same without that it counts.
    pub(crate) fn peek(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<&T> {
        self.slots[self.find(hash, is)?].content.as_ref()
    }

    /// Takes an entry in, and gives what has to leave to `gone`. Answers the entry that it `is`
    /// and whose place it took.
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        entry: T,
        is: impl Fn(&T) -> bool,
        policy: Policy,
        gone: &mut dyn FnMut(T),
    ) -> Option<T> {
        let weight = self.weigh(&entry);
        if weight > self.capacity {
            gone(entry);
            return self.remove(hash, is);
        }
        if let Some(at) = self.find(hash, is) {
            return self.replace(at, entry, policy, gone);
        }
        let hash = hash as u32;
        let known = self.find_gone(hash);
        let fits = self.proven + weight <= self.most_proven(policy);
        let back = known.is_some() && policy == Policy::Reuse;
        known.into_iter().for_each(|at| self.release(at));
        self.make_room(weight, policy, gone);
        let queue = if fits || back { Queue::Proven } else { Queue::Trial };
        let seen = (self.frequencies.recall(hash) + 1).min(SEEN_MOST);
        let at = self.slots.add(entry, hash, seen, queue);
        let slots = &self.slots;
        self.table.insert_unique(spread(hash), at, |at| spread(slots[*at].hash));
        self.gain(queue, weight);
        None
    }

    /// Takes the entry that it `is` out.
    pub(crate) fn remove(&mut self, hash: u64, is: impl Fn(&T) -> bool) -> Option<T> {
        let at = self.find(hash, is)?;
        let entry = self.take(at);
        self.release(at);
        entry
    }

    /// Changes the entry that it `is`, and gives what has to leave, as it weighs more, to `gone`.
    pub(crate) fn change(
        &mut self,
        hash: u64,
        is: impl Fn(&T) -> bool,
        change: impl FnOnce(&mut T),
        policy: Policy,
        gone: &mut dyn FnMut(T),
    ) {
        let Some(at) = self.find(hash, is) else { return };
        let (queue, before) = (self.slots[at].queue, self.weight_at(at));
        if let Some(entry) = &mut self.slots[at].content {
            change(entry);
        }
        self.lose(queue, before);
        self.gain(queue, self.weight_at(at));
        self.make_room(0, policy, gone);
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len(Queue::Trial) + self.slots.len(Queue::Proven)
    }

    /// What they weigh.
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    /// What an entry weighs here.
    pub(crate) fn weigh(&self, entry: &T) -> u64 {
        entry.weight().max(self.least)
    }

    /// The entries in the slots from one place up to another; `None` behind the last slot. An
    /// entry stays where it is as long as it is here.
    pub(crate) fn entries(&self, from: usize, to: usize) -> Option<impl Iterator<Item = &T>> {
        Some(self.slots.range(from, to)?.iter().filter_map(|slot| slot.content.as_ref()))
    }

    #[inline]
    fn find(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<At> {
        let hash = hash as u32;
        let is = |slot: &Slot<T>| slot.hash == hash && slot.content.as_ref().is_some_and(&is);
        self.table.find(spread(hash), |at| is(&self.slots[*at])).copied()
    }

    /// What is remembered under a hash.
    fn find_gone(&self, hash: u32) -> Option<At> {
        let is = |slot: &Slot<T>| slot.hash == hash && slot.content.is_none();
        self.table.find(spread(hash), |at| is(&self.slots[*at])).copied()
    }

    fn replace(&mut self, at: At, entry: T, policy: Policy, gone: &mut dyn FnMut(T)) -> Option<T> {
        let (queue, before) = (self.slots[at].queue, self.weight_at(at));
        let weight = self.weigh(&entry);
        self.slots[at].touch();
        let replaced = self.slots[at].content.replace(entry);
        self.lose(queue, before);
        self.gain(queue, weight);
        self.make_room(0, policy, gone);
        replaced
    }

    fn make_room(&mut self, wanted: u64, policy: Policy, gone: &mut dyn FnMut(T)) {
        while self.weight + wanted > self.capacity && self.advance(policy, gone) {}
    }

    /// One step towards more room; whether there was one to be made.
    fn advance(&mut self, policy: Policy, gone: &mut dyn FnMut(T)) -> bool {
        if policy == Policy::Recency {
            for _ in 0..STEP {
                self.coldest_proven().into_iter().for_each(|at| self.move_to(at, Queue::Trial));
            }
        }
        let Some(at) = self.slots.oldest(Queue::Trial) else { return self.evict_proven(gone) };
        match policy {
            Policy::Recency if self.slots[at].spend_all() => self.slots.move_to(at, Queue::Trial),
            Policy::Reuse if self.slots[at].spend() => self.prove(at, policy, gone),
            Policy::Recency | Policy::Reuse => self.retire(at, gone),
            Policy::Frequency => self.contest(at, policy, gone),
        }
        true
    }

    /// Makes an entry a proven one, at the cost of others if they are too many.
    fn prove(&mut self, at: At, policy: Policy, gone: &mut dyn FnMut(T)) {
        self.move_to(at, Queue::Proven);
        while self.proven > self.most_proven(policy) && self.evict_proven(gone) {}
    }

    /// One of two leaves: the entry on trial, or a proven one that was asked for less often. What
    /// brought the new entry does not count: each of a loop's entries would beat the one before it.
    fn contest(&mut self, at: At, policy: Policy, gone: &mut dyn FnMut(T)) {
        let other = self.coldest_proven();
        let loses = |other: &At| self.slots[*other].seen() + 1 < self.slots[at].seen();
        let Some(other) = other.filter(loses) else { return self.retire(at, gone) };
        self.retire(other, gone);
        self.slots[at].spend_all();
        self.prove(at, policy, gone);
    }

    /// The oldest proven entry that was not asked for since the clock came by.
    fn coldest_proven(&mut self) -> Option<At> {
        loop {
            let at = self.slots.oldest(Queue::Proven)?;
            if !self.slots[at].spend() {
                return Some(at);
            }
            self.slots.move_to(at, Queue::Proven);
        }
    }

    fn evict_proven(&mut self, gone: &mut dyn FnMut(T)) -> bool {
        let Some(at) = self.coldest_proven() else { return false };
        self.leave(at, gone);
        self.release(at);
        true
    }

    /// Lets an entry leave and remembers that it was here, as many as there are entries.
    fn retire(&mut self, at: At, gone: &mut dyn FnMut(T)) {
        self.leave(at, gone);
        self.slots.move_to(at, Queue::Gone);
        while self.slots.len(Queue::Gone) > self.len().max(1) {
            let Some(oldest) = self.slots.oldest(Queue::Gone) else { return };
            self.release(oldest);
        }
    }

    fn leave(&mut self, at: At, gone: &mut dyn FnMut(T)) {
        let Slot { hash, .. } = self.slots[at];
        let seen = self.slots[at].seen();
        if self.frequencies.remember(hash, seen, self.len()) {
            self.slots.halve();
        }
        self.take(at).into_iter().for_each(gone);
    }

    /// Takes the entry out of its slot.
    fn take(&mut self, at: At) -> Option<T> {
        self.lose(self.slots[at].queue, self.weight_at(at));
        self.slots[at].content.take()
    }

    /// Frees a slot without an entry.
    fn release(&mut self, at: At) {
        let hash = spread(self.slots[at].hash);
        if let Ok(found) = self.table.find_entry(hash, |other| *other == at) {
            found.remove();
        }
        self.slots.move_to(at, Queue::Free);
    }

    fn move_to(&mut self, at: At, queue: Queue) {
        let weight = self.weight_at(at);
        self.lose(self.slots[at].queue, weight);
        self.gain(queue, weight);
        self.slots.move_to(at, queue);
    }

    fn most_proven(&self, policy: Policy) -> u64 {
        match policy {
            Policy::Recency => 0,
            Policy::Reuse | Policy::Frequency => (self.capacity as f64 * PROVEN) as u64,
        }
    }

    fn weight_at(&self, at: At) -> u64 {
        self.slots[at].content.as_ref().map_or(0, |entry| self.weigh(entry))
    }

    fn gain(&mut self, queue: Queue, weight: u64) {
        self.weight += weight;
        self.proven += if queue == Queue::Proven { weight } else { 0 };
    }

    fn lose(&mut self, queue: Queue, weight: u64) {
        self.weight -= weight;
        self.proven -= if queue == Queue::Proven { weight } else { 0 };
    }
}

/// A hash as the table wants it, with all of it in the upper bits, too.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
