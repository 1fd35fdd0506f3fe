//! A window cut out as a file.

use std::ffi::OsString;
use std::path::Path;

use bytes::Bytes;

use super::build::Build;
use super::child::{Child, Program, name};
use super::input::{check, input, words};
use super::limits::Limits;
use super::scan;
use super::timing::Timing;
use crate::answer::ClipFormat;
use crate::error::{Error, Kind, Result};

/// A cut clip and its true times.
#[derive(Clone, Debug)]
pub(crate) struct CutClip {
    /// The file.
    pub(crate) file: Bytes,
    /// First timestamp, seconds of the source's media time.
    pub(crate) from: f64,
    /// End, seconds.
    pub(crate) to: f64,
}

/// Longest edge in pixels, by format.
fn edge(format: ClipFormat) -> u32 {
    match format {
        ClipFormat::Mp4 => 1280,
        ClipFormat::Webp => 640,
        ClipFormat::Gif => 480,
    }
}

/// Cuts `[from, to)`. Encoded anew, the clip begins with the frame on screen at `from`, shown from
/// then on. `fast` copies the streams from the keyframe at or before `from`, and says which times
/// that gave.
///
/// # Errors
/// `Invalid` for a window outside the video, `TooLarge` when the file would exceed
/// `limits.output`, `Unavailable` without the encoder.
pub(crate) async fn cut(
    path: &Path,
    timing: &Timing,
    from: f64,
    to: f64,
    format: ClipFormat,
    fast: bool,
    limits: &Limits,
) -> Result<CutClip> {
    check(path)?;
    let window = Window::new(path, timing, from, to)?;
    let folder = tempfile::tempdir().map_err(|error| {
        let text = format!("no temporary folder for a clip: {error}");
        Error::caused(Kind::Internal, text, error)
    })?;
    let cutter = Cutter { path, timing, limits, folder: folder.path() };
    match (fast, format) {
        (true, ClipFormat::Mp4) => cutter.copy(&window).await,
        (true, _) => Err(Error::invalid("`fast` copies streams, which only MP4 can hold")),
        (false, _) => cutter.encode(&window, format).await,
    }
}

/// What a clip would be, by the file's index alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlannedClip {
    /// First timestamp, seconds of the source's media time.
    pub(crate) from: f64,
    /// End, seconds.
    pub(crate) to: f64,
    /// Width and height of its pictures, pixels.
    pub(crate) size: (u32, u32),
}

/// What [`cut`] would give for the same arguments.
///
/// # Errors
/// `Invalid` for a window outside the video.
pub(crate) fn planned(
    path: &Path,
    timing: &Timing,
    from: f64,
    to: f64,
    format: ClipFormat,
    fast: bool,
) -> Result<PlannedClip> {
    let window = Window::new(path, timing, from, to)?;
    if !fast {
        let size = timing.display.even_fit(edge(format));
        return Ok(PlannedClip { from: window.from, to: window.to, size });
    }
    let key = timing.key_before(window.first).and_then(|key| timing.frame(key));
    let from = key.map_or(window.from, |key| timing.seconds(key.pts));
    Ok(PlannedClip { from, to: window.to, size: timing.display.size() })
}

/// The part of the video that a window names.
struct Window {
    from: f64,
    to: f64,
    /// The first frame and the last.
    first: u64,
    last: u64,
}

impl Window {
    fn new(path: &Path, timing: &Timing, from: f64, to: f64) -> Result<Self> {
        let start = timing.frames.first().map_or(0.0, |frame| timing.seconds(frame.pts));
        let end = timing.seconds(timing.end);
        // The bounds of a time that is no number are no numbers either.
        let (begin, stop) = (from.clamp(start, f64::INFINITY), to.clamp(f64::NEG_INFINITY, end));
        let empty = || {
            let file = name(path);
            let text = format!("{file}: no video in {from}-{to}; it lasts from {start} to {end} s");
            Error::invalid(text)
        };
        if begin.is_nan() || stop.is_nan() || begin >= stop {
            return Err(empty());
        }
        let first = timing.on_screen_at(begin).ok_or_else(empty)? as u64;
        let before = timing.units(stop) - 0.5;
        let started = timing.frames.partition_point(|frame| (frame.pts as f64) < before) as u64;
        Ok(Self { from: begin, to: stop, first, last: started.saturating_sub(1).max(first) })
    }
}

struct Cutter<'a> {
    path: &'a Path,
    timing: &'a Timing,
    limits: &'a Limits,
    folder: &'a Path,
}

impl Cutter<'_> {
    async fn encode(&self, window: &Window, format: ClipFormat) -> Result<CutClip> {
        let build = Build::installed().await?;
        require(format, &build)?;
        let out = self.folder.join(match format {
            ClipFormat::Mp4 => "clip.mp4",
            ClipFormat::Gif => "clip.gif",
            ClipFormat::Webp => "clip.webp",
        });
        let mut arguments = self.opening(window)?;
        let video = format!("0:{}", self.timing.display.stream);
        arguments.extend(words(["-map", &video, "-vf", &self.filters(window, format, &build)]));
        arguments.extend(words(build.passthrough()));
        arguments.extend(match format {
            ClipFormat::Mp4 => self.mp4_words(window),
            ClipFormat::Gif => words(["-f", "gif"]),
            ClipFormat::Webp => words(WEBP),
        });
        self.run(arguments, &out).await?;
        Ok(CutClip { file: self.read(&out).await?, from: window.from, to: window.to })
    }

    /// Options and input, from the keyframe before the window on, in the file's own times.
    fn opening(&self, window: &Window) -> Result<Vec<OsString>> {
        let mut all = words(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+error"]);
        all.extend(words(["-y", "-copyts"]));
        let mut before = words(["-noautorotate"]);
        let key = self.timing.key_before(window.first).filter(|&key| key > 0);
        let key = key.filter(|_| !self.timing.counted).and_then(|key| self.timing.frame(key));
        if let Some(key) = key {
            let at = format!("{:.6}", self.timing.seconds(key.pts));
            before.extend(words(["-noaccurate_seek", "-seek_timestamp", "1", "-ss", &at]));
        }
        all.extend(input(self.path, &before, self.limits)?);
        Ok(all)
    }

    /// From the frame on screen at the window's start, which is then shown at 0, to its end.
    fn filters(&self, window: &Window, format: ClipFormat, build: &Build) -> String {
        let timing = self.timing;
        let time = |number| timing.frame(number).map_or(0, |frame| frame.pts);
        let (first, after) = (time(window.first), time(window.last).saturating_add(1));
        let counted = match (timing.counted, timing.frames.len()) {
            // Its own times are of no use; they are spread as the index has them.
            (true, frames @ 1..) => {
                let step = timing.end.saturating_sub(time(0)) as f64 / frames as f64;
                format!("setpts={}+N*{step},", time(0))
            }
            _ => String::new(),
        };
        let start = timing.units(window.from).round();
        let pictures = timing.display.even_filters(edge(format), build);
        let form = match format {
            ClipFormat::Mp4 => "",
            ClipFormat::Webp => ",fps=15",
            ClipFormat::Gif => {
                ",fps=12,split[a][b];[a]palettegen=stats_mode=diff[p];[b][p]paletteuse"
            }
        };
        format!(
            "{counted}select='gte(pts,{first})',trim=end_pts={after},\
             setpts='max(PTS,{start})-{start}',{pictures}{form}"
        )
    }

    fn mp4_words(&self, window: &Window) -> Vec<OsString> {
        let (from, to) = (window.from, window.to);
        // Sound that begins after the window does is led by silence, so that it stays in step.
        let sound = format!(
            "atrim=start={from}:end={to},asetpts=PTS-{from}/TB,aresample=async=1:first_pts=0"
        );
        let mut all = words(["-c:v", "libx264", "-preset", "veryfast", "-crf", "23"]);
        // Fine enough for any variable rate; the default would round times to the mean rate.
        all.extend(words(["-enc_time_base", "1:90000", "-video_track_timescale", "90000"]));
        all.extend(words(["-colorspace", "smpte170m", "-color_range", "tv"]));
        all.extend(words(["-map", "0:a:0?", "-af", &sound, "-c:a", "aac", "-ac", "2"]));
        all.extend(words(["-b:a", "128k", "-movflags", "+faststart", "-f", "mp4"]));
        all
    }

    /// Copies the streams. The first pass keeps the file's own times, which tell where the seek
    /// landed; the second writes the clip, beginning at zero.
    async fn copy(&self, window: &Window) -> Result<CutClip> {
        let (raw, out) = (self.folder.join("copy.nut"), self.folder.join("clip.mp4"));
        let video = format!("0:{}", self.timing.display.stream);
        // The container of the first pass has no times before zero, which sound often begins at.
        let shift = (10.0 - window.from).max(10.0).ceil();
        let mut arguments = self.opening(window)?;
        arguments.extend(words(["-map", &video, "-map", "0:a:0?", "-c", "copy"]));
        arguments.extend(words(["-to", &format!("{:.6}", window.to)]));
        arguments.extend(words(["-output_ts_offset", &shift.to_string(), "-f", "nut"]));
        self.run(arguments, &raw).await?;
        let (from, to) = scan::extent(&raw, 0, self.limits).await?.ok_or_else(|| {
            let text = format!("{}: nothing could be copied; cut without `fast`", name(self.path));
            Error::new(Kind::Unsupported, text)
        })?;
        let mut arguments = words(["-hide_banner", "-nostdin", "-nostats", "-loglevel"]);
        arguments.extend(words(["level+error", "-y"]));
        arguments.extend(input(&raw, &[], self.limits)?);
        arguments.extend(words([
            "-map",
            "0",
            "-c",
            "copy",
            "-movflags",
            "+faststart",
            "-f",
            "mp4",
        ]));
        self.run(arguments, &out).await.map_err(|error| match error.kind() {
            Kind::Unsupported => {
                let name = name(self.path);
                let text =
                    format!("{name}: MP4 cannot hold its streams as they are; cut without `fast`");
                Error::caused(Kind::Unsupported, text, error)
            }
            _ => error,
        })?;
        Ok(CutClip { file: self.read(&out).await?, from: from - shift, to: to - shift })
    }

    async fn run(&self, mut arguments: Vec<OsString>, out: &Path) -> Result<()> {
        // The report shows that it is alive.
        arguments.extend(words(["-progress", "pipe:1"]));
        let mut url = OsString::from("file:");
        url.push(out);
        arguments.push(url);
        let mut child = Child::start(Program::Ffmpeg, arguments, self.path, self.limits).await?;
        child.pass_over().await?;
        child.finish().await.map(|_| ())
    }

    async fn read(&self, out: &Path) -> Result<Bytes> {
        let file = tokio::fs::read(out).await.map_err(|error| {
            let text = format!("{}: the clip could not be read back: {error}", name(self.path));
            Error::caused(Kind::Internal, text, error)
        })?;
        Ok(Bytes::from(file))
    }
}

/// Animated, endless.
const WEBP: [&str; 8] = ["-c:v", "libwebp_anim", "-quality", "75", "-loop", "0", "-f", "webp"];

fn require(format: ClipFormat, build: &Build) -> Result<()> {
    let missing = match format {
        ClipFormat::Mp4 if !build.x264 => "libx264",
        ClipFormat::Webp if !build.webp => "libwebp",
        _ => return Ok(()),
    };
    let text = format!(
        "this ffmpeg was built without {missing}; install a full build (Debian: `apt install \
         ffmpeg`), or ask for an MP4 with `fast` or for a GIF"
    );
    Err(Error::new(Kind::Unavailable, text))
}
