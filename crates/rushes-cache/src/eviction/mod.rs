//! What leaves memory when room is wanted.
//!
//! No single order suits all. Where the newest is what is asked for next, least recent use is best;
//! a loop a little longer than memory makes that miss always, and wants most of what is there left
//! alone; and where few keys of very many come again and again, counting how often is best. So a
//! [`Shard`] can go by each of three [`Policy`]s, over the same queues, and changes from one to
//! another without moving anything. Which one is best right now [`Rivals`] find out: one small copy
//! of memory for each policy follows a sample of the keys and counts what it would have hit.
//!
//! A shard is one locked whole: an entry that goes from one queue to another never leaves the map
//! meanwhile, so nothing can be removed beside it and come back.

mod frequency;
mod miniature;
mod rivals;
mod shard;
mod slots;
#[cfg(all(test, not(feature = "shuttle")))]
mod tests;

pub(crate) use miniature::{Miniature, Name, Tag};
pub(crate) use rivals::Rivals;
pub(crate) use shard::{Shard, Weighed};

/// By what an entry is chosen to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Policy {
    /// The least recently used (as a clock sees it).
    Recency,
    /// What was not asked for again while it was new, nor soon after it had left: in the manner of
    /// CLOCK-Pro (Jiang, Chen, Zhang, USENIX ATC 2005) and S3-FIFO (Yang et al., SOSP 2023).
    #[default]
    Reuse,
    /// What was asked for less often: a new entry takes the place of a proven one only if it was
    /// asked for more often, as in TinyLFU (Einziger, Friedman, Manes, ACM ToS 2017).
    Frequency,
}

impl Policy {
    pub(crate) const ALL: [Self; 3] = [Self::Recency, Self::Reuse, Self::Frequency];

    /// The one of this number.
    pub(crate) fn numbered(number: u8) -> Self {
        Self::ALL.into_iter().find(|policy| *policy as u8 == number).unwrap_or_default()
    }
}
