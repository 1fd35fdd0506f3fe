//! A small copy of memory that holds names and weights.

use std::num::NonZeroU32;

use super::{Policy, Shard, Weighed};

/// The name of a sampled key.
pub(crate) type Tag = NonZeroU32;

/// What stands for an entry: its key's name and what it weighs.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    tag: Tag,
    weight: u32,
}

impl Name {
    pub(crate) fn new(tag: Tag, weight: u64) -> Self {
        Self { tag, weight: u32::try_from(weight).unwrap_or(u32::MAX) }
    }
}

impl Weighed for Name {
    fn weight(&self) -> u64 {
        u64::from(self.weight)
    }
}

/// A copy of memory.
pub(crate) struct Miniature(Shard<Name>);

impl Miniature {
    /// One of so much room, for about so many entries.
    pub(crate) fn new(room: u64, entries: usize) -> Self {
        Self(Shard::new(room, 0, entries))
    }

    /// Notes a reference; whether it would have been a hit.
    pub(crate) fn refer(&mut self, name: Name, policy: Policy) -> bool {
        let (hash, is) = (hash(name.tag), |other: &Name| other.tag == name.tag);
        let known = self.0.get(hash, is).map(Weighed::weight);
        if known != Some(name.weight()) {
            self.0.insert(hash, name, is, policy, &mut drop);
        }
        known.is_some()
    }

    /// Drops a name.
    pub(crate) fn forget(&mut self, tag: Tag) {
        self.0.remove(hash(tag), |other| other.tag == tag);
    }

    /// How many entries it holds.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn hash(tag: Tag) -> u64 {
    u64::from(tag.get())
}
