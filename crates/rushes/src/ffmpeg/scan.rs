//! The timing index out of ffprobe's lists: of packets where they tell the frames, else of frames.

use std::ffi::OsString;
use std::path::Path;

use tokio::task::JoinSet;

use super::child::{Child, Program, name};
use super::complaints::Complaints;
use super::described::Stream;
use super::input::{input, words};
use super::limits::Limits;
use super::mend::{Listed, mended};
use super::timing::{FrameTime, Timing};
use super::whole;
use crate::error::{Error, Kind, Result};

/// Most frames of one video: 77 hours at 60 a second.
const MOST_FRAMES: usize = 1 << 24;

/// Codecs of which each packet is one displayed frame.
const ONE_EACH: [&str; 24] = [
    "h264",
    "hevc",
    "vp9",
    "av1",
    "vvc",
    "mpeg4",
    "mjpeg",
    "gif",
    "apng",
    "prores",
    "dnxhd",
    "ffv1",
    "rawvideo",
    "theora",
    "msmpeg4v2",
    "msmpeg4v3",
    "wmv1",
    "wmv2",
    "h263",
    "flv1",
    "huffyuv",
    "qtrle",
    "png",
    "cfhd",
];

/// One packet of the stream, in the order of the file.
#[derive(Clone, Copy, Debug, Default)]
struct Packet {
    pts: Option<i64>,
    dts: Option<i64>,
    duration: i64,
    key: bool,
    discard: bool,
}

/// The packets of a file's first video stream, listed while its description is still being read:
/// starting a child costs more than listing most files. Dropped, the work ends.
pub(super) struct Ahead(JoinSet<Result<Packets>>);

/// The packets of one stream.
#[derive(Default)]
struct Packets {
    stream: Option<i64>,
    all: Vec<Packet>,
}

impl Ahead {
    /// Begins.
    pub(super) fn of(path: &Path, limits: &Limits) -> Self {
        let (path, limits) = (path.to_owned(), *limits);
        let mut work = JoinSet::new();
        work.spawn(async move { packets(&path, "v:0", &limits).await });
        Self(work)
    }

    /// The packets, if the stream is the chosen one. A failure shows again when asked in turn.
    async fn of_stream(mut self, stream: u32) -> Option<Packets> {
        let packets = self.0.join_next().await?.ok()?.ok()?;
        (packets.stream == Some(i64::from(stream))).then_some(packets)
    }
}

/// Times of all frames of the stream.
///
/// Reading packets decodes nothing and is some hundred times faster, so it is the way for all
/// files whose packets are the frames. Decoding decides for the others.
pub(super) async fn scan(
    path: &Path,
    stream: &Stream,
    ahead: Ahead,
    limits: &Limits,
) -> Result<Timing> {
    let time_base = super::described::ratio(&stream.time_base)
        .filter(|&(above, below)| above > 0 && below > 0)
        .ok_or_else(|| {
            let text = format!("{}: not a readable video: it has no time base", name(path));
            Error::new(Kind::Unsupported, text)
        })?;
    let empty = Timing {
        time_base,
        frames: Vec::new(),
        end: 0,
        estimated: false,
        counted: false,
        display: stream.display(),
    };
    let packets = match ahead.of_stream(stream.index).await {
        Some(packets) => packets.all,
        None => packets(path, &stream.index.to_string(), limits).await?.all,
    };
    let without_pts = packets.iter().any(|packet| packet.pts.is_none());
    let timing = match by_packets(stream, &packets) {
        Some((frames, end)) => Timing { frames, end, ..empty },
        None => by_frames(path, stream, empty, limits).await?,
    };
    Ok(Timing { estimated: timing.estimated || without_pts, ..timing })
}

/// Start of the first packet and end of the last of a stream, seconds.
pub(super) async fn extent(
    path: &Path,
    stream: u32,
    limits: &Limits,
) -> Result<Option<(f64, f64)>> {
    let (mut from, mut to) = (f64::INFINITY, f64::NEG_INFINITY);
    let entries = "packet=pts_time,dts_time,duration_time";
    list(path, &[], entries, &stream.to_string(), limits, |fields| {
        if let Some(start) = fields.seconds("pts_time").or_else(|| fields.seconds("dts_time")) {
            from = from.min(start);
            to = to.max(start + fields.seconds("duration_time").unwrap_or(0.0));
        }
        0
    })
    .await?;
    Ok((from <= to).then_some((from, to)))
}

/// All packets of the stream.
///
/// # Errors
/// `Unsupported` when the container says that the file breaks off (MP4, Matroska, AVI and Ogg can
/// tell): what was cut away would be missing without a sign.
async fn packets(path: &Path, stream: &str, limits: &Limits) -> Result<Packets> {
    let mut packets = Packets::default();
    let entries = "packet=stream_index,pts,dts,duration,flags";
    let complaints = list(path, &[], entries, stream, limits, |fields| {
        packets.stream = packets.stream.or_else(|| fields.number("stream_index"));
        packets.all.push(Packet {
            pts: fields.number("pts"),
            dts: fields.number("dts"),
            duration: fields.number("duration").unwrap_or(0),
            key: fields.text("flags").is_some_and(|flags| flags.contains('K')),
            discard: fields.text("flags").is_some_and(|flags| flags.contains('D')),
        });
        packets.all.len()
    })
    .await?;
    if complaints.cut_short() || whole::breaks_off(path).is_ok_and(|breaks_off| breaks_off) {
        let text = format!(
            "{}: the file is cut short; get it whole, or keep what is there: ffmpeg -i FILE -c copy \
             NEW",
            name(path)
        );
        return Err(Error::new(Kind::Unsupported, text));
    }
    Ok(packets)
}

/// Frames in display order and their end, if the packets are sure to be the frames.
fn by_packets(stream: &Stream, packets: &[Packet]) -> Option<(Vec<FrameTime>, i64)> {
    let progressive =
        matches!(stream.field_order.as_deref(), None | Some("progressive" | "unknown"));
    if !progressive || !ONE_EACH.contains(&stream.codec_name.as_str()) {
        return None;
    }
    // A stream that was joined halfway begins with pictures that cannot be decoded.
    let first = packets.first().filter(|first| first.key)?.pts?;
    let steady = packets.is_sorted_by(|a, b| match (a.dts, b.dts) {
        (Some(a), Some(b)) => a < b,
        _ => true,
    });
    let shown = || packets.iter().filter(|packet| !packet.discard);
    let mut frames = shown()
        .map(|packet| Some(FrameTime { pts: packet.pts?, key: packet.key }))
        .collect::<Option<Vec<_>>>()?;
    frames.sort_by_key(|frame| frame.pts);
    let joined = shown().any(|packet| packet.pts.is_some_and(|pts| pts < first));
    let distinct = frames.is_sorted_by(|a, b| a.pts < b.pts);
    if !steady || joined || !distinct {
        return None;
    }
    let last = shown().max_by_key(|packet| packet.pts)?;
    let end = last.pts?.saturating_add(usual_step(&frames, last.duration));
    Some((frames, end))
}

/// How long the last frame stays: as the file says, else as long as most others.
fn usual_step(frames: &[FrameTime], told: i64) -> i64 {
    if told > 0 {
        return told;
    }
    let pairs = frames.iter().zip(frames.iter().skip(1));
    let mut steps: Vec<i64> = pairs.map(|(a, b)| b.pts.saturating_sub(a.pts)).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(1).max(1)
}

async fn by_frames(path: &Path, stream: &Stream, empty: Timing, limits: &Limits) -> Result<Timing> {
    let mut listed = Vec::new();
    // Only times are wanted: the look of the pictures may suffer.
    let quick = words(["-threads", "0", "-skip_loop_filter", "all"]);
    let entries = "frame=key_frame,best_effort_timestamp,duration,pkt_duration";
    list(path, &quick, entries, &stream.index.to_string(), limits, |fields| {
        let duration = fields.number("duration").or_else(|| fields.number("pkt_duration"));
        listed.push(Listed {
            pts: fields.number("best_effort_timestamp"),
            duration: duration.unwrap_or(0),
            key: fields.number("key_frame") == Some(1),
        });
        listed.len()
    })
    .await?;
    Ok(mended(&listed, stream.rate(), &empty))
}

/// Runs ffprobe over one stream and hands each line's fields to `each`, which tells how many it
/// has by then.
async fn list(
    path: &Path,
    options: &[OsString],
    entries: &str,
    stream: &str,
    limits: &Limits,
    mut each: impl FnMut(Fields<'_>) -> usize,
) -> Result<Complaints> {
    let mut arguments = words(["-hide_banner", "-loglevel", "level+error", "-of", "compact=p=0"]);
    arguments.extend(words(["-select_streams", stream, "-show_entries", entries]));
    arguments.extend(input(path, options, limits)?);
    let mut child = Child::start(Program::Ffprobe, arguments, path, limits).await?;
    let mut line = Vec::new();
    while child.line(&mut line).await? {
        let Ok(text) = std::str::from_utf8(&line) else { continue };
        if !text.is_empty() && each(Fields(text)) > MOST_FRAMES {
            let text = format!("{}: more than {MOST_FRAMES} frames", name(path));
            return Err(Error::new(Kind::TooLarge, text));
        }
    }
    child.finish().await
}

/// A line of `name=value|name=value`.
struct Fields<'a>(&'a str);

impl Fields<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.split('|').filter_map(|field| field.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    fn seconds(&self, name: &str) -> Option<f64> {
        super::described::seconds(self.text(name))
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }
}
