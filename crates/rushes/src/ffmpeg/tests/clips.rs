//! Small clips made by ffmpeg, and ffprobe's word on them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder that goes with the test.
pub(super) struct Clips(tempfile::TempDir);

impl Clips {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs ffmpeg with these words; `{}` stands for the folder.
    pub(super) fn make(&self, name: &str, words: &str) -> PathBuf {
        let path = self.path(name);
        let folder = self.0.path().to_str().unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-y"]);
        ffmpeg.args(words.split_whitespace().map(|word| word.replace("{}", folder)));
        let output = ffmpeg.arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        path
    }
}

/// Best-effort timestamps of the video's frames, as ffprobe decodes and lists them.
pub(super) fn listed(path: &Path) -> Vec<i64> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "quiet", "-select_streams", "v:0", "-of", "compact=p=0:nk=1"]);
    ffprobe.args(["-show_entries", "frame=best_effort_timestamp"]);
    let text = String::from_utf8(ffprobe.arg(path).output().unwrap().stdout).unwrap();
    let fields = text.lines().filter_map(|line| line.split('|').next());
    fields.filter_map(|field| field.trim().parse().ok()).collect()
}
