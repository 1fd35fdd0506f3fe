//! What a commit touched, so that caches can drop exactly that.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{Kind, VideoId, Window};

/// The scope of a video as a whole, in the table `generations`.
pub(crate) const VIDEO: &str = "video";
const MESSAGES: &str = "messages";
const ENTRIES: &str = "entries/";

/// The mark of one commit: it was the `seq`-th of this library.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The library's commit counter after the commit. Zero: nothing was changed.
    pub seq: u64,
    /// What was touched.
    pub changes: Vec<Change>,
}

/// One touched thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// The video itself came, went or was altered: everything of it, and the list of videos.
    Video(VideoId),
    /// Entries of a kind within a window.
    Entries {
        /// The video.
        video: VideoId,
        /// Their kind.
        kind: Kind,
        /// From the first start to the last end.
        window: Window,
    },
    /// The conversation about a video.
    Messages(VideoId),
}

impl Change {
    /// As its row in the table `generations` has it: the video, the scope, the span in seconds.
    pub(crate) fn scope(&self) -> (&VideoId, String, Option<(f64, f64)>) {
        match self {
            Self::Video(video) => (video, VIDEO.to_owned(), None),
            Self::Messages(video) => (video, MESSAGES.to_owned(), None),
            Self::Entries { video, kind, window } => {
                (video, format!("{ENTRIES}{kind}"), Some((window.from, window.to)))
            }
        }
    }

    /// The change that a row tells.
    pub(crate) fn of_scope(video: &str, scope: &str, window: Window) -> Result<Self> {
        let damaged =
            |_| Error::Corrupt(format!("generations: {video:?} {scope:?} is not a scope"));
        let id = VideoId::parse(video).map_err(damaged)?;
        match scope {
            VIDEO => Ok(Self::Video(id)),
            MESSAGES => Ok(Self::Messages(id)),
            other => {
                let kind = Kind::new(other.trim_start_matches(ENTRIES)).map_err(damaged)?;
                Ok(Self::Entries { video: id, kind, window })
            }
        }
    }
}

/// What the library's own tables are watched as by those who ask in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Entries,
    Videos,
    Messages,
    Recipes,
}

impl Family {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Videos => "videos",
            Self::Messages => "messages",
            Self::Recipes => "recipes",
        }
    }
}

/// What a kind's commit touched: nothing, a lane without entries, or a span of time.
#[derive(Default)]
pub(crate) struct Span {
    touched: bool,
    window: Option<(f64, f64)>,
}

impl Span {
    pub(crate) fn add(&mut self, span: Option<(f64, f64)>) {
        self.touched = true;
        self.window = match (self.window, span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (one, other) => one.or(other),
        };
    }

    pub(crate) fn change(self, video: &VideoId, kind: Kind) -> Option<Change> {
        let (from, to) = self.window.unwrap_or((0.0, 0.0));
        let window = Window { from, to };
        self.touched.then(|| Change::Entries { video: video.clone(), kind, window })
    }
}
