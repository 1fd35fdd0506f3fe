//! What reads are cached by, and what a commit invalidates: one place, so that the two agree.

use rushes_cache::Scope;
use rushes_store::{Change, Kind, VideoId, Window};

use super::grid::{self, Grid, LENGTHS};

/// A change that touches more segments of one length than this drops all of that length.
const MOST_SLOTS: i64 = 8;

/// The scopes that reads carry and changes raise.
pub(crate) struct Scopes;

impl Scopes {
    /// The list of videos, and what names mean.
    pub(crate) fn videos() -> Scope {
        Scope::new("videos")
    }

    /// Everything of a video.
    pub(crate) fn video(video: &VideoId) -> Scope {
        Scope::new(format!("video/{video}"))
    }

    /// Entries of a video, whatever their kind.
    pub(crate) fn entries(video: &VideoId) -> Scope {
        Scope::new(format!("video/{video}/entries"))
    }

    /// Entries of one kind of a video.
    pub(crate) fn kind(video: &VideoId, kind: &Kind) -> Scope {
        Scope::new(format!("video/{video}/entries/{kind}"))
    }

    /// Entries of all videos: what a search over the library reads.
    pub(crate) fn all_entries() -> Scope {
        Scope::new("entries")
    }

    /// The conversation about a video.
    pub(crate) fn messages(video: &VideoId) -> Scope {
        Scope::new(format!("video/{video}/messages"))
    }

    /// What a read of these kinds (empty: all) of a video depends on.
    pub(crate) fn of_kinds(video: &VideoId, kinds: &[Kind]) -> Vec<Scope> {
        let mut scopes = vec![Self::video(video)];
        if kinds.is_empty() || kinds.len() > 4 {
            scopes.push(Self::entries(video));
        } else {
            scopes.extend(kinds.iter().map(|kind| Self::kind(video, kind)));
        }
        scopes
    }

    /// What a segment of a timeline depends on. One without an outer bound depends on all of its
    /// kind: no change could name it.
    pub(super) fn of_segment(video: &VideoId, kind: &Kind, grid: &Grid, slot: i64) -> Vec<Scope> {
        if !grid.is_inner(slot) {
            return vec![Self::video(video), Self::kind(video, kind)];
        }
        let length = grid.length;
        vec![
            Self::video(video),
            Self::segments(video, kind, length),
            Self::slot(video, kind, length, slot),
        ]
    }

    /// All segments of one length of a timeline.
    fn segments(video: &VideoId, kind: &Kind, length: f64) -> Scope {
        Scope::new(format!("video/{video}/segments/{kind}/{length}"))
    }

    /// One of them.
    fn slot(video: &VideoId, kind: &Kind, length: f64, slot: i64) -> Scope {
        Scope::new(format!("video/{video}/segments/{kind}/{length}/{slot}"))
    }

    /// The segments, of whatever length, that entries within a span of time lie in, its last
    /// second included.
    fn segments_within(video: &VideoId, kind: &Kind, window: Window) -> Vec<Scope> {
        let touched = |&length: &f64| {
            let (first, last) = (grid::slot(window.from, length), grid::slot(window.to, length));
            if last.saturating_sub(first) >= MOST_SLOTS {
                return vec![Self::segments(video, kind, length)];
            }
            (first..=last).map(|slot| Self::slot(video, kind, length, slot)).collect()
        };
        LENGTHS.iter().flat_map(touched).collect()
    }

    /// What a change makes untrue.
    pub(crate) fn touched(change: &Change) -> Vec<Scope> {
        match change {
            Change::Video(video) => {
                vec![Self::videos(), Self::video(video), Self::all_entries()]
            }
            Change::Entries { video, kind, window } => {
                let mut scopes =
                    vec![Self::kind(video, kind), Self::entries(video), Self::all_entries()];
                scopes.extend(Self::segments_within(video, kind, *window));
                scopes
            }
            Change::Messages(video) => vec![Self::messages(video)],
        }
    }
}
