//! ffprobe's description of a file, as far as it is used.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::display::{Curve, Display, Turn};

/// What `-show_program_version -show_format -show_streams -show_chapters` prints.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Described {
    pub(super) streams: Vec<Stream>,
    pub(super) format: Format,
    pub(super) chapters: Vec<Chapter>,
    pub(super) program_version: ProgramVersion,
}

/// What ffprobe says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProgramVersion {
    pub(super) version: String,
    pub(super) configuration: String,
}

/// The container.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Format {
    pub(super) format_name: String,
    pub(super) duration: Option<String>,
    pub(super) bit_rate: Option<String>,
    pub(super) tags: Map<String, Value>,
}

/// A chapter; times in seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chapter {
    pub(super) start_time: Option<String>,
    pub(super) end_time: Option<String>,
    pub(super) tags: Map<String, Value>,
}

/// One stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) index: u32,
    pub(super) codec_type: String,
    pub(super) codec_name: String,
    pub(super) profile: Option<Value>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pix_fmt: Option<String>,
    pub(super) field_order: Option<String>,
    pub(super) sample_aspect_ratio: Option<String>,
    pub(super) color_transfer: Option<String>,
    pub(super) color_primaries: Option<String>,
    pub(super) color_space: Option<String>,
    pub(super) color_range: Option<String>,
    pub(super) avg_frame_rate: Option<String>,
    pub(super) r_frame_rate: Option<String>,
    pub(super) time_base: String,
    pub(super) start_time: Option<String>,
    pub(super) channels: Option<u32>,
    pub(super) sample_rate: Option<String>,
    pub(super) disposition: Map<String, Value>,
    pub(super) tags: Map<String, Value>,
    pub(super) side_data_list: Vec<Map<String, Value>>,
}

impl Stream {
    /// Whether a disposition is set.
    pub(super) fn is(&self, disposition: &str) -> bool {
        self.disposition.get(disposition).and_then(Value::as_i64) == Some(1)
    }

    /// A video that moves: no cover art, no thumbnail track.
    fn is_footage(&self) -> bool {
        self.codec_type == "video" && !self.is("attached_pic") && !self.is("timed_thumbnails")
    }

    /// A tag, whatever the case of its name.
    pub(super) fn tag(&self, name: &str) -> Option<&str> {
        tag(&self.tags, name)
    }

    /// How its pictures are displayed.
    pub(super) fn display(&self) -> Display {
        let aspect = self.sample_aspect_ratio.as_deref().and_then(ratio);
        let known = |name: &Option<String>| {
            name.as_deref().is_some_and(|name| !matches!(name, "unknown" | "reserved"))
        };
        Display {
            stream: self.index,
            coded: (self.width, self.height),
            aspect: aspect.filter(|&(x, y)| x > 0 && y > 0).unwrap_or((1, 1)),
            turn: self.turn(),
            curve: Curve::from_transfer(self.color_transfer.as_deref()),
            matrix_known: known(&self.color_space),
            primaries_known: known(&self.color_primaries),
        }
    }

    /// The display matrix where there is one, else the `rotate` tag of older files.
    fn turn(&self) -> Turn {
        let matrix = self.side_data_list.iter().find_map(|data| data.get("displaymatrix"));
        if let Some(matrix) = matrix.and_then(Value::as_str).and_then(nine_numbers) {
            return Turn::from_matrix(matrix);
        }
        let degrees = self.tag("rotate").and_then(|degrees| degrees.trim().parse::<f64>().ok());
        degrees.filter(|degrees| degrees.is_finite()).map_or(Turn::Upright, Turn::from_degrees)
    }

    /// Frames a second as numerator and denominator, where the file tells.
    pub(super) fn rate(&self) -> Option<(u32, u32)> {
        let rates = [&self.avg_frame_rate, &self.r_frame_rate];
        let sane = |&(frames, seconds): &(u32, u32)| frames > 0 && seconds > 0;
        rates.into_iter().find_map(|rate| rate.as_deref().and_then(ratio).filter(sane))
    }
}

/// The video stream to read: the one marked as default, else the one with most pixels, else the
/// first.
pub(super) fn chosen(streams: &[Stream]) -> Option<&Stream> {
    let footage = streams.iter().filter(|stream| stream.is_footage());
    footage.min_by_key(|stream| {
        let pixels = u64::from(stream.width) * u64::from(stream.height);
        (!stream.is("default"), std::cmp::Reverse(pixels), stream.index)
    })
}

/// A tag, whatever the case of its name.
pub(super) fn tag<'a>(tags: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let found = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.and_then(|(_, value)| value.as_str())
}

/// `24000/1001` or `4:3`.
pub(super) fn ratio(text: &str) -> Option<(u32, u32)> {
    let (above, below) = text.split_once(['/', ':'])?;
    Some((above.parse().ok()?, below.parse().ok()?))
}

/// Seconds as ffprobe prints them.
pub(super) fn seconds(text: Option<&str>) -> Option<f64> {
    text?.parse::<f64>().ok().filter(|seconds| seconds.is_finite())
}

/// The rows of `00000000:  0  65536  0` that a display matrix is printed as.
fn nine_numbers(text: &str) -> Option<[i64; 9]> {
    let rows = text.lines().filter_map(|row| row.split_once(':'));
    let numbers = rows.flat_map(|(_, row)| row.split_whitespace());
    let numbers: Vec<i64> =
        numbers.map_while(|number| number.parse::<i32>().ok().map(i64::from)).collect();
    numbers.try_into().ok()
}
