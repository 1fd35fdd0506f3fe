//! What a file holds, as ffprobe sees it.

use std::path::Path;

use super::build::Build;
use super::child::{Child, Program, name};
use super::described::{Described, Stream, chosen, seconds, tag};
use super::facts;
use super::input::{check, described_input, words};
use super::limits::Limits;
use super::scan::{Ahead, scan};
use super::timing::Timing;
use crate::error::{Error, Kind, Result};

/// Most bytes of ffprobe's description of a file.
const MOST_DESCRIPTION: usize = 8 << 20;

/// Subtitle codecs that are text; the others are pictures.
const TEXT: [&str; 10] =
    ["subrip", "ass", "ssa", "webvtt", "mov_text", "text", "srt", "microdvd", "subviewer", "ttml"];

/// What was found in a file.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// First frame's timestamp, seconds.
    pub(crate) start: f64,
    /// From the first frame to the end of the last, seconds.
    pub(crate) duration: f64,
    /// Each frame's time.
    pub(crate) timing: Timing,
    /// Chapters: start, end (seconds), title.
    pub(crate) chapters: Vec<(f64, f64, String)>,
    /// Indexes of text subtitle streams, and their languages.
    pub(crate) subtitles: Vec<(u32, String)>,
    /// Everything a person may want to know, as stored with the video: container, codec, fps,
    /// rotation, pixel aspect, colour transfer, audio streams.
    pub(crate) facts: serde_json::Value,
}

/// Probes a file.
///
/// # Errors
/// `NotFound` without the file, `Unavailable` without ffmpeg, and `Unsupported` with the reason
/// when it is not a video.
pub(crate) async fn probe(path: &Path, limits: &Limits) -> Result<Probe> {
    check(path)?;
    // Both take a child, and neither needs the other's answer.
    let ahead = Ahead::of(path, limits);
    let described = describe(path, limits).await?;
    let build = Build::beside(&described.program_version).await?;
    let Some(stream) = chosen(&described.streams) else {
        return Err(refused(path, no_video(&described.streams)));
    };
    let pixels = u64::from(stream.width) * u64::from(stream.height);
    if pixels == 0 {
        return Err(refused(path, "its picture size is unknown; it may be cut short"));
    }
    if pixels > limits.pixels {
        let (width, height, most) = (stream.width, stream.height, limits.pixels);
        let why = format!("its frames of {width}x{height} exceed {most} pixels");
        return Err(refused(path, &why));
    }
    let timing = scan(path, stream, ahead, limits).await?;
    if timing.frames.is_empty() {
        return Err(refused(path, "it holds no frame that can be shown"));
    }
    Ok(found(&described, stream, timing, &build))
}

async fn describe(path: &Path, limits: &Limits) -> Result<Described> {
    let mut arguments = words(["-hide_banner", "-loglevel", "level+error", "-of", "json"]);
    arguments.extend(words(["-show_program_version", "-show_format"]));
    arguments.extend(words(["-show_streams", "-show_chapters"]));
    arguments.extend(described_input(path, &[])?);
    let mut child = Child::start(Program::Ffprobe, arguments, path, limits).await?;
    let text = child.all(MOST_DESCRIPTION).await?;
    child.finish().await.map_err(|error| match error.kind() {
        Kind::Unsupported => Error::new(
            error.kind(),
            error.to_string().replace("not a readable video", "not a video"),
        ),
        _ => error,
    })?;
    serde_json::from_slice(&text).map_err(|error| {
        let text = format!("{}: ffprobe's description cannot be read: {error}", name(path));
        Error::caused(Kind::Unsupported, text, error)
    })
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(Kind::Unsupported, format!("{}: not a video: {why}", name(path)))
}

fn no_video(streams: &[Stream]) -> &'static str {
    let has = |kind: &str| streams.iter().any(|stream| stream.codec_type == kind);
    match (has("audio"), has("video")) {
        (true, true) => "it holds sound and a cover picture, but no video stream",
        (true, false) => "it holds sound, but no video stream",
        _ => "it has no video stream",
    }
}

fn found(described: &Described, stream: &Stream, timing: Timing, build: &Build) -> Probe {
    let first = timing.frames.first().map_or(0, |frame| frame.pts);
    Probe {
        start: timing.seconds(first),
        duration: timing.duration(),
        chapters: described.chapters.iter().filter_map(chapter).collect(),
        subtitles: subtitles(&described.streams),
        facts: facts::facts(described, stream, &timing, build),
        timing,
    }
}

fn chapter(chapter: &super::described::Chapter) -> Option<(f64, f64, String)> {
    let start = seconds(chapter.start_time.as_deref())?;
    let end = seconds(chapter.end_time.as_deref())?;
    Some((start, end.max(start), tag(&chapter.tags, "title").unwrap_or_default().to_owned()))
}

/// Text subtitle streams and their languages, `und` when the file does not say.
pub(super) fn subtitles(streams: &[Stream]) -> Vec<(u32, String)> {
    let text = |stream: &&Stream| {
        stream.codec_type == "subtitle" && TEXT.contains(&stream.codec_name.as_str())
    };
    let language = |stream: &Stream| stream.tag("language").unwrap_or("und").to_owned();
    streams.iter().filter(text).map(|stream| (stream.index, language(stream))).collect()
}
