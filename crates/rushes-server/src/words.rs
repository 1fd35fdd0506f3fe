//! Times, choices and lists as people and programs write them in flags and queries.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use rushes::answer::Width;
use rushes::ingest::Sampling;
use rushes::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// A time in seconds, written as seconds (`12.5`) or as a clock shows it (`0:12.5`, `1:02:03`).
///
/// Which seconds make sense is the engine's to say: a sign and `NaN` pass through to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seconds(pub(crate) f64);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("{text:?} is not a time: write seconds, M:SS or H:MM:SS.mmm");
        let parts: Vec<&str> = text.split(':').collect();
        let (last, clock) = parts.split_last().ok_or_else(wrong)?;
        if clock.len() > 2 {
            return Err(wrong());
        }
        let seconds: f64 = last.parse().map_err(|_| wrong())?;
        if !clock.is_empty() && !(0.0..60.0).contains(&seconds) {
            return Err(wrong());
        }
        let mut before = 0.0;
        for part in clock {
            let part: u32 = part.parse().map_err(|_| wrong())?;
            before = before * 60.0 + f64::from(part);
        }
        Ok(Self(before * 60.0 + seconds))
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(input: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Seconds of an optional time.
pub(crate) fn seconds(time: Option<Seconds>) -> Option<f64> {
    time.map(|time| time.0)
}

/// A length of time in seconds: `500ms`, `1s`, `2m`, `1h` or plain seconds, `2.5`.
pub(crate) fn step(text: &str) -> std::result::Result<f64, String> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let scale = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    match number.trim().parse::<f64>() {
        Ok(number) if scale.is_finite() => Ok(number * scale),
        _ => Err(format!("{text:?} is not a length of time: write 500ms, 1s, 2m, 1h or seconds")),
    }
}

/// A time as a clock shows it, `H:MM:SS.mmm`, rounded down so that it never names a later frame.
pub(crate) fn clock(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    // The half microsecond undoes what binary fractions take from a decimal millisecond.
    let ms = (seconds.abs() * 1000.0 + 0.0005).floor() as u64;
    let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{sign}{h}:{m:02}:{s:02}.{:03}", ms % 1000)
}

/// The moment of a frame, as [`clock`] but rounded up: at this time it is on screen, and the one
/// before no more.
pub(crate) fn moment(seconds: f64) -> String {
    clock((seconds * 1000.0 - 0.0005).ceil() / 1000.0)
}

/// When something begins: the moment of an instant, the start of a span.
pub(crate) fn begins(start: f64, end: f64) -> String {
    if end > start { clock(start) } else { moment(start) }
}

/// When something ends, as [`begins`].
pub(crate) fn ends(start: f64, end: f64) -> String {
    if end > start { clock(end) } else { moment(start) }
}

/// What a file's ending asks for: `.jpg`, `.gif`. Nothing, when it says nothing that we make.
pub(crate) fn by_ending<T: DeserializeOwned>(file: Option<&Path>) -> Option<T> {
    let ending = file?.extension()?.to_str()?.to_lowercase();
    choice(if ending == "jpg" { "jpeg" } else { &ending }).ok()
}

/// The format that was named, else what the file's ending asks for. An ending that means a format
/// which we do not make is refused: the file would not be what its name says.
pub(crate) fn format<T: DeserializeOwned>(
    named: Option<T>,
    file: Option<&Path>,
) -> Result<Option<T>> {
    if named.is_some() {
        return Ok(named);
    }
    let ending = file.and_then(Path::extension).and_then(|ending| ending.to_str());
    let Some(ending) = ending.map(str::to_lowercase) else { return Ok(None) };
    let name = if ending == "jpg" { "jpeg" } else { &ending };
    choice(name)
        .map(Some)
        .map_err(|why| Error::invalid(format!(".{ending} is no format that can be written: {why}")))
}

/// One of the words that a choice of the engine is written with.
pub(crate) fn choice<T: DeserializeOwned>(text: &str) -> std::result::Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| error.to_string())
}

/// A width: `overview`, `detail`, `full` or pixels.
pub(crate) fn width(text: &str) -> std::result::Result<Width, String> {
    match text {
        "overview" => Ok(Width::Overview),
        "detail" => Ok(Width::Detail),
        "full" => Ok(Width::Full),
        pixels => pixels.parse().map(Width::Pixels).map_err(|_| {
            format!("{text:?} is not a width: write overview, detail, full or pixels")
        }),
    }
}

/// The parts of a list written with commas; none of an empty one.
pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Which frames to take, as typed: at most one way may be chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ways {
    /// A frame each so many seconds.
    pub(crate) every: Option<f64>,
    /// So many frames, evenly spaced.
    pub(crate) frames: Option<u32>,
    /// The keyframes.
    pub(crate) keyframes: bool,
    /// The frames that differ by so much from the one before.
    pub(crate) scene: Option<f64>,
    /// The frames at these seconds.
    pub(crate) at: Vec<f64>,
}

impl Ways {
    /// The way that was chosen, if any.
    pub(crate) fn sampling(self) -> Result<Option<Sampling>> {
        let at = (!self.at.is_empty()).then_some(Sampling::At(self.at));
        let ways = [
            self.every.map(Sampling::Every),
            self.frames.map(Sampling::Frames),
            self.keyframes.then_some(Sampling::Keyframes),
            self.scene.map(Sampling::Scene),
            at,
        ];
        let mut chosen = ways.into_iter().flatten();
        match (chosen.next(), chosen.next()) {
            (way, None) => Ok(way),
            _ => Err(Error::invalid("choose one of every, frames, keyframes, scene and at")),
        }
    }
}

/// A number of bytes for people.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "KB", "MB", "GB", "TB"];
        let mut amount = self.0 as f64;
        let mut unit = 0;
        while amount >= 1000.0 && unit + 1 < units.len() {
            amount /= 1000.0;
            unit += 1;
        }
        match unit {
            0 => write!(out, "{} B", self.0),
            _ => write!(out, "{amount:.1} {}", units[unit]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<f64> {
        text.parse::<Seconds>().ok().map(|time| time.0)
    }

    #[test]
    fn times_are_read_as_seconds_or_clock() {
        assert_eq!(parsed("12.5"), Some(12.5));
        assert_eq!(parsed("1:02"), Some(62.0));
        assert_eq!(parsed("1:02:03.5"), Some(3723.5));
        assert_eq!(parsed("-3"), Some(-3.0));
        assert!(parsed("NaN").is_some_and(f64::is_nan));
        for wrong in ["", "a", "1:", ":1", "1:75", "1:2:3:4", "1:-2", "1:NaN"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_shown_time_rounds_down_and_keeps_hours() {
        assert_eq!(clock(0.0), "0:00:00.000");
        assert_eq!(clock(12.48), "0:00:12.480");
        assert_eq!(clock(59.9999), "0:00:59.999");
        assert_eq!(clock(93_600.5), "26:00:00.500");
        assert_eq!(clock(-7.6), "-0:00:07.600");
        assert_eq!(moment(10.0 / 30.0), "0:00:00.334");
        assert_eq!(
            (moment(2.0), begins(2.0006, 3.0)),
            ("0:00:02.000".into(), "0:00:02.000".into())
        );
    }

    #[test]
    fn steps_have_units() {
        assert_eq!(step("500ms"), Ok(0.5));
        assert_eq!(step("1s"), Ok(1.0));
        assert_eq!(step("2.5"), Ok(2.5));
        assert_eq!(step("2m"), Ok(120.0));
        assert_eq!(step("1h"), Ok(3600.0));
        assert!(step("1d").is_err() && step("ms").is_err() && step("").is_err());
    }

    #[test]
    fn only_one_way_of_sampling_may_be_chosen() {
        assert_eq!(Ways::default().sampling().unwrap(), None);
        let every = Ways { every: Some(2.0), ..Ways::default() };
        assert_eq!(every.clone().sampling().unwrap(), Some(Sampling::Every(2.0)));
        assert!(Ways { keyframes: true, ..every }.sampling().is_err());
    }

    #[test]
    fn a_files_ending_says_its_format() {
        use rushes::answer::ImageFormat;
        let asked = |name: &str| by_ending::<ImageFormat>(Some(Path::new(name)));
        assert_eq!(asked("a.jpg"), Some(ImageFormat::Jpeg));
        assert_eq!(asked("a.b/c.WEBP"), Some(ImageFormat::Webp));
        assert_eq!((asked("picture"), asked("a.tiff")), (None, None));
    }

    #[test]
    fn sizes_are_rounded_for_people() {
        assert_eq!(Bytes(999).to_string(), "999 B");
        assert_eq!(Bytes(3_291_918).to_string(), "3.3 MB");
    }
}
