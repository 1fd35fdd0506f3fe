//! The records of the library: videos, timeline entries, recipes, messages and their identifiers.
//!
//! Times are seconds of media time, as the container's presentation timestamps give them (they
//! need not begin at zero). They are finite: [`Window`] and [`NewEntry::check`] refuse the rest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Names a video: the leading 16 hexadecimal digits of the BLAKE3 hash of its bytes (longer only
/// if two videos should ever share them).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct VideoId(String);

impl VideoId {
    /// How many digits an id has, unless two videos collide.
    pub const LEN: usize = 16;

    /// Reads an id as written: 16 to 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && (Self::LEN..=64).contains(&text.len()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid("a video id is 16 or more hexadecimal digits"))
    }

    /// The id of the video with this content hash.
    pub fn of(hash: &BlobHash) -> Self {
        Self(hash.to_string()[..Self::LEN].to_owned())
    }

    /// The id as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The BLAKE3 hash of some bytes; written as 64 hexadecimal digits. Names blobs and video content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct BlobHash(pub [u8; 32]);

impl BlobHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| Error::invalid("a blob is named by 64 hexadecimal digits"))
    }
}

/// What sort of thing an entry says: `frame`, `caption`, `transcript`, `object`, `metadata`, or
/// any other name of 1 to 64 lower-case letters, digits, `_`, `-` and `.`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct Kind(String);

impl Kind {
    /// A picture taken from the video.
    pub const FRAME: &'static str = "frame";
    /// What a model saw.
    pub const CAPTION: &'static str = "caption";
    /// What was said.
    pub const TRANSCRIPT: &'static str = "transcript";
    /// One detected object.
    pub const OBJECT: &'static str = "object";
    /// Facts about the video as a whole or a part of it.
    pub const METADATA: &'static str = "metadata";

    /// Checks the name of a kind. The plural of a built-in kind (`frames`) means the kind.
    pub fn new(name: &str) -> Result<Self> {
        let name = match name {
            "frames" => Self::FRAME,
            "captions" => Self::CAPTION,
            "transcripts" => Self::TRANSCRIPT,
            "objects" => Self::OBJECT,
            other => other,
        };
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if begins && name.len() <= 64 && name.bytes().all(letters) {
            return Ok(Self(name.to_owned()));
        }
        Err(Error::invalid(format!(
            "a kind is 1 to 64 of a-z 0-9 _ - . beginning with a letter, not {name:?}"
        )))
    }

    /// The built-in kind of pictures.
    pub fn frame() -> Self {
        Self(Self::FRAME.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_id {
    ($type:ty, $parse:path, $show:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                let show: fn(&$type, &mut fmt::Formatter<'_>) -> fmt::Result = $show;
                show(self, out)
            }
        }
        impl FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                $parse(text)
            }
        }
        impl TryFrom<String> for $type {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                $parse(&text)
            }
        }
        impl From<$type> for String {
            fn from(id: $type) -> String {
                id.to_string()
            }
        }
    };
}

text_id!(VideoId, VideoId::parse, |id, out| out.write_str(&id.0));
text_id!(Kind, Kind::new, |kind, out| out.write_str(&kind.0));
text_id!(BlobHash, BlobHash::parse, |hash, out| out
    .write_str(&blake3::Hash::from_bytes(hash.0).to_hex()));

impl fmt::Debug for BlobHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Names an entry for ever: ids are never given twice, so a gone one never means a neighbour.
pub type EntryId = i64;

/// A span of media time in seconds: from included, to not. An instant (start = end) lies in the
/// window when `from <= start < to`; a longer entry when it overlaps it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// First second, included.
    pub from: f64,
    /// Last second, excluded.
    pub to: f64,
}

impl Window {
    /// All of a video's time.
    pub const ALL: Self = Self { from: f64::MIN, to: f64::MAX };

    /// Checks a window as a caller gave it: finite, not negative, `from <= to`.
    pub fn new(from: Option<f64>, to: Option<f64>) -> Result<Self> {
        for (name, value) in [("from", from), ("to", to)] {
            if value.is_some_and(|t| !t.is_finite() || t < 0.0) {
                return Err(Error::invalid(format!("{name} must be 0 or more seconds")));
            }
        }
        let window = Self { from: from.unwrap_or(f64::MIN), to: to.unwrap_or(f64::MAX) };
        if window.from > window.to {
            return Err(Error::invalid("from must not be after to"));
        }
        Ok(window)
    }

    /// Whether an entry of this span belongs to the window.
    pub fn holds(&self, start: f64, end: f64) -> bool {
        start < self.to && (start >= self.from || end > self.from)
    }
}

/// One media file that the library knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Video {
    /// Its id.
    pub id: VideoId,
    /// The hash of its bytes.
    pub hash: BlobHash,
    /// The file name, or the name that its owner gave.
    pub name: String,
    /// Absolute path of the file as it was ingested; `None` when the library holds the bytes.
    pub path: Option<String>,
    /// The file's bytes in the library, if they were put there (standard input, upload).
    pub media: Option<BlobHash>,
    /// Size of the file in bytes.
    pub size: u64,
    /// First presentation timestamp, seconds.
    pub start: f64,
    /// From the first to the end of the last frame, seconds.
    pub duration: f64,
    /// What the probe found: `width`, `height` (as displayed), `codec`, `fps`, `rotation`,
    /// `audio`, ... as a JSON object.
    pub probe: serde_json::Value,
    /// A small picture.
    pub thumbnail: Option<BlobHash>,
    /// The timing index: a blob that lists each frame's timestamp.
    pub timing: Option<BlobHash>,
    /// When it was added, seconds since 1970.
    pub added: f64,
}

/// What made an entry. Two recipes are the same when all four parts are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Recipe {
    /// The program, as `rushes` or `whisperx`; empty when unknown.
    pub tool: String,
    /// Its version; empty when unknown.
    pub version: String,
    /// The model and its version; empty when none or unknown.
    pub model: String,
    /// Parameters as canonical JSON (keys in order).
    pub params: serde_json::Value,
}

/// One thing known about a video at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// The video.
    pub video: VideoId,
    /// What sort of thing.
    pub kind: Kind,
    /// Start, seconds of media time.
    pub start: f64,
    /// End, seconds; equal to `start` for an instant.
    pub end: f64,
    /// Whether the times were estimated rather than read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// The JSON object as stored, key order kept.
    pub data: serde_json::Value,
    /// Its picture, for frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<BlobHash>,
    /// What made it.
    pub recipe: Recipe,
}

/// An entry to be written; the run it is written in gives its video and recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    /// What sort of thing.
    pub kind: Kind,
    /// Start, seconds of media time.
    pub start: f64,
    /// End, seconds; not before `start`.
    pub end: f64,
    /// Whether the times were estimated.
    pub estimated: bool,
    /// A JSON object.
    pub data: serde_json::Value,
    /// What search finds it by; `None` for kinds without words.
    pub text: Option<String>,
    /// The class of a detected object, for search by class.
    pub label: Option<String>,
    /// Its picture.
    pub blob: Option<BlobHash>,
}

impl NewEntry {
    /// Refuses times that no store could order.
    pub fn check(&self) -> Result<()> {
        if !self.start.is_finite() || !self.end.is_finite() {
            return Err(Error::invalid("times must be finite seconds"));
        }
        if self.end < self.start {
            return Err(Error::invalid("end is before start"));
        }
        Ok(())
    }
}

/// What is known of one kind of one video. Exists as soon as a run of that kind was finished, with
/// no entries too: that is how "none found" differs from "never computed".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Timeline {
    /// What sort of entries.
    pub kind: Kind,
    /// How many.
    pub count: u64,
    /// What made them, newest first.
    pub recipes: Vec<Recipe>,
}

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person who asks.
    User,
    /// The agent that answers.
    Assistant,
    /// Instructions.
    System,
    /// What a tool returned.
    Tool,
}

impl Role {
    const ALL: [(Self, &str); 4] = [
        (Self::User, "user"),
        (Self::Assistant, "assistant"),
        (Self::System, "system"),
        (Self::Tool, "tool"),
    ];

    /// The role that is written so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, text)| *text == name).map(|(role, _)| *role)
    }

    /// How it is written.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("user", |(_, text)| text)
    }
}

/// One message of the conversation about a video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Message {
    /// Its id; later messages have greater ones.
    pub id: i64,
    /// The video.
    pub video: VideoId,
    /// Who spoke.
    pub role: Role,
    /// What was said; not empty.
    pub content: String,
    /// When, seconds since 1970.
    pub at: f64,
}
