//! Which format a text is: by what it says, and by the file's name where that leaves a choice.

use std::io::{self, Read};

use serde_json::Value;

use super::lines::{Line, Lines, Text};
use super::mot::finite;
use super::options::Format;
use super::outline::{Outline, Piece};
use super::words::Word;

/// How much of a text is looked at, bytes (JSON is looked at up to its first array of interest).
const HEAD: u64 = 64 << 10;

/// How many lines that are not empty are looked at.
const LINES: usize = 8;

/// What was found.
#[derive(Debug, PartialEq)]
pub(super) enum Sniffed {
    /// It is this.
    Format(Format),
    /// It could be several things, or none: why.
    Unclear(&'static str),
}

use Sniffed::Unclear;

/// Looks at a text; `open` opens it from its start, `name` is its file's name.
pub(super) fn sniff(mut open: impl FnMut() -> io::Result<Text>, name: &str) -> io::Result<Sniffed> {
    let lines = head(open()?)?;
    let Some(first) = lines.first() else {
        return Ok(by_name(name, "it is empty"));
    };
    if first.starts_with("WEBVTT") {
        return Ok(Sniffed::Format(Format::Webvtt));
    }
    if first.starts_with('{') && is_line(first, lines.get(1..).unwrap_or_default(), name) {
        return Ok(Sniffed::Format(Format::Jsonl));
    }
    if first.starts_with(['{', '[']) {
        return Ok(json(Outline::new(open()?, &JSON_ARRAYS)));
    }
    if lines.iter().take(3).any(|line| line.contains("-->")) {
        let webvtt = extension(name) == "vtt";
        return Ok(Sniffed::Format(if webvtt { Format::Webvtt } else { Format::Srt }));
    }
    if let Some(found) = table(first) {
        return Ok(found);
    }
    if lines.iter().any(|line| is_object(line)) {
        return Ok(Sniffed::Format(Format::Jsonl));
    }
    Ok(by_name(name, "it looks like none of the known formats"))
}

/// The first lines that are not empty, trimmed.
fn head(text: Text) -> io::Result<Vec<String>> {
    let mut lines = Lines::new(Box::new(io::BufReader::new(text.take(HEAD))));
    let mut found = Vec::new();
    while let Some(Line { bytes, .. }) = lines.next()? {
        let line = String::from_utf8_lossy(bytes.unwrap_or_default()).trim().to_owned();
        if !line.is_empty() {
            found.push(line);
        }
        if found.len() == LINES {
            break;
        }
    }
    Ok(found)
}

const JSON_ARRAYS: [&str; 4] = ["entries", "segments", "annotations", "images"];

/// The members that give a record of our own its place in time.
const PLACES: [&str; 3] = ["start", "timestamp", "frame"];

/// Whether the first line is a record of its own: more of them follow, or it has a place in time.
/// A line that is broken counts too, when those after it are whole; one that is only cut off may
/// be the beginning of a text of many lines, in which few lines are whole.
fn is_line(line: &str, following: &[String], name: &str) -> bool {
    if ["jsonl", "ndjson"].contains(&extension(name).as_str()) {
        return true;
    }
    let whole = |count: usize| {
        let mut next = following.iter().take(count);
        !following.is_empty() && next.all(|line| is_object(line))
    };
    match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(record)) => match following.first() {
            Some(next) => next.starts_with('{'),
            None => PLACES.iter().any(|place| record.contains_key(*place)),
        },
        Ok(_) => false,
        Err(error) if error.is_eof() => whole(2),
        Err(_) => whole(1),
    }
}

fn is_object(line: &str) -> bool {
    line.starts_with('{') && serde_json::from_str::<Value>(line).is_ok()
}

/// Looks through JSON until something tells.
fn json(outline: Outline) -> Sniffed {
    let (mut words, mut placed) = (false, false);
    for piece in outline {
        match piece {
            Ok(Piece::Array("segments")) => return Sniffed::Format(Format::Whisper),
            Ok(Piece::Array("annotations" | "images")) => return Sniffed::Format(Format::Coco),
            Ok(Piece::Element("", cut)) => return listed(&cut.bytes.unwrap_or_default()),
            Ok(Piece::Member(name, cut)) => {
                placed |= PLACES.contains(&name.as_str());
                words |= name == "words" && cut.bytes.is_none_or(|bytes| bytes.starts_with(b"["));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    // Words alone, a record of ours, or broken: then our own reader says it best.
    Sniffed::Format(if words && !placed { Format::Whisper } else { Format::Json })
}

/// The first element of an outermost array.
fn listed(element: &[u8]) -> Sniffed {
    if element.starts_with(b"[") && Word::listed(element).is_some() {
        return Sniffed::Format(Format::Whisper);
    }
    let element: Value = serde_json::from_slice(element).unwrap_or_default();
    let has = |names: &[&str]| names.iter().any(|name| element.get(*name).is_some());
    if has(&["image_id"]) {
        return Sniffed::Format(Format::Coco);
    }
    if has(&["start"]) && !has(&["kind", "data"]) && has(&["words", "tokens", "no_speech_prob"]) {
        return Sniffed::Format(Format::Whisper);
    }
    Sniffed::Format(Format::Json)
}

/// Rows of numbers.
fn table(row: &str) -> Option<Sniffed> {
    let cells: Vec<&str> = row.split(',').map(str::trim).collect();
    if cells.len() >= 6 {
        return cells
            .iter()
            .all(|cell| finite(cell).is_some())
            .then_some(Sniffed::Format(Format::Mot));
    }
    let cells: Vec<&str> = row.split_whitespace().collect();
    let numbers = cells.iter().take_while(|cell| finite(cell).is_some()).count();
    let labelled = cells.get(numbers).is_some_and(|cell| cell.starts_with('"'));
    match (numbers, cells.len()) {
        (9, _) if labelled => Some(Sniffed::Format(Format::Mot)),
        (5..=7, all) if all == numbers => Some(Sniffed::Format(Format::Yolo)),
        _ => None,
    }
}

fn extension(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

fn by_name(name: &str, why: &'static str) -> Sniffed {
    match extension(name).as_str() {
        "srt" => Sniffed::Format(Format::Srt),
        "vtt" => Sniffed::Format(Format::Webvtt),
        "jsonl" | "ndjson" => Sniffed::Format(Format::Jsonl),
        "json" => Sniffed::Format(Format::Json),
        _ => Unclear(why),
    }
}
