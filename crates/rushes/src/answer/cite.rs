//! Stable references: `video@12.480-15.120#caption/81`.

use std::fmt;

use rushes_store::{Entry, EntryId, Kind, VideoId};
use serde::Serialize;

use super::{clock, words};
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::read::{Served, Watch};

/// A stable name for one entry. It resolves to that entry or says that it is gone.
///
/// Written as `VIDEO@START-END#KIND/ENTRY`: the video's id, both times in seconds with three
/// decimals, rounded down, negative ones with a sign of their own (`@-0.040--0.040`), the kind and
/// the entry's id. There is one way to write a reference, so two that differ name two entries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The video.
    pub video: VideoId,
    /// Start, milliseconds.
    pub start_ms: i64,
    /// End, milliseconds.
    pub end_ms: i64,
    /// The kind.
    pub kind: Kind,
    /// The entry.
    pub entry: EntryId,
}

impl Reference {
    /// The reference of an entry.
    pub fn of(entry: &Entry) -> Self {
        Self {
            video: entry.video.clone(),
            start_ms: clock::millis(entry.start),
            end_ms: clock::millis(entry.end),
            kind: entry.kind.clone(),
            entry: entry.id,
        }
    }

    /// Reads a reference as written; fails with [`ErrorKind::Invalid`] on anything else.
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text).filter(|reference| reference.to_string() == text).ok_or_else(|| {
            let shown: String = text.chars().take(120).collect();
            Error::invalid(format!(
                "{shown:?} is not a reference; one looks like \
                 1f3c5e7a9b2d4f60@12.480-15.120#caption/81"
            ))
        })
    }

    fn read(text: &str) -> Option<Self> {
        let (video, rest) = text.split_once('@')?;
        let (times, rest) = rest.split_once('#')?;
        let (kind, entry) = rest.split_once('/')?;
        // The dash between the times is the first one after a digit; others are signs.
        let dash = times.get(1..)?.find('-')? + 1;
        Some(Self {
            video: VideoId::parse(video).ok()?,
            start_ms: read_millis(times.get(..dash)?)?,
            end_ms: read_millis(times.get(dash + 1..)?)?,
            kind: Kind::new(kind).ok()?,
            entry: entry.parse().ok()?,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { video, start_ms, end_ms, kind, entry } = self;
        let (start, end) = (Decimal(*start_ms), Decimal(*end_ms));
        write!(out, "{video}@{start}-{end}#{kind}/{entry}")
    }
}

/// Milliseconds, shown as seconds with three decimals.
struct Decimal(i64);

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let millis = self.0.unsigned_abs();
        write!(out, "{sign}{}.{:03}", millis / 1000, millis % 1000)
    }
}

fn read_millis(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, decimals) = digits.split_once('.')?;
    if decimals.len() != 3 {
        return None;
    }
    let millis =
        i128::from(whole.parse::<u64>().ok()?) * 1000 + i128::from(decimals.parse::<u64>().ok()?);
    i64::try_from(sign * millis).ok()
}

/// What a reference stands for.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cited {
    /// The reference, as written.
    pub reference: String,
    /// The video's name.
    pub name: String,
    /// The entry.
    pub entry: Entry,
    /// What it says, as text.
    pub text: String,
    /// The time as people write it, `0:00:12.480`.
    pub time: String,
    /// Path of the frame on screen at the start, below the server's root.
    pub frame: String,
    /// Path of the clip.
    pub clip: String,
    /// Who answered.
    #[serde(skip_serializing_if = "Served::is_told_apart")]
    pub served: Served,
}

impl Rushes {
    /// What a reference stands for: exactly the entry it names, never a neighbour.
    ///
    /// Fails with [`ErrorKind::Invalid`] when the text is not a reference, [`ErrorKind::Gone`] when
    /// its entry was deleted or superseded (the id was given once, but no entry of that video,
    /// kind and time has it), and [`ErrorKind::NotFound`] when the id was never given.
    pub async fn cite(&self, reference: &str) -> Result<Cited> {
        let mut watch = Watch::start();
        let reference = Reference::parse(reference)?;
        let entry = watch.note(self.entry(&reference.video, reference.entry).await?);
        if Reference::of(&entry) != reference {
            return Err(Error::new(
                ErrorKind::Gone,
                format!("{reference} is gone: entry {} is now another one", reference.entry),
            ));
        }
        let video = watch.note(self.resolve(reference.video.as_str()).await?);
        Ok(Cited {
            name: video.name.clone(),
            text: words::of(&entry),
            time: clock::full(entry.start),
            frame: frame_path(&entry),
            clip: clip_path(&entry),
            reference: reference.to_string(),
            entry: Entry::clone(&entry),
            served: watch.served(&self.inner.meter),
        })
    }
}

/// Seconds as a query parameter: the shortest text that reads back as the same number. Requests
/// take no negative time: what began before 0 is shown from 0 on.
fn parameter(seconds: f64) -> f64 {
    seconds.max(0.0)
}

/// A frame is named itself: a time might lead to its neighbour.
fn frame_path(entry: &Entry) -> String {
    if entry.kind.as_str() == Kind::FRAME {
        return format!("/v1/videos/{}/frame?entry={}", entry.video, entry.id);
    }
    format!("/v1/videos/{}/frame?at={}", entry.video, parameter(entry.start))
}

/// An instant is shown within a second of its surroundings.
fn clip_path(entry: &Entry) -> String {
    let (from, to) = if entry.end - entry.start >= 0.1 {
        (entry.start, entry.end)
    } else {
        (entry.start - 0.5, entry.end + 0.5)
    };
    let (from, to) = (parameter(from), parameter(to));
    let to = to.min(from + super::clip::LONGEST).max(from + 0.5);
    format!("/v1/videos/{}/clip?from={from}&to={to}", entry.video)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::answer::words::tests::entry;

    #[test]
    fn a_reference_reads_as_it_was_shown() {
        let text = "0123456789abcdef@12.480-15.120#caption/81";
        let reference = Reference::of(&entry(81, "caption", 12.4805, 15.12, json!({})));
        assert_eq!(reference.to_string(), text);
        assert_eq!(Reference::parse(text).unwrap(), reference);
    }

    #[test]
    fn times_before_zero_are_read_without_doubt() {
        let reference = Reference::of(&entry(3, "frame", -0.04, -0.04, json!({})));
        assert_eq!(reference.to_string(), "0123456789abcdef@-0.040--0.040#frame/3");
        assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
    }

    #[test]
    fn only_the_one_way_of_writing_it_is_taken() {
        for text in [
            "",
            "@",
            "0123456789abcdef@12.480-15.120#caption/",
            "0123456789abcdef@12.48-15.120#caption/81",
            "0123456789abcdef@012.480-15.120#caption/81",
            "0123456789abcdef@+12.480-15.120#caption/81",
            "0123456789abcdef@-0.000-15.120#caption/81",
            "0123456789abcdef@12.480-15.120#captions/81",
            "0123456789abcdef@12.480-15.120#caption/+81",
            "0123456789abcdef@12.480-15.120#caption/081",
            "0123456789abcdef@12.480-15.120#caption/81 ",
            "0123456789abcdef@12.480-15.120#caption/99999999999999999999",
            "0123456789abcdef@99999999999999999.000-15.120#caption/81",
            "0123456789ABCDEF@12.480-15.120#caption/81",
            "lecture.mp4@12.480-15.120#caption/81",
            "0123456789abcdef@é-1.000#caption/81",
        ] {
            let error = Reference::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        }
    }

    #[test]
    fn the_paths_point_at_the_entrys_moment() {
        let caption = entry(1, "caption", 12.48, 15.12, json!({}));
        assert_eq!(frame_path(&caption), "/v1/videos/0123456789abcdef/frame?at=12.48");
        assert_eq!(clip_path(&caption), "/v1/videos/0123456789abcdef/clip?from=12.48&to=15.12");
        let frame = entry(7, "frame", -1.0, -1.0, json!({}));
        assert_eq!(frame_path(&frame), "/v1/videos/0123456789abcdef/frame?entry=7");
        assert_eq!(clip_path(&frame), "/v1/videos/0123456789abcdef/clip?from=0&to=0.5");
        let instant = entry(1, "object", 0.2, 0.2, json!({}));
        assert_eq!(clip_path(&instant), "/v1/videos/0123456789abcdef/clip?from=0&to=0.7");
    }

    proptest! {
        #[test]
        fn every_reference_is_read_back(
            start in any::<i64>(), end in any::<i64>(), id in any::<i64>(), kind in "[a-z][a-z0-9_.-]{0,20}"
        ) {
            let reference = Reference {
                video: VideoId::parse("0123456789abcdef").unwrap(),
                start_ms: start,
                end_ms: end,
                kind: Kind::new(&kind).unwrap(),
                entry: id,
            };
            prop_assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
        }

        #[test]
        fn hostile_text_is_refused_without_a_panic(text in "\\PC{0,60}") {
            let _ = Reference::parse(&text);
        }

        #[test]
        fn nearly_a_reference_is_refused_or_read_back(
            text in "[0-9a-f]{16}@-?[0-9]{0,3}\\.?[0-9]{0,4}-{0,2}[0-9.]{0,6}#[a-z]{0,5}/?-?[0-9]{0,20}"
        ) {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(reference.to_string(), text);
            }
        }
    }
}
