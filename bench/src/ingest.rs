//! Ingest against what decoding and encoding alone cost.
//!
//! The limit of `ingest.sampled` and `ingest.keyframes` is the processor time of ffmpeg decoding
//! the clip to nothing with the same selection, plus that of `cwebp` on the frames that were kept,
//! divided by the cores: a pipeline that costs nothing itself and keeps every core busy. `cwebp`
//! is given raw YUV, the cheapest input that it takes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use rushes_codec::image::Yuv420;
use serde_json::Value;

use crate::child;
use crate::figure::{Figure, Goal, Report, median};
use crate::footage::{self, SIZE};
use crate::library::{Library, text};

/// WebP quality of both sides: the default of ingest.
pub(crate) const QUALITY: &str = "85";

const RUNS: usize = 3;

/// A frame each second of a minute and a half of 720p.
pub(crate) fn sampled(report: &mut Report) -> Result<()> {
    // ffmpeg's idiom for "the first frame at or after each second".
    let every_second = "select='isnan(prev_selected_t)+gt(floor(t),floor(prev_selected_t))'";
    let way = Way { sampling: &["--every", "1s"], input: &[], filter: every_second };
    compare(report, "ingest.sampled", &footage::minute()?, &way)
}

/// The keyframes of ten minutes of the same; and of the minute and a half itself, where starting
/// ffprobe and ffmpeg costs as much as the work.
pub(crate) fn keyframes(report: &mut Report) -> Result<()> {
    let input = &["-skip_frame", "nokey"];
    let way = Way { sampling: &["--keyframes"], input, filter: "null" };
    compare(report, "ingest.keyframes", &footage::ten_minutes()?, &way)?;
    compare(report, "ingest.keyframes_of_a_short_clip", &footage::minute()?, &way)
}

/// How frames are chosen by us, and the same for the peer.
struct Way<'a> {
    sampling: &'a [&'a str],
    input: &'a [&'a str],
    filter: &'a str,
}

fn compare(report: &mut Report, name: &'static str, clip: &Path, way: &Way<'_>) -> Result<()> {
    let (mut walls, mut limits) = (Vec::new(), Vec::new());
    let cores = std::thread::available_parallelism()?.get() as f64;
    for _ in 0..RUNS {
        let decoding = decode_to_null(clip, way)?;
        let library = Library::new()?;
        let ours =
            library.run(&[&["ingest", text(clip)?, "--no-sidecars"], way.sampling].concat())?;
        let kept = kept_frames(&library)?;
        let encoding = cwebp(&footage::frames(clip, &kept)?)?;
        report.note(&format!(
            "{name}: {:.2} s wall, {:.2} s of processor; ffmpeg {decoding:.2} s + cwebp {:.2} s on {} frames",
            ours.wall, ours.cpu, encoding.seconds, kept.len(),
        ));
        walls.push(ours.wall);
        limits.push((decoding + encoding.seconds) / cores);
    }
    let against = format!("processor time of ffmpeg and cwebp over {cores} cores");
    report.add(&Figure {
        name,
        value: median(walls),
        peer: median(limits),
        unit: "s",
        goal: Goal::AtMost(1.2),
        against,
    });
    Ok(())
}

/// Memory while two hours are taken in, a frame every two seconds.
pub(crate) fn memory(report: &mut Report) -> Result<()> {
    let clip = footage::two_hours()?;
    let library = Library::new()?;
    let mut command = library.command(&["ingest", text(&clip)?, "--no-sidecars", "--every", "2s"]);
    let peak = child::peak_memory(&mut command)?;
    let frames = all_frames(&library)?.len();
    if frames < 3_500 {
        bail!("only {frames} frames of two hours came in");
    }
    report.add(&Figure {
        name: "ingest.memory",
        value: peak as f64 / 1e6,
        peer: 300.0,
        unit: "MB",
        goal: Goal::AtMost(1.0),
        against: "the limit, resident pages of rushes and ffmpeg together".to_owned(),
    });
    Ok(())
}

fn decode_to_null(clip: &Path, way: &Way<'_>) -> Result<f64> {
    let mut command = footage::ffmpeg();
    command.args(way.input).arg("-i").arg(clip).args(["-map", "0:v:0", "-vf", way.filter]);
    Ok(child::run(command.args(["-fps_mode", "passthrough", "-f", "null", "-"]))?.cpu)
}

/// The numbers of the frames whose pictures were stored.
fn kept_frames(library: &Library) -> Result<Vec<u64>> {
    let is_original = |entry: &&Value| entry.pointer("/data/same_as").is_none();
    let frames = all_frames(library)?;
    let numbers = frames.iter().filter(is_original).map(|entry| entry.pointer("/data/number"));
    numbers.map(|number| number.and_then(Value::as_u64).context("a frame without number")).collect()
}

fn all_frames(library: &Library) -> Result<Vec<Value>> {
    let video = library.ask(&["ls"])?;
    let id = video.pointer("/items/0/id").or_else(|| video.pointer("/0/id"));
    let id = id.and_then(Value::as_str).with_context(|| format!("no id in {video}"))?.to_owned();
    let mut frames = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut arguments = vec!["show", &id, "--kind", "frame", "--limit", "1000"];
        arguments.extend(cursor.iter().flat_map(|cursor| ["--cursor", cursor]));
        let page = library.ask(&arguments)?;
        let items = page.get("items").and_then(Value::as_array).context("a page without items")?;
        frames.extend(items.iter().cloned());
        cursor = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            return Ok(frames);
        }
    }
}

/// What `cwebp` cost and made.
pub(crate) struct Encoded {
    /// Processor time, one thread.
    pub(crate) seconds: f64,
    /// Bytes of all files.
    pub(crate) bytes: u64,
}

/// Encodes frames one by one with `cwebp` at our quality and otherwise its defaults.
pub(crate) fn cwebp(frames: &[Yuv420]) -> Result<Encoded> {
    let folder = tempfile::tempdir_in(footage::root().join("target"))?;
    let (raw, webp) = (folder.path().join("frame.yuv"), folder.path().join("frame.webp"));
    let (width, height) = (SIZE.0.to_string(), SIZE.1.to_string());
    let mut encoded = Encoded { seconds: 0.0, bytes: 0 };
    for frame in frames {
        std::fs::write(&raw, &frame.data)?;
        let mut command = Command::new("cwebp");
        command
            .args(["-quiet", "-q", QUALITY, "-s", &width, &height])
            .arg(&raw)
            .arg("-o")
            .arg(&webp);
        encoded.seconds += child::run(&mut command)?.cpu;
        encoded.bytes += std::fs::metadata(&webp)?.len();
    }
    Ok(encoded)
}
