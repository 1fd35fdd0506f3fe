//! What an entry says, as one line of text.

use rushes_store::{Entry, Kind};
use serde_json::Value;

/// The members that hold an entry's words, in order of preference.
const WORDS: [&str; 4] = ["text", "caption", "title", "label"];

/// One line that says what an entry says: its words where it has some, else its data as JSON.
/// Line breaks and runs of blanks become one blank.
pub(super) fn of(entry: &Entry) -> String {
    match entry.kind.as_str() {
        Kind::FRAME => frame(&entry.data),
        Kind::TRANSCRIPT => transcript(&entry.data),
        Kind::OBJECT => object(&entry.data),
        _ => open(&entry.data),
    }
}

/// The class of a detected object.
pub(super) fn class(entry: &Entry) -> String {
    one_line(entry.data.get("label").and_then(Value::as_str).unwrap_or("object"))
}

/// The text with line breaks, control characters and runs of blanks as one blank.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let blank = |c: char| c.is_whitespace() || c.is_control();
    for word in text.split(blank).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn frame(data: &Value) -> String {
    match data.get("number").and_then(Value::as_u64) {
        Some(number) => format!("frame {number}"),
        None => "frame".to_owned(),
    }
}

fn transcript(data: &Value) -> String {
    let text = open(data);
    match data.get("speaker").and_then(Value::as_str).map(one_line) {
        Some(speaker) if !speaker.is_empty() => format!("{speaker}: {text}"),
        _ => text,
    }
}

fn object(data: &Value) -> String {
    let label = data.get("label").and_then(Value::as_str).unwrap_or("object");
    let score = data.get("score").and_then(Value::as_f64);
    let place = data.get("box").and_then(Value::as_array).map(|numbers| {
        let numbers: Vec<_> = numbers.iter().take(4).map(ToString::to_string).collect();
        format!(" at {}", numbers.join(","))
    });
    let score = score.map(|score| format!(" {score:.2}")).unwrap_or_default();
    one_line(&format!("{label}{score}{}", place.unwrap_or_default()))
}

fn open(data: &Value) -> String {
    let words = WORDS.iter().find_map(|name| data.get(name).and_then(Value::as_str));
    words.map_or_else(|| one_line(&data.to_string()), one_line)
}

#[cfg(test)]
pub(super) mod tests {
    use rushes_store::{Recipe, VideoId};
    use serde_json::json;

    use super::*;

    /// An entry of a fixed video.
    pub(in crate::answer) fn entry(
        id: i64,
        kind: &str,
        start: f64,
        end: f64,
        data: Value,
    ) -> Entry {
        Entry {
            id,
            video: VideoId::parse("0123456789abcdef").unwrap(),
            kind: Kind::new(kind).unwrap(),
            start,
            end,
            estimated: false,
            data,
            blob: None,
            recipe: Recipe::default(),
        }
    }

    #[test]
    fn each_kind_says_what_it_holds() {
        let says = |kind, data| of(&entry(1, kind, 0.0, 1.0, data));
        assert_eq!(says("caption", json!({"text": "a dog\n runs "})), "a dog runs");
        assert_eq!(says("transcript", json!({"text": "Hi", "speaker": "Ann"})), "Ann: Hi");
        let seen = json!({"label": "car", "score": 0.876, "box": [1, 2, 30.5, 4]});
        assert_eq!(says("object", seen), "car 0.88 at 1,2,30.5,4");
        assert_eq!(says("frame", json!({"number": 7, "key": true})), "frame 7");
        assert_eq!(says("shot", json!({"title": "Intro"})), "Intro");
        assert_eq!(says("pose", json!({"knees": 2})), r#"{"knees":2}"#);
    }

    #[test]
    fn data_of_a_wrong_shape_still_says_something() {
        let says = |kind, data| of(&entry(1, kind, 0.0, 1.0, data));
        assert_eq!(says("object", json!({"label": 3, "box": "x"})), "object");
        assert_eq!(says("caption", json!({"text": 5})), r#"{"text":5}"#);
        assert_eq!(says("transcript", json!(null)), "null");
    }

    #[test]
    fn no_control_character_survives() {
        assert_eq!(one_line("a\u{0}b\r\n\u{2028}c\u{7}"), "a b c");
    }
}
