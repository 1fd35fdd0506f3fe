//! Small clips made by ffmpeg, and ffprobe's word on them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::ffmpeg::build::Build;
use crate::ffmpeg::decode::Source;
use crate::ffmpeg::{Limits, Probe, RawFrame, frames, plan, probe, sample};
use crate::ingest::Sampling;

/// A folder that goes with the test.
pub(super) struct Clips(tempfile::TempDir);

impl Clips {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// Runs ffmpeg with these words and the file to make; `{}` stands for the folder.
    pub(super) fn make(&self, name: &str, words: &str) -> PathBuf {
        let folder = self.0.path().to_str().unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-y", "-threads", "1"]);
        ffmpeg.args(words.split_whitespace().map(|word| word.replace("{}", folder)));
        let output = ffmpeg.arg(self.path(name)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.path(name)
    }

    /// A test picture of 64x48 in H.264 with these further words.
    pub(super) fn h264(&self, name: &str, rate: u32, seconds: f64, words: &str) -> PathBuf {
        let source = format!("-f lavfi -i testsrc2=s=64x48:r={rate}:d={seconds}");
        self.make(name, &format!("{source} -c:v libx264 -preset ultrafast {words}"))
    }

    /// Frames at 0, 3, 4, 10, 11, 12 and 30 tenths of a second.
    pub(super) fn uneven(&self, name: &str) -> PathBuf {
        let times = "settb=1/1000,setpts='if(eq(N,1),300)+if(eq(N,2),400)+if(eq(N,3),1000)\
                     +if(eq(N,4),1100)+if(eq(N,5),1200)+if(eq(N,6),3000)'";
        self.make(
            name,
            &format!(
                "-f lavfi -i testsrc2=s=64x48:r=10:d=0.7 -vf {times} -fps_mode passthrough \
                 -enc_time_base 1:1000 -c:v libx264 -preset ultrafast -bf 2 -g 3"
            ),
        )
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

pub(super) async fn probed(path: &Path) -> Probe {
    probe(path, &Limits::default()).await.unwrap()
}

pub(super) fn pts(found: &Probe) -> Vec<i64> {
    found.timing.frames.iter().map(|frame| frame.pts).collect()
}

/// All frames of a sampling, pictures of at most `edge` pixels.
pub(super) async fn sampled(
    path: &Path,
    found: &Probe,
    sampling: Sampling,
    edge: u32,
    from: Option<f64>,
) -> Result<Vec<RawFrame>> {
    let mut channel = sample(path, found, &sampling, edge, from, &Limits::default());
    let mut frames = Vec::new();
    while let Some(frame) = channel.recv().await {
        frames.push(frame?);
    }
    Ok::<_, Error>(frames)
}

/// Every frame from the start to the end.
pub(super) async fn in_sequence(path: &Path, found: &Probe) -> Vec<RawFrame> {
    let all = Sampling::Frames(u32::MAX);
    sampled(path, found, all, 4096, None).await.unwrap()
}

/// Asserts that each frame fetched alone, by a seek wherever one is possible, is the one of
/// sequential decoding; tells how many seeks held, so that nothing had to be decoded from the start.
pub(super) async fn random_is_sequential(path: &Path, numbers: &[u64]) -> usize {
    let found = probed(path).await;
    let all = in_sequence(path, &found).await;
    assert_eq!(all.len(), found.timing.frames.len());
    let (build, limits) = (Build::installed().await.unwrap(), Limits::default());
    let source = Source { path, timing: &found.timing, edge: 4096, limits: &limits, build };
    let mut held = 0;
    for &number in numbers {
        let one = frames::gather(source, &[number], 0).await.unwrap();
        let (one, same) = (&one[0], &all[usize::try_from(number).unwrap()]);
        assert_eq!((one.number, one.at), (number, same.at));
        assert!(one.picture == same.picture, "frame {number} differs");
        for run in plan::runs(&[number], &found.timing, Some(0)) {
            let (sender, _receiver) = tokio::sync::mpsc::channel(4);
            let fetched = frames::fetch_run(source, &run, &sender).await.unwrap();
            held += usize::from(run.key.is_some() && fetched.whole);
        }
    }
    held
}
