//! Cues: what SubRip and WebVTT share. A block of lines, a line of times, a payload.

use std::collections::VecDeque;

use rushes_store::Kind;
use serde_json::{Map, Value};

use super::context::Context;
use super::fault::{Fault, Parsed, TOO_LARGE};
use super::lines::{LARGEST, Line, Lines, Text};
use super::markup::{self, Plain};

/// What the two formats do differently.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    /// Reads a time at the start of some text; says also what follows it.
    pub(super) time: fn(&str) -> Option<(f64, &str)>,
    /// An example of a line of times, for errors.
    pub(super) example: &'static str,
    /// Whether an unknown tag is markup too (WebVTT), or text (SubRip).
    pub(super) all_tags: bool,
    /// Whether a line of blanks ends a block (SubRip), or only an empty one (WebVTT).
    pub(super) blanks_end: bool,
    /// Which blocks hold no cue.
    pub(super) aside: fn(&[Numbered]) -> bool,
}

/// One cue.
#[derive(Debug, PartialEq)]
pub(super) struct Cue {
    /// The line of its times.
    pub(super) line: u64,
    /// Start in the file's seconds.
    pub(super) start: f64,
    /// End.
    pub(super) end: f64,
    /// Its name, unless a mere number.
    pub(super) name: Option<String>,
    /// What it says.
    pub(super) payload: Payload,
}

/// What a cue says.
#[derive(Debug, PartialEq)]
pub(super) enum Payload {
    /// Words.
    Words(Plain),
    /// A JSON object.
    Data(Map<String, Value>),
}

impl Cue {
    /// The entry that the cue stands for: a transcript, or metadata when it is JSON.
    pub(super) fn entry(self, context: &Context) -> Parsed {
        let line = self.line;
        let made = || -> Result<_, String> {
            let span = context.span(self.start, self.end)?;
            let (usual, mut data) = match self.payload {
                Payload::Data(data) => (Kind::METADATA, data),
                Payload::Words(words) => (Kind::TRANSCRIPT, spoken(words)?),
            };
            if let Some(name) = self.name {
                data.entry("cue").or_insert(Value::String(name));
            }
            context.entry(context.kind_or(usual)?, span, data)
        };
        made().map_err(|why| Fault::line(line, why))
    }
}

fn spoken(words: Plain) -> Result<Map<String, Value>, String> {
    if words.lines.is_empty() {
        return Err("a cue without text".to_owned());
    }
    let mut data = Map::new();
    data.insert("text".to_owned(), words.lines.join("\n").into());
    if let Some(speaker) = words.speaker {
        data.insert("speaker".to_owned(), speaker.into());
    }
    Ok(data)
}

/// As many lines as one text may well have; more are no text of a cue.
const LONGEST_PASSAGE: usize = 200;

/// A line and its number.
pub(super) type Numbered = (u64, Vec<u8>);

/// Lines without an empty one between them.
pub(super) type Block = Vec<Numbered>;

/// Reads the blocks of a text and makes cues of them.
pub(super) struct Cues {
    lines: Lines,
    dialect: Dialect,
    /// The block after the one that is being read, if it was looked at.
    ahead: Option<Block>,
    ready: VecDeque<Result<Cue, Fault>>,
}

impl Cues {
    pub(super) fn new(text: Text, dialect: Dialect) -> Self {
        Self { lines: Lines::new(text), dialect, ahead: None, ready: VecDeque::new() }
    }

    /// The next block; `None` at the end.
    pub(super) fn block(&mut self) -> Result<Option<Block>, Fault> {
        let mut block = Block::new();
        let mut size = 0;
        while let Some(Line { number, bytes }) = self.lines.next().map_err(Fault::io)? {
            let first = block.first().map_or(number, |(number, _)| *number);
            let bytes = bytes.ok_or_else(|| Fault::line(number, TOO_LARGE))?;
            let blank = bytes.trim_ascii().is_empty();
            if blank && block.is_empty() {
                continue;
            }
            if blank && (self.dialect.blanks_end || bytes.is_empty()) {
                break;
            }
            // A line costs more than its bytes.
            size += bytes.len() + 64;
            if size > LARGEST {
                return Err(Fault::line(first, TOO_LARGE));
            }
            block.push((number, bytes.to_vec()));
        }
        Ok(Some(block).filter(|block| !block.is_empty()))
    }

    /// The next block together with those after it that continue its last cue: SubRip cannot say
    /// that an empty line belongs to a text, and has them all the same.
    fn passage(&mut self) -> Result<Option<Block>, Fault> {
        let begun = self.ahead.take().map_or_else(|| self.block(), |block| Ok(Some(block)))?;
        let Some(mut passage) = begun else { return Ok(None) };
        while self.dialect.blanks_end && passage.len() < LONGEST_PASSAGE {
            match self.block()? {
                Some(more) if continues(&passage, &more) => passage.extend(more),
                next => {
                    self.ahead = next;
                    break;
                }
            }
        }
        Ok(Some(passage))
    }

    /// Makes cues of a block: one for each line of times in it.
    pub(super) fn take(&mut self, block: &[Numbered]) {
        let timed: Vec<usize> = (0..block.len()).filter(|&at| is_timed(block, at)).collect();
        if timed.first().is_none_or(|&first| first > 1) {
            let line = block.first().map_or(0, |(number, _)| *number);
            let why = format!("expected times, as {}", self.dialect.example);
            self.ready.push_back(Err(Fault::line(line, why)));
        }
        for (nth, &at) in timed.iter().enumerate() {
            let next = timed.get(nth + 1).copied();
            let end = next.map_or(block.len(), |next| next - usize::from(is_numbered(block, next)));
            let payload = block.get(at + 1..end).unwrap_or_default();
            let cue = self.cue(name_at(block, at, nth == 0), block.get(at), payload);
            self.ready.push_back(cue);
        }
    }

    fn cue(
        &self,
        name: Option<String>,
        times: Option<&Numbered>,
        payload: &[Numbered],
    ) -> Result<Cue, Fault> {
        let Some((line, times)) = times else { return Err(Fault::line(0, "no times")) };
        let (start, end) =
            self.times(utf8(*line, times)?).map_err(|why| Fault::line(*line, why))?;
        let mut text = String::new();
        for (number, bytes) in payload {
            text.push_str(utf8(*number, bytes)?);
            text.push('\n');
        }
        let payload = match json(&text) {
            Some(data) => Payload::Data(data),
            None => Payload::Words(markup::plain(&text, self.dialect.all_tags)),
        };
        Ok(Cue { line: *line, start, end, name, payload })
    }

    fn times(&self, line: &str) -> Result<(f64, f64), String> {
        let read = || {
            let (start, rest) = (self.dialect.time)(line.trim_start())?;
            let rest = rest.trim_start().strip_prefix("-->")?;
            let (end, _settings) = (self.dialect.time)(rest.trim_start())?;
            Some((start, end))
        };
        let (start, end) =
            read().ok_or_else(|| format!("expected times, as {}", self.dialect.example))?;
        if end < start {
            return Err(format!("the end of the cue, {end} s, is before its start, {start} s"));
        }
        Ok((start, end))
    }
}

impl Iterator for Cues {
    type Item = Result<Cue, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(cue) = self.ready.pop_front() {
                return Some(cue);
            }
            match self.passage() {
                Ok(Some(block)) if (self.dialect.aside)(&block) => {}
                Ok(Some(block)) => self.take(&block),
                Ok(None) => return None,
                Err(fault) => return Some(Err(fault)),
            }
        }
    }
}

/// Whether a block without times goes on with the text of the one before, which has some: it does
/// not begin with a number, as cues do.
fn continues(before: &Block, block: &Block) -> bool {
    let timed = |block: &Block| (0..block.len()).any(|at| is_timed(block, at));
    !timed(block) && !is_numbered(block, 1) && timed(before)
}

fn is_timed(block: &[Numbered], at: usize) -> bool {
    block.get(at).is_some_and(|(_, line)| line.windows(3).any(|three| three == b"-->"))
}

/// Whether the line before the times at `at` is a cue's number.
fn is_numbered(block: &[Numbered], at: usize) -> bool {
    let line = at.checked_sub(1).and_then(|before| block.get(before));
    line.is_some_and(|(_, line)| line.trim_ascii().iter().all(u8::is_ascii_digit))
}

/// The name before the times at `at`: only the first cue of a block can have one.
fn name_at(block: &[Numbered], at: usize, first: bool) -> Option<String> {
    if !first || is_numbered(block, at) {
        return None;
    }
    let (_, line) = block.get(at.checked_sub(1)?)?;
    let name = std::str::from_utf8(line).ok()?.trim();
    Some(name.to_owned())
}

fn utf8(line: u64, bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| {
        Fault::line(line, "not UTF-8; say which encoding it is (--encoding windows-1252)")
    })
}

fn json(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim();
    if !text.starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}
