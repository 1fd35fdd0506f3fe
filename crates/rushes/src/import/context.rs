//! What every parser needs to make an entry: the kind, where seconds and frames lie in the
//! video's time, and what an entry must satisfy.

use std::sync::Arc;

use jsonschema::Validator;
use rushes_store::{Kind, NewEntry, Video};
use serde_json::{Map, Value};

use super::classes::Classes;
use crate::ffmpeg::Timing;

/// Seconds beyond which a time is surely not one of media (some 31 years; a Unix time is more).
const LATEST: f64 = 1e9;

/// A span of media time in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) start: f64,
    pub(super) end: f64,
    /// Whether it was estimated rather than read.
    pub(super) estimated: bool,
}

/// What the parsers of one import share.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// The kind that was asked for.
    pub(super) kind: Option<Kind>,
    /// Added to every second that the file gives: the start of the audio stream, or 0.
    pub(super) shift: f64,
    /// Where frames lie in time.
    pub(super) frames: Frames,
    /// Names of object classes.
    pub(super) classes: Classes,
    /// What each entry's data must satisfy.
    pub(super) schema: Option<Validator>,
}

impl Context {
    /// The kind that was asked for, else `usual`.
    pub(super) fn kind_or(&self, usual: &str) -> Result<Kind, String> {
        match &self.kind {
            Some(kind) => Ok(kind.clone()),
            None => Kind::new(usual).map_err(|error| error.to_string()),
        }
    }

    /// The span between two seconds of the file.
    pub(super) fn span(&self, start: f64, end: f64) -> Result<Span, String> {
        let (start, end) = (seconds("start", start)?, seconds("end", end)?);
        if end < start {
            return Err(format!("end {end} is before start {start}"));
        }
        Ok(Span { start: self.shifted(start), end: self.shifted(end), estimated: false })
    }

    /// A second of the file as media time, to the microsecond when it had to be moved.
    pub(super) fn shifted(&self, seconds: f64) -> f64 {
        if self.shift == 0.0 {
            return seconds;
        }
        to_micros(seconds + self.shift)
    }

    /// An entry, checked.
    pub(super) fn entry(
        &self,
        kind: Kind,
        span: Span,
        data: Map<String, Value>,
    ) -> Result<NewEntry, String> {
        let (text, label) = words_of(&kind, &data)?;
        let data = Value::Object(data);
        if let Some(schema) = &self.schema {
            schema.validate(&data).map_err(|error| against_schema(&error))?;
        }
        let Span { start, end, estimated } = span;
        Ok(NewEntry { kind, start, end, estimated, data, text, label, blob: None })
    }
}

/// A computed time without the digits that mean nothing.
fn to_micros(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// Checks a second as written in a file.
pub(super) fn seconds(name: &str, value: f64) -> Result<f64, String> {
    if !(0.0..LATEST).contains(&value) {
        return Err(format!("{name} must be seconds of the video, 0 or more, not {value}"));
    }
    Ok(value)
}

/// What search finds an entry by: its text, and the class of an object.
fn words_of(
    kind: &Kind,
    data: &Map<String, Value>,
) -> Result<(Option<String>, Option<String>), String> {
    match kind.as_str() {
        Kind::FRAME => Err("frames are taken from the video by ingest, not imported".to_owned()),
        Kind::OBJECT => object_label(data).map(|label| (None, Some(label))),
        name => {
            let text = text_of(data);
            if text.is_none() && [Kind::CAPTION, Kind::TRANSCRIPT].contains(&name) {
                return Err(format!("a {name} needs a `text` that is not empty"));
            }
            Ok((text, None))
        }
    }
}

fn text_of(data: &Map<String, Value>) -> Option<String> {
    let said = |name: &&str| {
        data.get(*name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    };
    ["text", "caption", "title", "label"].iter().find_map(said).map(str::to_owned)
}

fn object_label(data: &Map<String, Value>) -> Result<String, String> {
    if data.get("box").is_some_and(|area| !is_box(area)) {
        return Err("box must be [left, top, width, height]".to_owned());
    }
    match data.get("label").and_then(Value::as_str) {
        Some(label) if !label.is_empty() => Ok(label.to_owned()),
        _ => Err("an object needs a `label`: the name of its class".to_owned()),
    }
}

fn is_box(area: &Value) -> bool {
    let numbers: Vec<f64> =
        area.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    matches!(numbers.as_slice(), [_, _, width, height] if *width >= 0.0 && *height >= 0.0)
}

fn against_schema(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    match place.as_str() {
        "" => format!("against the schema: {error}"),
        place => format!("against the schema at {place}: {error}"),
    }
}

/// Where the frames of a video lie in time.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The video's own timing index.
    pub(super) timing: Option<Arc<Timing>>,
    /// Frames a second, to count by instead (or for want of an index).
    pub(super) fps: Option<f64>,
    /// The time of the first frame, seconds.
    pub(super) start: f64,
    /// The number that the file gives the first frame; each format has its own if not given.
    pub(super) first: Option<u64>,
}

impl Frames {
    /// The frames of `video`: by `fps` if given, else by its timing index, else by the frame rate
    /// that the probe found.
    pub(super) fn of(video: &Video, timing: Option<Arc<Timing>>, fps: Option<f64>) -> Self {
        let timing = timing.filter(|_| fps.is_none());
        let probed = || video.probe.get("fps").and_then(Value::as_f64);
        let fps = fps.or_else(|| if timing.is_none() { probed() } else { None });
        Self { timing, fps: fps.filter(|fps| *fps > 0.0), start: video.start, first: None }
    }

    /// The instant at which frame `number` comes on screen; `usual` is the number that this
    /// format gives the first frame.
    pub(super) fn at(&self, number: u64, usual: u64) -> Result<Span, String> {
        let first = self.first.unwrap_or(usual);
        let Some(index) = number.checked_sub(first) else {
            return Err(format!("frame {number}: frames are numbered from {first}"));
        };
        let (at, estimated) = match (&self.timing, self.fps) {
            (Some(timing), _) => (indexed(timing, index, number, first)?, timing.estimated),
            (None, Some(fps)) => (to_micros(self.start + index as f64 / fps), true),
            (None, None) => {
                return Err("the video has no timing index; give its frame rate (--fps)".to_owned());
            }
        };
        if at >= LATEST {
            return Err(format!("frame {number} lies beyond any video"));
        }
        Ok(Span { start: at, end: at, estimated })
    }
}

fn indexed(timing: &Timing, index: u64, number: u64, first: u64) -> Result<f64, String> {
    match timing.frame(index) {
        Some(frame) => Ok(timing.seconds(frame.pts)),
        None => Err(format!(
            "frame {number}: the video has {} frames, numbered from {first}",
            timing.frames.len()
        )),
    }
}
