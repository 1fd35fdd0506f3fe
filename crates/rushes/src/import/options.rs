//! What can be asked of an import, and what it tells.

use serde::{Deserialize, Serialize};

/// A file format. Found by looking at the file unless given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Our own: an array, or an object with `entries`, of `{"start", "end", "kind", ...}`.
    Json,
    /// Our own, one object a line.
    Jsonl,
    /// SubRip.
    Srt,
    /// WebVTT.
    Webvtt,
    /// Whisper, whisper-timestamped, WhisperX, the hosted `verbose_json`.
    Whisper,
    /// COCO results: detections, keypoints or captions.
    Coco,
    /// YOLO label files, one a frame.
    Yolo,
    /// MOT challenge.
    Mot,
}

/// How a file is imported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportOptions {
    /// The kind of the entries; needed where the records do not say it themselves.
    pub kind: Option<String>,
    /// The format; sniffed when not given.
    pub format: Option<Format>,
    /// What is imported is called this in error messages; its source, or the file's own name, when
    /// empty.
    pub origin: String,
    /// The name of what is imported, kept with the entries as the parameter `source`: importing
    /// under the same name and by the same maker again takes the place of what that gave before.
    /// For a file or folder its own name, when not given.
    pub source: Option<String>,
    /// What made them. Empty parts are filled from the file where it says so.
    pub tool: String,
    /// The tool's version.
    pub version: String,
    /// The model.
    pub model: String,
    /// Its parameters.
    pub params: serde_json::Value,
    /// Any bad record aborts and nothing is written; otherwise bad records are skipped.
    pub strict: bool,
    /// Keep what an earlier import of the same source gave, too.
    pub add: bool,
    /// Remove all other entries of the same kinds, whoever made them.
    pub replace: bool,
    /// Times count from the start of the first audio stream: add its start.
    pub audio_time: bool,
    /// Frames a second for formats that count frames, when the video's own timing is not to be
    /// used. Times found this way are flagged as estimated.
    pub fps: Option<f64>,
    /// The number that the file gives the video's first frame. Not given, each format has its
    /// own: 1 for MOT and YOLO (0 if a label file is numbered so), 0 for all others.
    pub first_frame: Option<u64>,
    /// The text's encoding, by its name on the web (`windows-1252`); UTF-8 unless given. A
    /// byte-order mark is believed before either.
    pub encoding: Option<String>,
    /// A JSON Schema that each record's data must satisfy.
    pub schema: Option<serde_json::Value>,
}

/// A record that was passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Rejected {
    /// The line that it begins on, from 1; for words without segments, whose sentences are found
    /// only when all are read, `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Which element of its JSON array it is (or which sentence), from 1; `None` in formats of
    /// lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// What was expected there.
    pub why: String,
}

impl std::fmt::Display for Rejected {
    /// As `line 7: why` or `record 3 (line 1): why`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.record, self.line) {
            (Some(record), Some(line)) => write!(out, "record {record} (line {line}): ")?,
            (Some(record), None) => write!(out, "record {record}: ")?,
            (None, Some(line)) => write!(out, "line {line}: ")?,
            (None, None) => {}
        }
        out.write_str(&self.why)
    }
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Imported {
    /// The video's id.
    pub video: String,
    /// Entries that are new, by kind.
    pub added: std::collections::BTreeMap<String, u64>,
    /// Entries that were there already.
    pub unchanged: u64,
    /// Entries that are gone: those that an earlier import of the same source gave and this one
    /// does not (unless `add`), and with `replace` all others of the same kinds.
    pub removed: u64,
    /// Records that were passed over.
    pub rejected: u64,
    /// The first ten of them.
    pub rejections: Vec<Rejected>,
    /// The write token, for reads on other nodes.
    pub token: String,
}
