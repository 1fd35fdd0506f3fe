//! Transcripts as the Whisper family writes them: openai-whisper, whisper-timestamped,
//! faster-whisper and WhisperX, the hosted `verbose_json`, and bare lists of `[word, start, end]`.
//! They differ in what they call a word and its score, and in whether words stand with their
//! segment or apart.

use std::collections::VecDeque;
use std::sync::Arc;

use rushes_store::Kind;
use serde_json::{Map, Value};

use super::context::Context;
use super::fault::{Entries, Fault, Parsed, TOO_LARGE, json_fault};
use super::lines::Text;
use super::outline::{Cut, Outline, Piece};
use super::words::{self, Word};

/// What a file says beside its segments. Some tools write it after them, so it takes a pass of
/// its own.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The language that was spoken or set.
    pub(super) language: Option<String>,
    /// The model, where the file names it.
    pub(super) model: Option<String>,
    /// Words that stand apart from the segments.
    words: VecDeque<Word>,
    /// Whether there are segments.
    segmented: bool,
}

/// What of a segment is of no use to a reader: the model's own tokens, places in its buffers, and
/// times of single letters.
const DROPPED: [&str; 4] = ["id", "seek", "tokens", "chars"];

/// Reads what a file says beside its segments.
pub(super) fn facts(text: Text) -> Result<Facts, Fault> {
    let mut facts = Facts::default();
    for piece in Outline::new(text, &["segments"]) {
        match piece? {
            Piece::Array(_) => facts.segmented = true,
            Piece::Element(_, cut) => facts.element(&cut),
            Piece::Member(name, cut) => facts.take(&name, &cut),
        }
    }
    Ok(facts)
}

impl Facts {
    /// A segment, or in a bare list of words one of those.
    fn element(&mut self, cut: &Cut) {
        let bytes = cut.bytes.as_deref().unwrap_or_default();
        match bytes.starts_with(b"[").then(|| Word::listed(bytes)).flatten() {
            Some(word) => self.words.push_back(word),
            None => self.segmented = true,
        }
    }

    fn take(&mut self, name: &str, cut: &Cut) {
        let value = || serde_json::from_slice::<Value>(cut.bytes.as_deref()?).ok();
        let said = || value()?.as_str().map(str::to_owned);
        match name {
            "language" => self.language = said(),
            "model" => self.model = said(),
            "words" => {
                let words = value().unwrap_or_default();
                self.words =
                    words.as_array().into_iter().flatten().filter_map(Word::read).collect();
            }
            _ => {}
        }
    }
}

/// Yields a transcript entry a segment; a sentence, where the file has words only.
pub(super) fn entries(text: Text, facts: Facts, context: Arc<Context>) -> Entries {
    if !facts.segmented && !facts.words.is_empty() {
        return sentences(facts.words, context);
    }
    let mut apart = facts.words;
    let outline = Outline::new(text, &["segments"]);
    Box::new(outline.filter_map(move |piece| match piece {
        Ok(Piece::Element(_, cut)) => Some(segment(&cut, &mut apart, &context)),
        Ok(Piece::Array(_) | Piece::Member(..)) => None,
        Err(fault) => Some(Err(fault)),
    }))
}

fn segment(cut: &Cut, apart: &mut VecDeque<Word>, context: &Context) -> Parsed {
    let bytes = cut.bytes.as_deref().ok_or_else(|| Fault::element(cut, TOO_LARGE))?;
    serde_json::from_slice::<Map<String, Value>>(bytes)
        .map_err(json_fault)
        .and_then(|segment| spoken(segment, apart, context))
        .map_err(|why| Fault::element(cut, why))
}

fn spoken(
    mut segment: Map<String, Value>,
    apart: &mut VecDeque<Word>,
    context: &Context,
) -> Result<rushes_store::NewEntry, String> {
    let own = segment.shift_remove("words").unwrap_or_default();
    let mut words: Vec<Word> =
        own.as_array().into_iter().flatten().filter_map(Word::read).collect();
    let (start, end, estimated) = times(&mut segment, &words)?;
    let mut span = context.span(start, end)?;
    span.estimated = estimated;
    if words.is_empty() {
        words = until(end, apart);
    }
    words::fill(&mut words, start, end);
    let text = segment.shift_remove("text");
    let text = text.as_ref().and_then(Value::as_str).map(|text| text.trim().to_owned());
    let mut data = Map::new();
    data.insert("text".to_owned(), text.unwrap_or_else(|| words::text(&words)).into());
    if let Some(speaker) = segment.shift_remove("speaker").filter(Value::is_string) {
        data.insert("speaker".to_owned(), speaker);
    }
    if !words.is_empty() {
        data.insert("words".to_owned(), words::data(words, context));
    }
    data.extend(segment.into_iter().filter(|(name, _)| !DROPPED.contains(&name.as_str())));
    context.entry(context.kind_or(Kind::TRANSCRIPT)?, span, data)
}

/// The segment's own times, else those of its words: then they are estimated.
fn times(segment: &mut Map<String, Value>, words: &[Word]) -> Result<(f64, f64, bool), String> {
    let start = segment.shift_remove("start").and_then(|at| at.as_f64());
    let end = segment.shift_remove("end").and_then(|at| at.as_f64());
    if let (Some(start), Some(end)) = (start, end) {
        return Ok((start, end, false));
    }
    let spans = || words.iter().filter_map(|word| word.span);
    match (spans().next(), spans().next_back()) {
        (Some((first, _)), Some((_, last))) => Ok((first, last, true)),
        _ => Err("expected a segment with `start`, `end` and `text`".to_owned()),
    }
}

/// The words said before `end`, taken off the front.
fn until(end: f64, apart: &mut VecDeque<Word>) -> Vec<Word> {
    let within = |word: &Word| word.span.is_none_or(|(start, _)| start < end);
    let count = apart.iter().take_while(|word| within(word)).count();
    apart.drain(..count).collect()
}

fn sentences(mut words: VecDeque<Word>, context: Arc<Context>) -> Entries {
    let mut number = 0;
    Box::new(std::iter::from_fn(move || {
        let sentence = words::sentence(&mut words);
        number += 1;
        (!sentence.is_empty())
            .then(|| said(sentence, &context).map_err(|why| Fault::numbered(number, why)))
    }))
}

fn said(mut words: Vec<Word>, context: &Context) -> Result<rushes_store::NewEntry, String> {
    let (start, end, _) = times(&mut Map::new(), &words)?;
    words::fill(&mut words, start, end);
    let mut data = Map::new();
    data.insert("text".to_owned(), words::text(&words).into());
    data.insert("words".to_owned(), words::data(words, context));
    context.entry(context.kind_or(Kind::TRANSCRIPT)?, context.span(start, end)?, data)
}
