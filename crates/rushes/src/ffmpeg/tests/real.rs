//! Real clips, where they are at hand (`RUSHES_TEST_DATA`, else beside the repository).

use std::io::Write;
use std::path::PathBuf;

use super::clips::{listed, probed, pts, random_is_sequential};

fn videos() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("RUSHES_TEST_DATA").map_or_else(|| beside.into(), PathBuf::from);
    let videos = root.join("videos");
    if !videos.is_dir() {
        // Past the runner, which keeps the words of a test that passes.
        let (test, mut out) = (std::thread::current(), std::io::stderr());
        let test = test.name().unwrap_or("a test");
        let _ = writeln!(out, "left out: {test}: no real clips in {}", videos.display());
        return None;
    }
    Some(videos)
}

#[tokio::test]
async fn real_clips_have_the_times_that_ffprobe_lists() {
    let Some(videos) = videos() else { return };
    for name in [
        "rabbit320.mp4",
        "friday.mp4",
        "chaplin.mp4",
        "chrome.mp4",
        "cockatoo.mp4",
        "echo-hereweare.webm",
        "flipping_a_pancake.mkv",
        "openshot-test.avi",
        "trailer.ogv",
    ] {
        let path = videos.join(name);
        assert_eq!(pts(&probed(&path).await), listed(&path), "{name}");
    }
}

#[tokio::test]
async fn false_keyframe_marks_do_not_give_grey_pictures() {
    let Some(videos) = videos() else { return };
    let held = random_is_sequential(&videos.join("cockatoo.mp4"), &[140, 200]).await;
    assert_eq!(held, 0, "a seek there cannot hold");
}
