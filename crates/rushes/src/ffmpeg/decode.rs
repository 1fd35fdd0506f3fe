//! One run of the decoder: pictures from its output, their true times from its log.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use rushes_codec::image::Yuv420;

use super::build::Build;
use super::child::{Child, Program};
use super::complaints::{Complaints, Shown};
use super::frames::RawFrame;
use super::input::{input, words};
use super::limits::Limits;
use super::select;
use super::timing::Timing;
use crate::error::{Error, Kind, Result};

/// What all runs over one file share.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) timing: &'a Timing,
    /// Longest edge of the pictures in pixels.
    pub(super) edge: u32,
    pub(super) limits: &'a Limits,
    pub(super) build: Build,
}

/// What one run does.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// The keyframe to seek to; from the start without.
    pub(super) key: Option<u64>,
    /// The expression that selects frames; all without.
    pub(super) select: Option<String>,
    /// Decode keyframes only.
    pub(super) keys_only: bool,
    /// Most frames that are wanted.
    pub(super) most: Option<usize>,
    /// Few frames are decoded before the last one that is wanted.
    pub(super) short: bool,
}

/// A running decoder.
pub(super) struct Decoder<'a> {
    child: Child,
    source: Source<'a>,
    size: (u32, u32),
    /// Complaints about what lies before the place that a seek meant.
    forgiven: Option<u64>,
    /// The decoder has complained by the time of the last frame.
    pub(super) complained: bool,
    /// Filters too long for the command line.
    _filters: Option<tempfile::NamedTempFile>,
}

impl<'a> Decoder<'a> {
    pub(super) async fn start(source: Source<'a>, order: &Order) -> Result<Self> {
        let (arguments, filters) = arguments(&source, order)?;
        let child = Child::start(Program::Ffmpeg, arguments, source.path, source.limits).await?;
        let size = source.timing.display.fit(source.edge);
        // Frames are decoded one by one only in short runs, and only there does the log tell what
        // came before the first.
        let forgiven = if order.short { None } else { Some(0) };
        Ok(Self { child, source, size, forgiven, complained: false, _filters: filters })
    }

    /// The next frame that the timing index knows; `None` at the end of the run.
    pub(super) async fn next(&mut self) -> Result<Option<RawFrame>> {
        loop {
            let (width, height) = self.size;
            let mut data = vec![0; picture_bytes(self.size)];
            if !self.child.fill(&mut data).await? {
                return Ok(None);
            }
            let Some(stamp) = self.stamp().await else {
                let text = "ffmpeg did not tell the time of a frame";
                return Err(Error::new(Kind::Unavailable, text));
            };
            let Some(number) = self.source.timing.number_of(stamp) else {
                tracing::warn!(stamp, "a decoded frame is not in the timing index");
                continue;
            };
            let Some(time) = self.source.timing.frame(number) else { continue };
            let at = self.source.timing.seconds(time.pts);
            let picture = Yuv420 { width, height, data };
            return Ok(Some(RawFrame { number, at, key: time.key, picture }));
        }
    }

    /// The stamp of the frame that was just read. The filter logs it before the frame goes on, so
    /// it is on its way at the latest.
    async fn stamp(&mut self) -> Option<i64> {
        while let Some(shown) = self.child.shown.recv().await {
            if let Some(stamp) = stamp(&shown) {
                let forgiven = *self.forgiven.get_or_insert_with(|| before_landing(&shown));
                self.complained = shown.complaints > forgiven || shown.corrupt > 0;
                return Some(stamp);
            }
        }
        None
    }

    /// Waits for the end of a run that was read to its end.
    pub(super) async fn finish(self) -> Result<Complaints> {
        self.child.finish().await
    }
}

/// A seek into a stream without an index lands between keyframes, and the decoder complains until
/// the first whole picture. That is forgiven if this one is whole.
fn before_landing(first: &Shown) -> u64 {
    if first.line.contains(" type:I") { first.complaints } else { 0 }
}

/// `[Parsed_showinfo_1 @ 0x..] [info] n:   3 pts:  39424 pts_time:3.85 ...`
fn stamp(shown: &Shown) -> Option<i64> {
    let (_, rest) = shown.line.split_once(" pts:")?;
    rest.split_whitespace().next()?.parse().ok()
}

fn picture_bytes((width, height): (u32, u32)) -> usize {
    let (width, height) = (width as usize, height as usize);
    width * height + 2 * width.div_ceil(2) * height.div_ceil(2)
}

type Arguments = (Vec<OsString>, Option<tempfile::NamedTempFile>);

fn arguments(source: &Source<'_>, order: &Order) -> Result<Arguments> {
    let mut all = words(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info"]);
    all.push("-copyts".into());
    all.extend(input(source.path, &input_options(source, order), source.limits)?);
    all.extend(words(["-map", &format!("0:{}", source.timing.display.stream)]));
    let filters = filters(source, order);
    let file = if filters.len() > select::MOST_BYTES {
        let file = written(&filters)?;
        all.extend([source.build.filters_from_file().into(), file.path().into()]);
        Some(file)
    } else {
        all.extend(words(["-vf", &filters]));
        None
    };
    all.extend(words(source.build.passthrough()));
    if let Some(most) = order.most {
        all.extend(words(["-frames:v", &most.to_string()]));
    }
    all.extend(words(["-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"]));
    Ok((all, file))
}

fn written(filters: &str) -> Result<tempfile::NamedTempFile> {
    let write = || {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(filters.as_bytes())?;
        Ok(file)
    };
    write().map_err(|error: std::io::Error| {
        let text = format!("the list of wanted frames could not be written: {error}");
        Error::caused(Kind::Internal, text, error)
    })
}

fn input_options(source: &Source<'_>, order: &Order) -> Vec<OsString> {
    // Rotation is set right after selection and shrinking, not for each decoded frame.
    let mut options = words(["-noautorotate"]);
    if order.keys_only {
        options.extend(words(["-skip_frame", "nokey"]));
    }
    if order.short {
        options.extend(words(["-thread_type", "slice"]));
    }
    let timing = source.timing;
    if timing.counted {
        // Filters made anew where the pictures change in size would count from 0 again.
        options.extend(words(["-reinit_filter", "0"]));
    }
    if let Some(key) = order.key.and_then(|key| timing.frame(key)) {
        let at = format!("{:.6}", timing.seconds(key.pts));
        options.extend(words(["-noaccurate_seek", "-seek_timestamp", "1", "-ss", &at]));
    }
    options
}

fn filters(source: &Source<'_>, order: &Order) -> String {
    let mut chain = Vec::new();
    if source.timing.counted {
        chain.push("setpts=N".to_owned());
    }
    match (&order.select, order.key) {
        (Some(select), Some(_)) => {
            chain.push(format!("select='{}'", select::with_landing(select)));
        }
        (Some(select), None) => chain.push(format!("select='{select}'")),
        (None, _) => {}
    }
    chain.push("showinfo=checksum=0".to_owned());
    chain.push(source.timing.display.filters(source.edge, &source.build));
    chain.join(",")
}
