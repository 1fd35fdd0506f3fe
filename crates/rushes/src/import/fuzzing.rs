//! The importers without a library, for the targets in `fuzz/`.

use rushes_store::{BlobHash, Video, VideoId};
use serde_json::json;

use super::options::{Format, ImportOptions};
use super::plan::{Plan, Target};
use super::source::Source;

/// Reads bytes as a file of this format, or of the one that they look like, to their end.
///
/// # Panics
/// When an entry comes out that no store could keep, or more than the bytes could hold.
pub fn read(bytes: &[u8], format: Option<Format>) {
    let options = ImportOptions { format, kind: Some("caption".to_owned()), ..Default::default() };
    let source = Source::Bytes(bytes.to_vec().into());
    let Ok(plan) = Plan::of(&target(), &source, &options) else { return };
    let mut read = 0;
    for entry in plan.entries {
        read += 1;
        if let Ok(entry) = entry {
            assert!(entry.check().is_ok() && entry.data.is_object(), "{entry:?}");
        }
    }
    // The shortest record has a byte of its own, and an end that breaks off is told once.
    assert!(read <= bytes.len() + 1, "{read} records in {} bytes", bytes.len());
}

fn target() -> Target {
    let hash = BlobHash::of(b"video");
    let video = Video {
        id: VideoId::of(&hash),
        hash,
        name: "clip.mp4".to_owned(),
        path: None,
        media: None,
        size: 5,
        start: 1.0,
        duration: 12.0,
        probe: json!({ "fps": 25.0, "audio_start": 0.5 }),
        thumbnail: None,
        timing: None,
        added: 0.0,
    };
    Target { video, timing: None }
}
