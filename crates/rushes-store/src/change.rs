//! What a commit touched, so that caches can drop exactly that.

use serde::{Deserialize, Serialize};

use crate::model::{Kind, VideoId, Window};

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
