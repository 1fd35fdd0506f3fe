//! Words of a transcript and when each was said.

use serde_json::{Map, Value};

use super::context::Context;

/// A silence of this length, or a sentence this long, begins a new one, seconds.
const PAUSE: f64 = 1.0;
const LONG: f64 = 15.0;

/// One word, in the file's seconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    /// As written, with its leading blank if it has one.
    pub(super) text: String,
    /// Start and end; `None` when the file does not say (aligners skip digits and signs).
    pub(super) span: Option<(f64, f64)>,
    estimated: bool,
    score: Option<Value>,
    speaker: Option<Value>,
}

impl Word {
    /// Reads a word as any of the tools writes it; `None` when it has no text.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let first = |names: &[&str]| names.iter().find_map(|name| value.get(*name));
        let text = first(&["word", "text"])?.as_str()?.to_owned();
        let at = |name: &str| value.get(name).and_then(Value::as_f64).filter(|at| *at >= 0.0);
        let span = at("start").zip(at("end")).filter(|(start, end)| start <= end);
        let number = |value: &&Value| value.is_number();
        let score = first(&["score", "probability", "confidence"]).filter(number).cloned();
        let speaker = value.get("speaker").filter(|name| name.is_string()).cloned();
        Some(Self { text, span, estimated: false, score, speaker })
    }

    /// Reads a word written as `[text, start, end]`.
    pub(super) fn listed(json: &[u8]) -> Option<Self> {
        let (text, start, end) = serde_json::from_slice::<(String, f64, f64)>(json).ok()?;
        let span = Some((start, end)).filter(|_| 0.0 <= start && start <= end);
        Some(Self { text, span, estimated: false, score: None, speaker: None })
    }

    fn data(self, context: &Context) -> Value {
        let mut data = Map::new();
        data.insert("word".to_owned(), self.text.trim().into());
        if let Some((start, end)) = self.span {
            data.insert("start".to_owned(), context.shifted(start).into());
            data.insert("end".to_owned(), context.shifted(end).into());
        }
        let kept = [("score", self.score), ("speaker", self.speaker)];
        data.extend(kept.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        if self.estimated {
            data.insert("estimated".to_owned(), true.into());
        }
        Value::Object(data)
    }
}

/// Gives the words that have no time an even share of the gap between their neighbours, within
/// the seconds from `start` to `end`, and marks them as estimated.
pub(super) fn fill(words: &mut [Word], start: f64, end: f64) {
    let mut from = start;
    let mut rest = words;
    while let Some(first) = rest.first() {
        if let Some((_, said)) = first.span {
            from = said;
            rest = rest.get_mut(1..).unwrap_or_default();
            continue;
        }
        let missing = rest.iter().take_while(|word| word.span.is_none()).count();
        let (run, after) = rest.split_at_mut(missing);
        let to = after.first().and_then(|word| word.span).map_or(end, |(next, _)| next).max(from);
        let share = (to - from) / run.len() as f64;
        for (nth, word) in run.iter_mut().enumerate() {
            let begins = from + share * nth as f64;
            word.span = Some((rounded(begins), rounded(begins + share)));
            word.estimated = true;
        }
        rest = after;
    }
}

/// The words as a transcript's data has them.
pub(super) fn data(words: Vec<Word>, context: &Context) -> Value {
    words.into_iter().map(|word| word.data(context)).collect()
}

/// The text that words make up: they bring their blanks along, or else get one between them.
pub(super) fn text(words: &[Word]) -> String {
    let spaced = words.iter().skip(1).any(|word| word.text.starts_with(' '));
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    texts.join(if spaced { "" } else { " " }).trim().to_owned()
}

/// Takes the next sentence off the front of `words`: up to a full stop, a pause, or enough.
pub(super) fn sentence(words: &mut std::collections::VecDeque<Word>) -> Vec<Word> {
    let mut sentence: Vec<Word> = Vec::new();
    while let Some(word) = words.front() {
        if ends_before(&sentence, word) {
            break;
        }
        sentence.extend(words.pop_front());
    }
    sentence
}

fn ends_before(sentence: &[Word], next: &Word) -> bool {
    let Some(last) = sentence.last() else { return false };
    if last.text.trim_end().ends_with(['.', '?', '!', '。', '？', '！']) {
        return true;
    }
    let Some((start, _)) = next.span else { return false };
    let pause = last.span.is_some_and(|(_, end)| start - end > PAUSE);
    let begun = sentence.iter().find_map(|word| word.span).map_or(start, |(begun, _)| begun);
    pause || start - begun > LONG
}

/// Moves the times of a transcript's words as those of the entry are moved.
pub(super) fn shift(data: &mut Map<String, Value>, context: &Context) {
    let words = data.get_mut("words").and_then(Value::as_array_mut);
    for word in words.into_iter().flatten().filter_map(Value::as_object_mut) {
        for name in ["start", "end"] {
            if let Some(at) = word.get(name).and_then(Value::as_f64) {
                word.insert(name.to_owned(), context.shifted(at).into());
            }
        }
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}
