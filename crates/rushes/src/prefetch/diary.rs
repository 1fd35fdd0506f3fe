//! What was ordered ahead lately and what became of it, for whoever asks why.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use rushes_store::{Kind, VideoId, Window};

/// Orders that are remembered.
const KEPT: usize = 1024;

/// The latest orders.
#[derive(Debug, Default)]
pub(super) struct Diary(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    notes: VecDeque<Note>,
    /// The number of the first of them.
    first: u64,
}

/// An order.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) at: Instant,
    pub(super) session: u64,
    pub(super) video: VideoId,
    pub(super) kind: Kind,
    pub(super) window: Window,
    /// How likely it was, 0 to 1; nothing where a table ordered it.
    pub(super) confidence: Option<f32>,
    pub(super) fate: Fate,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits for its turn.
    Waiting,
    /// It was read and brought so many bytes; none, when all was in memory.
    Read(u64),
    /// Too many waited already.
    QueueFull,
    /// Reads on demand did not end in time.
    Demand,
    /// The budget was spent.
    Budget,
    /// The read failed.
    Failed,
}

impl Diary {
    /// Notes an order; its number, by which its fate can be told.
    pub(super) fn order(&self, note: Note) -> u64 {
        let Ok(mut pages) = self.0.lock() else { return u64::MAX };
        if pages.notes.len() >= KEPT {
            pages.notes.pop_front();
            pages.first += 1;
        }
        pages.notes.push_back(note);
        pages.first + pages.notes.len() as u64 - 1
    }

    /// Notes what became of an order, unless it is forgotten.
    pub(super) fn became(&self, number: u64, fate: Fate) {
        let Ok(mut pages) = self.0.lock() else { return };
        let place = number.checked_sub(pages.first).and_then(|place| usize::try_from(place).ok());
        if let Some(note) = place.and_then(|place| pages.notes.get_mut(place)) {
            note.fate = fate;
        }
    }

    /// Orders that cover a moment of a timeline, the latest first.
    pub(super) fn about(&self, video: &VideoId, kind: &Kind, at: f64) -> Vec<Note> {
        let Ok(pages) = self.0.lock() else { return Vec::new() };
        let covers = |note: &&Note| {
            note.video == *video
                && note.kind == *kind
                && (note.window.from..note.window.to).contains(&at)
        };
        pages.notes.iter().rev().filter(covers).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_orders_are_kept_with_their_fates() {
        let video = VideoId::parse("00112233aabbccdd").unwrap();
        let note = |second: usize| Note {
            at: Instant::now(),
            session: 1,
            video: video.clone(),
            kind: Kind::frame(),
            window: Window { from: second as f64, to: second as f64 + 2.0 },
            confidence: None,
            fate: Fate::Waiting,
        };
        let diary = Diary::default();
        let numbers: Vec<u64> = (0..KEPT + 10).map(|second| diary.order(note(second))).collect();
        diary.became(numbers[3], Fate::Budget);
        diary.became(numbers[KEPT], Fate::Read(7));
        diary.became(u64::MAX, Fate::Failed);
        assert!(diary.about(&video, &Kind::frame(), 4.0).is_empty(), "long forgotten");
        let found = diary.about(&video, &Kind::frame(), KEPT as f64 + 1.0);
        let fates: Vec<Fate> = found.iter().map(|note| note.fate).collect();
        assert_eq!(fates, [Fate::Waiting, Fate::Read(7)]);
        let other = Kind::new("caption").unwrap();
        assert!(diary.about(&video, &other, KEPT as f64 + 1.0).is_empty());
    }
}
