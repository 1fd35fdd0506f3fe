//! What reads are cached by, and what a commit invalidates: one place, so that the two agree.

use rushes_cache::Scope;
use rushes_store::{Change, Kind, VideoId};

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

    /// What a change makes untrue.
    pub(crate) fn touched(change: &Change) -> Vec<Scope> {
        match change {
            Change::Video(video) => {
                vec![Self::videos(), Self::video(video), Self::all_entries()]
            }
            Change::Entries { video, kind, .. } => {
                vec![Self::kind(video, kind), Self::entries(video), Self::all_entries()]
            }
            Change::Messages(video) => vec![Self::messages(video)],
        }
    }
}
