//! One record of our own form: `{"start": 12.5, "end": 15, "kind": "caption", "text": "..."}`.

use std::fmt;

use rushes_store::{Kind, NewEntry};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::context::{Context, Span, seconds};
use super::words;

/// The members that place a record; all others are its data.
#[derive(Debug, Default)]
pub(super) struct Record {
    start: Option<Value>,
    end: Option<Value>,
    timestamp: Option<Value>,
    frame: Option<Value>,
    kind: Option<Value>,
    estimated: bool,
    data: Map<String, Value>,
}

/// What an entry that was read from a library carries beside its data.
const OF_THE_LIBRARY: [&str; 5] = ["id", "video", "recipe", "blob", "ref"];

impl Record {
    /// Reads a record from JSON text.
    pub(super) fn read(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    /// A record of these members.
    pub(super) fn of(members: impl IntoIterator<Item = (String, Value)>) -> Self {
        let mut record = Self::default();
        for (name, value) in members {
            record.take(name, value);
        }
        record.settled()
    }

    fn take(&mut self, name: String, value: Value) {
        match name.as_str() {
            "start" => self.start = Some(value),
            "end" => self.end = Some(value),
            "timestamp" => self.timestamp = Some(value),
            "frame" => self.frame = Some(value),
            "kind" => self.kind = Some(value),
            "estimated" => self.estimated = value == Value::Bool(true),
            _ => {
                self.data.insert(name, value);
            }
        }
    }

    /// Puts the members of a `data` object in its place; what a library adds to an entry beside
    /// its data is then no part of it.
    fn settled(mut self) -> Self {
        if !self.data.get("data").is_some_and(Value::is_object) {
            return self;
        }
        let outer = std::mem::take(&mut self.data);
        for (name, value) in outer {
            match value {
                Value::Object(inner) if name == "data" => self.data.extend(inner),
                _ if OF_THE_LIBRARY.contains(&name.as_str()) => {}
                value => {
                    self.data.insert(name, value);
                }
            }
        }
        self
    }

    /// The entry that the record stands for.
    pub(super) fn entry(mut self, context: &Context) -> Result<NewEntry, String> {
        let kind = self.kind(context)?;
        let mut span = self.span(context)?;
        span.estimated |= self.estimated;
        if context.shift != 0.0 {
            words::shift(&mut self.data, context);
        }
        context.entry(kind, span, self.data)
    }

    fn kind(&self, context: &Context) -> Result<Kind, String> {
        match (&self.kind, &context.kind) {
            (Some(Value::String(name)), _) => Kind::new(name).map_err(|error| error.to_string()),
            (Some(other), _) => Err(format!("kind must be a name, not {other}")),
            (None, Some(kind)) => Ok(kind.clone()),
            (None, None) => Err("has no kind; give one for the whole file (--kind)".to_owned()),
        }
    }

    /// Its place in time: `start` and `end`, else an instant by `timestamp` or by `frame`. A
    /// timestamp or frame beside a start is data.
    fn span(&mut self, context: &Context) -> Result<Span, String> {
        if let Some(start) = self.start.take() {
            self.keep("timestamp");
            self.keep("frame");
            return self.starting("start", &start, context);
        }
        if let Some(at) = self.timestamp.take() {
            self.keep("frame");
            return self.starting("timestamp", &at, context);
        }
        let Some(frame) = self.frame.take() else {
            return Err(
                "expected `start` and `end` in seconds (or `timestamp`, or `frame`)".to_owned()
            );
        };
        let number = frame.as_u64().ok_or("frame must be a frame number, 0 or more")?;
        self.data.insert("frame".to_owned(), frame);
        context.frames.at(number, 0)
    }

    fn starting(&self, name: &str, start: &Value, context: &Context) -> Result<Span, String> {
        let start = number(name, start)?;
        let end = self.end.as_ref().map_or(Ok(start), |end| number("end", end))?;
        context.span(start, end)
    }

    fn keep(&mut self, name: &str) {
        let place = if name == "frame" { &mut self.frame } else { &mut self.timestamp };
        if let Some(value) = place.take() {
            self.data.insert(name.to_owned(), value);
        }
    }
}

fn number(name: &str, value: &Value) -> Result<f64, String> {
    match value.as_f64() {
        Some(number) => seconds(name, number),
        None => Err(format!("{name} must be a number of seconds, not {value}")),
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Record;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with `start` and `end`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Record, A::Error> {
        let mut record = Record::default();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            record.take(name, value);
        }
        Ok(record.settled())
    }
}
