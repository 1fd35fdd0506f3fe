//! What is asked for next, learned online from relative moves.
//!
//! Agents that answer questions about videos repeat themselves, not on one video but in how they
//! move: they stride, they halve, they look at the frames around a caption that fits. So the model
//! counts *moves* (kind, jump in time, width), each after the moves that came before it in its
//! session, and shares what it learned among all videos: a pattern seen on one helps on a video
//! that nobody has asked for. It looks at the last three moves, where they were seen often enough,
//! else at two, else at one (prediction by partial matching with back-off: Cleary and Witten,
//! 1984; as a prefetcher: Curewitz, Krishnan and Vitter, 1993).
//!
//! It is small and bounded: what was seen once and long ago gives way. Cold, it predicts nothing.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use serde::{Deserialize, Serialize};

/// Seconds of a tick, the unit of jumps and widths.
pub(crate) const TICK: f64 = 10.0;

/// The widest window that is told apart, in ticks; what is wider is a scan of its own kind.
const WIDEST: i64 = 63;
/// The farthest jump that is predicted, in ticks: farther ones go to where no count can say.
const FARTHEST: i64 = 127;
/// Ticks of a predicted window that are brought, from its first.
const MOST_AHEAD: i64 = 12;
/// Moves that may follow a context and are remembered.
const FOLLOWERS: usize = 8;
/// How often a context must have been seen before it predicts, by the number of its moves.
const SUPPORT: [u32; ORDERS] = [8, 6, 4];
/// Counts are halved when a context reaches this: the present outweighs the past.
const HALVED_AT: u32 = 512;
/// Moves of a context at most.
const ORDERS: usize = 3;
/// Contexts of a model in use: some 4 MB.
pub(crate) const CONTEXTS: usize = 1 << 15;

/// An access: which kind (numbered by the caller), and which ticks of its video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// The caller's number of the kind.
    pub(crate) kind: u8,
    /// The first tick.
    pub(crate) first: i64,
    /// The last, included.
    pub(crate) last: i64,
}

/// From one access to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Move {
    kind: u8,
    jump: i16,
    width: u8,
}

/// Where a session is and how it came there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    at: Option<Access>,
    /// The last moves, the latest first, as contexts see them.
    steps: [u32; ORDERS],
}

impl Trail {
    /// The last access.
    #[cfg(test)]
    pub(crate) fn at(&self) -> Option<Access> {
        self.at
    }
}

/// A context as it is written down: its number, how often it was seen, what followed it how often.
pub(crate) type Kept = (u64, u32, Vec<(Move, u32)>);

/// What followed a context.
#[derive(Clone, Debug, Default)]
struct Followers {
    seen: u32,
    moves: [Option<(Move, u32)>; FOLLOWERS],
}

/// A tick of a timeline that is likely to be asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prediction {
    /// The kind.
    pub(crate) kind: u8,
    /// Which tick.
    pub(crate) tick: i64,
    /// How likely, 0 to 1, by what came before: the sum over all moves that cover it.
    pub(crate) confidence: f32,
}

/// The model.
#[derive(Debug)]
pub(crate) struct Moves {
    contexts: HashMap<u64, Followers, PreHashed>,
    capacity: usize,
}

impl Moves {
    /// A model of at most so many contexts, some 120 bytes each.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { contexts: HashMap::with_hasher(PreHashed), capacity: capacity.max(16) }
    }

    /// How many contexts are known.
    pub(crate) fn len(&self) -> usize {
        self.contexts.len()
    }

    /// All that is known, to be written down.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let kept = |(context, followers): (&u64, &Followers)| {
            (*context, followers.seen, followers.moves.iter().flatten().copied().collect())
        };
        self.contexts.iter().map(kept).collect()
    }

    /// A model of what was written down.
    pub(crate) fn of(kept: Vec<Kept>, capacity: usize) -> Self {
        let mut moves = Self::new(capacity);
        for (context, seen, followed) in kept.into_iter().take(capacity) {
            let mut followed = followed.into_iter().take(FOLLOWERS);
            let followers = Followers { seen, moves: std::array::from_fn(|_| followed.next()) };
            moves.contexts.insert(context, followers);
        }
        moves
    }

    /// Learns where a session went, and notes in its trail that it is there now.
    pub(crate) fn learn(&mut self, trail: &mut Trail, access: Access) {
        let Some(from) = trail.at.replace(access) else {
            trail.steps = [step(access.kind, 0, width(access)), 0, 0];
            return;
        };
        let jump = access.first - from.first;
        if let Ok(near) = i16::try_from(jump)
            && jump.abs() <= FARTHEST
        {
            let next = Move { kind: access.kind, jump: near, width: width(access) };
            for order in 1..=ORDERS {
                self.count(context(&trail.steps, order), Some(next));
            }
        } else {
            for order in 1..=ORDERS {
                self.count(context(&trail.steps, order), None);
            }
        }
        trail.steps.rotate_right(1);
        trail.steps[0] = step(access.kind, jump, width(access));
    }

    /// What is likely to be asked for after where the trail is, at least this likely.
    pub(crate) fn predict(&self, trail: &Trail, least: f32) -> Predictions {
        let Some(Outlook { mut predictions, .. }) = self.outlook(trail) else {
            return Predictions::default();
        };
        predictions.0.retain(|prediction| prediction.confidence >= least && prediction.tick >= 0);
        predictions
    }

    /// All that followed what the trail ends with, if that was seen often enough.
    pub(crate) fn outlook(&self, trail: &Trail) -> Option<Outlook> {
        let (at, (order, followers)) = trail.at.zip(self.longest(trail))?;
        let mut predictions = Predictions::default();
        for &(next, count) in followers.moves.iter().flatten() {
            let confidence = count as f32 / followers.seen.max(1) as f32;
            let first = at.first + i64::from(next.jump);
            for tick in first..=first + i64::from(next.width).min(MOST_AHEAD) {
                predictions.add(Prediction { kind: next.kind, tick, confidence });
            }
        }
        Some(Outlook { order, seen: followers.seen, predictions })
    }

    /// The longest context of the trail that was seen often enough, and its number of moves.
    fn longest(&self, trail: &Trail) -> Option<(usize, &Followers)> {
        (1..=ORDERS).rev().find_map(|order| {
            let followers = self.contexts.get(&context(&trail.steps, order))?;
            (followers.seen >= SUPPORT[order - 1]).then_some((order, followers))
        })
    }

    fn count(&mut self, context: u64, next: Option<Move>) {
        if self.contexts.len() >= self.capacity && !self.contexts.contains_key(&context) {
            self.forget();
        }
        self.contexts.entry(context).or_default().count(next);
    }

    /// Halves all counts and drops what is no longer seen: half of the contexts or more.
    fn forget(&mut self) {
        while self.contexts.len() > self.capacity / 2 {
            self.contexts.retain(|_, followers| {
                followers.halve();
                followers.seen > 0
            });
        }
    }
}

/// What followed the end of a trail before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlook {
    /// How many moves of the trail were looked at.
    pub(crate) order: usize,
    /// How often they were seen.
    pub(crate) seen: u32,
    /// What followed.
    pub(crate) predictions: Predictions,
}

/// What is likely, in no order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Predictions(pub(crate) Vec<Prediction>);

impl Predictions {
    /// Runs of neighbouring ticks of one kind: kind, first and last, and how likely the likeliest
    /// of them is.
    pub(crate) fn stretches(mut self) -> Vec<(u8, i64, i64, f32)> {
        self.0.sort_unstable_by_key(|next| (next.kind, next.tick));
        let runs = self.0.chunk_by(|a, b| a.kind == b.kind && a.tick + 1 == b.tick);
        let stretch = |run: &[Prediction]| {
            let likeliest = run.iter().map(|next| next.confidence).fold(0.0, f32::max);
            Some((run.first()?.kind, run.first()?.tick, run.last()?.tick, likeliest))
        };
        runs.filter_map(stretch).collect()
    }

    fn add(&mut self, next: Prediction) {
        let same = |known: &&mut Prediction| known.kind == next.kind && known.tick == next.tick;
        match self.0.iter_mut().find(same) {
            Some(known) => known.confidence += next.confidence,
            None => self.0.push(next),
        }
    }
}

impl Followers {
    fn count(&mut self, next: Option<Move>) {
        self.seen += 1;
        if let Some(next) = next {
            self.count_move(next);
        }
        if self.seen >= HALVED_AT {
            self.halve();
        }
    }

    /// Counts the move; a new one takes a free place, else that of one that was seen but once.
    fn count_move(&mut self, next: Move) {
        let known = self.moves.iter_mut().flatten().find(|(known, _)| *known == next);
        if let Some((_, count)) = known {
            *count += 1;
            return;
        }
        let place = self.moves.iter_mut().min_by_key(|place| place.map_or(0, |(_, count)| count));
        match place {
            Some(Some((_, count))) if *count > 1 => *count -= 1,
            Some(place) => *place = Some((next, 1)),
            None => {}
        }
    }

    fn halve(&mut self) {
        self.seen /= 2;
        for place in &mut self.moves {
            *place = place.map(|(next, count)| (next, count / 2)).filter(|(_, count)| *count > 0);
        }
    }
}

fn width(access: Access) -> u8 {
    u8::try_from((access.last - access.first).clamp(0, WIDEST)).unwrap_or(0)
}

/// A move as contexts see it: far jumps by their order of magnitude.
fn step(kind: u8, jump: i64, width: u8) -> u32 {
    let size = jump.unsigned_abs();
    let jump = if size <= 8 { jump } else { jump.signum() * (8 + i64::from(size.ilog2())) };
    let jump = u32::try_from(jump + 128).unwrap_or(0);
    u32::from(kind) << 24 | jump << 8 | u32::from(width) | 1 << 23
}

/// The number of a context: its moves and how many they are.
fn context(steps: &[u32; ORDERS], order: usize) -> u64 {
    let mut hash = order as u64;
    for step in steps.iter().take(order) {
        hash = (hash ^ u64::from(*step)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    hash
}

/// Contexts are hashes already.
#[derive(Clone, Debug, Default)]
struct PreHashed;

struct Same(u64);

impl BuildHasher for PreHashed {
    type Hasher = Same;
    fn build_hasher(&self) -> Same {
        Same(0)
    }
}

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(kind: u8, first: i64) -> Access {
        Access { kind, first, last: first }
    }

    fn ticks(predictions: Predictions) -> Vec<(u8, i64, i64)> {
        let stretches = predictions.stretches().into_iter();
        stretches.map(|(kind, first, last, _)| (kind, first, last)).collect()
    }

    #[test]
    fn a_stride_learned_on_one_video_is_predicted_on_another() {
        let mut moves = Moves::new(1000);
        let mut trail = Trail::default();
        for first in (0..100).step_by(3) {
            moves.learn(&mut trail, access(0, first));
        }
        let mut other = Trail::default();
        for first in [40, 43] {
            moves.learn(&mut other, access(0, first));
        }
        assert_eq!(ticks(moves.predict(&other, 0.5)), [(0, 46, 46)]);
    }

    #[test]
    fn what_follows_in_another_kind_is_learned_with_its_offset() {
        let mut moves = Moves::new(1000);
        for video in 0..20 {
            let mut trail = Trail::default();
            moves.learn(&mut trail, access(1, video));
            moves.learn(&mut trail, Access { kind: 0, first: video + 2, last: video + 4 });
        }
        let mut trail = Trail::default();
        moves.learn(&mut trail, access(1, 50));
        assert_eq!(ticks(moves.predict(&trail, 0.5)), [(0, 52, 54)]);
    }

    #[test]
    fn a_cold_model_and_noise_predict_nothing() {
        let mut moves = Moves::new(1000);
        let mut trail = Trail::default();
        assert!(moves.predict(&trail, 0.0).0.is_empty());
        let mut place = 1i64;
        for _ in 0..5000 {
            place = place * 48_271 % 2_147_483_647;
            moves.learn(&mut trail, access((place % 4) as u8, place % 97));
        }
        assert!(moves.predict(&trail, 0.5).0.is_empty());
        assert!(moves.len() <= 1000);
    }

    #[test]
    fn habits_change() {
        let mut moves = Moves::new(1000);
        let mut trail = Trail::default();
        for first in 0..1000 {
            moves.learn(&mut trail, access(0, first));
        }
        for first in (1000..20_000).step_by(5) {
            moves.learn(&mut trail, access(0, first));
        }
        assert_eq!(ticks(moves.predict(&trail, 0.5)), [(0, 20_000, 20_000)]);
    }
}
