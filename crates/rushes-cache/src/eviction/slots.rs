//! The slots of a shard, linked into queues.

use std::ops::{Index, IndexMut};

use crate::shim::atomic::{AtomicU8, Ordering};

/// A slot's place.
pub(super) type At = u32;

const NONE: At = At::MAX;

/// Slots at first.
const FIRST: usize = 16;

/// Uses that keep an entry through as many rounds of the clock.
const USED_MOST: u8 = 2;
/// References that are told apart.
pub(super) const SEEN_MOST: u8 = 15;

/// Where a slot is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Queue {
    /// Entries that have yet to show that they are asked for again.
    Trial,
    /// Entries that have.
    Proven,
    /// What is remembered of entries that left.
    Gone,
    /// Slots to be used again.
    Free,
}

/// An entry, or what is remembered of one.
pub(super) struct Slot<T> {
    /// `None`: it has left.
    pub(super) content: Option<T>,
    pub(super) hash: u32,
    older: At,
    newer: At,
    pub(super) queue: Queue,
    /// References since the clock last came by.
    used: AtomicU8,
    /// References, the older ones halved now and then.
    seen: AtomicU8,
}

impl<T> Slot<T> {
    /// Counts a reference. One that gets lost beside another does no harm, so none waits.
    #[inline]
    pub(super) fn touch(&self) {
        for (counter, most) in [(&self.used, USED_MOST), (&self.seen, SEEN_MOST)] {
            let count = counter.load(Ordering::Relaxed);
            if count < most {
                counter.store(count + 1, Ordering::Relaxed);
            }
        }
    }

    /// Takes one round of the clock off; whether there was one.
    pub(super) fn spend(&mut self) -> bool {
        let used = self.used.get_mut();
        let had = *used > 0;
        *used = used.saturating_sub(1);
        had
    }

    /// Takes all rounds off; whether there was one.
    pub(super) fn spend_all(&mut self) -> bool {
        std::mem::take(self.used.get_mut()) > 0
    }

    pub(super) fn seen(&self) -> u8 {
        self.seen.load(Ordering::Relaxed)
    }
}

/// All slots of a shard.
pub(super) struct Slots<T> {
    all: Vec<Slot<T>>,
    queues: [Ends; 4],
}

#[derive(Clone, Copy)]
struct Ends {
    oldest: At,
    newest: At,
    len: usize,
}

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), queues: [Ends { oldest: NONE, newest: NONE, len: 0 }; 4] }
    }

    /// Puts an entry that was seen so often into a slot of its own, as the newest of a queue.
    pub(super) fn add(&mut self, content: T, hash: u32, seen: u8, queue: Queue) -> At {
        let slot = Slot {
            content: Some(content),
            hash,
            older: NONE,
            newer: NONE,
            queue,
            used: AtomicU8::new(0),
            seen: AtomicU8::new(seen),
        };
        let at = match self.oldest(Queue::Free) {
            Some(at) => {
                self.unlink(at);
                self[at] = slot;
                at
            }
            None => {
                if self.all.len() == self.all.capacity() {
                    // By a quarter instead of twice: what is spare counts as an entry's overhead.
                    self.all.reserve_exact((self.all.len() / 4).max(FIRST));
                }
                self.all.push(slot);
                // More than fit into memory would be needed to run over.
                At::try_from(self.all.len() - 1).unwrap_or(NONE)
            }
        };
        self.link(at, queue);
        at
    }

    /// Makes a slot the newest of a queue.
    pub(super) fn move_to(&mut self, at: At, queue: Queue) {
        self.unlink(at);
        self.link(at, queue);
    }

    pub(super) fn oldest(&self, queue: Queue) -> Option<At> {
        let at = self.queues[queue as usize].oldest;
        (at != NONE).then_some(at)
    }

    pub(super) fn len(&self, queue: Queue) -> usize {
        self.queues[queue as usize].len
    }

    /// Halves how often each was seen.
    pub(super) fn halve(&mut self) {
        for slot in &mut self.all {
            *slot.seen.get_mut() /= 2;
        }
    }

    /// The slots from one place up to another, as far as there are any.
    pub(super) fn range(&self, from: usize, to: usize) -> Option<&[Slot<T>]> {
        self.all.get(from..to.min(self.all.len())).filter(|slots| !slots.is_empty())
    }

    fn unlink(&mut self, at: At) {
        let Slot { older, newer, queue, .. } = self[at];
        match older {
            NONE => self.queues[queue as usize].oldest = newer,
            _ => self[older].newer = newer,
        }
        match newer {
            NONE => self.queues[queue as usize].newest = older,
            _ => self[newer].older = older,
        }
        self.queues[queue as usize].len -= 1;
    }

    fn link(&mut self, at: At, queue: Queue) {
        let ends = &mut self.queues[queue as usize];
        let older = std::mem::replace(&mut ends.newest, at);
        ends.len += 1;
        match older {
            NONE => ends.oldest = at,
            _ => self[older].newer = at,
        }
        let slot = &mut self[at];
        (slot.older, slot.newer, slot.queue) = (older, NONE, queue);
    }
}

impl<T> Index<At> for Slots<T> {
    type Output = Slot<T>;

    #[inline]
    fn index(&self, at: At) -> &Slot<T> {
        &self.all[at as usize]
    }
}

impl<T> IndexMut<At> for Slots<T> {
    fn index_mut(&mut self, at: At) -> &mut Slot<T> {
        &mut self.all[at as usize]
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_as_small_as_its_content_and_sixteen_bytes() {
        assert_eq!(size_of::<Slot<Box<u8>>>(), 24);
    }

    #[test]
    fn queues_keep_their_order_and_slots_are_used_again() {
        let mut slots = Slots::new();
        let ats: Vec<At> = (0..4).map(|n| slots.add(n, 0, 0, Queue::Trial)).collect();
        slots.move_to(ats[1], Queue::Proven);
        slots.move_to(ats[0], Queue::Trial);
        slots.move_to(ats[2], Queue::Free);
        assert_eq!(slots.oldest(Queue::Trial), Some(ats[3]));
        assert_eq!(slots.oldest(Queue::Proven), Some(ats[1]));
        assert_eq!(slots.add(9, 0, 0, Queue::Trial), ats[2]);
        for expected in [ats[3], ats[0], ats[2]] {
            assert_eq!(slots.oldest(Queue::Trial), Some(expected));
            slots.move_to(expected, Queue::Gone);
        }
        assert_eq!((slots.len(Queue::Trial), slots.len(Queue::Gone)), (0, 3));
    }
}
