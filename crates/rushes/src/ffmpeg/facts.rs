//! What is stored about a file for people to read.

use serde_json::{Map, Value, json};

use super::build::Build;
use super::described::{Described, Stream, seconds, tag};
use super::display::Curve;
use super::timing::Timing;

/// The facts of a video. Sizes in pixels, times in seconds, rates in bits a second; what the file
/// does not tell is absent.
pub(super) fn facts(
    described: &Described,
    stream: &Stream,
    timing: &Timing,
    build: &Build,
) -> Value {
    let format = &described.format;
    let (width, height) = timing.display.coded;
    let (x, y) = timing.display.aspect;
    let shown = timing.display.size();
    let audio: Vec<Value> = described.streams.iter().filter_map(audio).collect();
    without_nulls(json!({
        "container": format.format_name,
        "codec": stream.codec_name,
        "profile": stream.profile,
        "pixel_format": stream.pix_fmt,
        "fps": stream.rate().map(|(frames, seconds)| thousandths(frames, seconds)),
        "frames": timing.frames.len(),
        "keyframes": timing.frames.iter().filter(|frame| frame.key).count(),
        "width": shown.0,
        "height": shown.1,
        "coded": [width, height],
        "rotation": timing.display.turn.degrees(),
        "pixel_aspect": format!("{x}:{y}"),
        "color": colour(stream),
        "time_base": stream.time_base,
        "estimated_times": timing.estimated.then_some(true),
        "file_duration": seconds(format.duration.as_deref()),
        "bit_rate": format.bit_rate.as_deref().and_then(|rate| rate.parse::<u64>().ok()),
        "title": tag(&format.tags, "title"),
        "created": tag(&format.tags, "creation_time"),
        "audio_start": audio.iter().find_map(|stream| stream.get("start")).cloned(),
        "audio": audio,
        "subtitles": subtitles(described),
        "chapters": (!described.chapters.is_empty()).then_some(described.chapters.len()),
        "warnings": warnings(timing, build),
    }))
}

fn audio(stream: &Stream) -> Option<Value> {
    (stream.codec_type == "audio").then(|| {
        without_nulls(json!({
            "stream": stream.index,
            "codec": stream.codec_name,
            "channels": stream.channels,
            "sample_rate": stream.sample_rate.as_deref().and_then(|rate| rate.parse::<u64>().ok()),
            "language": stream.tag("language"),
            "start": seconds(stream.start_time.as_deref()),
        }))
    })
}

fn subtitles(described: &Described) -> Option<Vec<Value>> {
    let streams = super::probe::subtitles(&described.streams);
    let told = |(stream, language)| json!({ "stream": stream, "language": language });
    (!streams.is_empty()).then(|| streams.into_iter().map(told).collect())
}

fn colour(stream: &Stream) -> Value {
    without_nulls(json!({
        "transfer": stream.color_transfer,
        "primaries": stream.color_primaries,
        "matrix": stream.color_space,
        "range": stream.color_range,
    }))
}

fn warnings(timing: &Timing, build: &Build) -> Option<Vec<&'static str>> {
    let mut warnings = Vec::new();
    if timing.estimated {
        warnings.push("the file has no usable presentation timestamps; times are estimated");
    }
    if timing.display.curve != Curve::Standard && !timing.display.tone_mapped(build) {
        warnings.push(
            "high dynamic range is shown without tone mapping, since this ffmpeg lacks zscale; \
             install one built with libzimg",
        );
    }
    (!warnings.is_empty()).then_some(warnings)
}

fn thousandths(frames: u32, seconds: u32) -> f64 {
    (f64::from(frames) / f64::from(seconds) * 1000.0).round() / 1000.0
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let told = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(told.collect::<Map<_, _>>())
        }
        other => other,
    }
}
