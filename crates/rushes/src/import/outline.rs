//! Cuts a JSON text into the elements of its arrays without parsing them, so that a file of any
//! size is read element by element, a bad element costs only itself, and its line is known.

use std::io::BufRead;

use super::fault::Fault;
use super::lines::{LARGEST, Text};

/// A piece of a JSON text.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// An array that was asked for by name begins.
    Array(&'static str),
    /// An element of an array that was asked for by name; of the outermost array the name is "".
    Element(&'static str, Cut),
    /// Another member of the outermost object.
    Member(String, Cut),
}

/// One value as it stands in the text.
#[derive(Debug, PartialEq)]
pub(super) struct Cut {
    /// The line that it begins on, from 1.
    pub(super) line: u64,
    /// Which element of its array it is, from 1; `None` for a member.
    pub(super) number: Option<u64>,
    /// Its bytes; `None` when larger than [`LARGEST`].
    pub(super) bytes: Option<Vec<u8>>,
}

/// Yields the pieces of a text that is one JSON array, or one object.
pub(super) struct Outline {
    text: Text,
    line: u64,
    arrays: &'static [&'static str],
    place: Place,
    /// Elements of the present array so far.
    elements: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// Before the first byte.
    Start,
    /// In the array of this name; `first`: nothing read of it yet.
    Array { first: bool, name: &'static str },
    /// In the outermost object.
    Object { first: bool },
    /// After the last value.
    End,
}

impl Outline {
    /// Reads `text`; arrays that are members of the outermost object and have one of these names
    /// are cut into elements, all else of it comes whole.
    pub(super) fn new(text: Text, arrays: &'static [&'static str]) -> Self {
        Self { text, line: 1, arrays, place: Place::Start, elements: 0 }
    }

    fn step(&mut self) -> Result<Option<Piece>, Fault> {
        loop {
            match self.place {
                Place::Start => self.open()?,
                Place::Array { first, name } => {
                    if self.goes_on(first, b']')? {
                        self.place = Place::Array { first: false, name };
                        self.elements = if first { 1 } else { self.elements + 1 };
                        let number = Some(self.elements);
                        return Ok(Some(Piece::Element(name, Cut { number, ..self.value()? })));
                    }
                    let outermost = name.is_empty();
                    self.place =
                        if outermost { Place::End } else { Place::Object { first: false } };
                }
                Place::Object { first } => {
                    if self.goes_on(first, b'}')? {
                        return self.member().map(Some);
                    }
                    self.place = Place::End;
                }
                Place::End => {
                    return match self.peek()? {
                        None => Ok(None),
                        Some(_) => Err(self.fault("more text after the end of the JSON value")),
                    };
                }
            }
        }
    }

    fn open(&mut self) -> Result<(), Fault> {
        self.place = match self.peek()? {
            Some(b'[') => Place::Array { first: true, name: "" },
            Some(b'{') => Place::Object { first: true },
            _ => return Err(self.fault("expected a JSON array or object")),
        };
        self.text.consume(1);
        Ok(())
    }

    /// Whether another value follows; takes the comma before it, or the closing bracket.
    fn goes_on(&mut self, first: bool, close: u8) -> Result<bool, Fault> {
        match self.peek()? {
            Some(byte) if byte == close => {
                self.text.consume(1);
                Ok(false)
            }
            Some(b',') if !first => {
                self.text.consume(1);
                Ok(true)
            }
            Some(_) if first => Ok(true),
            Some(_) => Err(self.fault(&format!("expected `,` or `{}`", char::from(close)))),
            None => Err(self.cut_off()),
        }
    }

    /// Reads a member, or enters it when it is an array that was asked for.
    fn member(&mut self) -> Result<Piece, Fault> {
        if self.peek()? != Some(b'"') {
            return Err(self.fault("expected the name of a member in quotes"));
        }
        let name =
            self.value()?.bytes.and_then(|name| serde_json::from_slice::<String>(&name).ok());
        let name = name.ok_or_else(|| self.fault("expected the name of a member in quotes"))?;
        if self.peek()? != Some(b':') {
            return Err(self.fault("expected `:` after the name of a member"));
        }
        self.text.consume(1);
        let array = self.arrays.iter().find(|array| **array == name);
        if let (Some(b'['), Some(name)) = (self.peek()?, array) {
            self.place = Place::Array { first: true, name };
            self.text.consume(1);
            return Ok(Piece::Array(name));
        }
        self.place = Place::Object { first: false };
        Ok(Piece::Member(name, self.value()?))
    }

    /// Copies one value, whatever it is, up to its last byte.
    fn value(&mut self) -> Result<Cut, Fault> {
        let Some(first) = self.peek()? else { return Err(self.cut_off()) };
        let line = self.line;
        let mut scan = Scan::new(first);
        let mut bytes = Vec::new();
        let mut size = 0;
        loop {
            let chunk = self.text.fill_buf().map_err(Fault::io)?;
            if chunk.is_empty() {
                return if scan.may_end() && size > 0 {
                    Ok(cut(line, bytes, size))
                } else {
                    Err(self.cut_off())
                };
            }
            let (used, done) = scan.step(chunk);
            let taken = chunk.get(..used).unwrap_or_default();
            size += used;
            if size <= LARGEST {
                bytes.extend_from_slice(taken);
            } else {
                bytes = Vec::new();
            }
            self.line += breaks(taken);
            self.text.consume(used);
            if done {
                return match size {
                    0 => Err(self.fault("expected a value")),
                    _ => Ok(cut(line, bytes, size)),
                };
            }
        }
    }

    /// The next byte that is not blank, left in place.
    fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            let chunk = self.text.fill_buf().map_err(Fault::io)?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let blanks = chunk.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
            self.line += breaks(chunk.get(..blanks).unwrap_or_default());
            let found = chunk.get(blanks).copied();
            self.text.consume(blanks);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn fault(&self, why: &str) -> Fault {
        Fault::File(format!("line {}: {why}", self.line))
    }

    fn cut_off(&self) -> Fault {
        self.fault("the JSON text is cut off here")
    }
}

impl Iterator for Outline {
    type Item = Result<Piece, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            // What follows a break in the structure has no meaning.
            self.place = Place::End;
            self.text = Box::new(std::io::empty());
        }
        step.transpose()
    }
}

fn cut(line: u64, bytes: Vec<u8>, size: usize) -> Cut {
    Cut { line, number: None, bytes: (size <= LARGEST).then_some(bytes) }
}

fn breaks(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// Finds where a value ends, by brackets and quotes alone.
struct Scan {
    scalar: bool,
    depth: u64,
    quoted: bool,
    escaped: bool,
}

impl Scan {
    fn new(first: u8) -> Self {
        Self { scalar: !b"{[\"".contains(&first), depth: 0, quoted: false, escaped: false }
    }

    /// How many bytes of `chunk` belong to the value, and whether it is complete.
    fn step(&mut self, chunk: &[u8]) -> (usize, bool) {
        if self.scalar {
            let end = chunk.iter().position(|byte| b",]}:\" \t\r\n".contains(byte));
            return (end.unwrap_or(chunk.len()), end.is_some());
        }
        for (at, &byte) in chunk.iter().enumerate() {
            if self.ends_with(byte) {
                return (at + 1, true);
            }
        }
        (chunk.len(), false)
    }

    fn ends_with(&mut self, byte: u8) -> bool {
        if self.quoted {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.quoted = false,
                _ => {}
            }
            return !self.quoted && self.depth == 0;
        }
        match byte {
            b'"' => self.quoted = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    /// Whether the text may end here: only a bare number or word needs no closing byte.
    fn may_end(&self) -> bool {
        self.scalar
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, Read};

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Hands out `step` bytes at a time, so that every cut between two reads is tried.
    struct Drip(Cursor<Vec<u8>>, usize);

    impl Read for Drip {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let step = self.1.min(into.len());
            self.0.read(into.get_mut(..step).unwrap_or_default())
        }
    }

    fn pieces(json: &str, step: usize) -> Vec<Result<Piece, Fault>> {
        let drip = Drip(Cursor::new(json.as_bytes().to_vec()), step);
        Outline::new(Box::new(BufReader::with_capacity(step, drip)), &["segments"]).collect()
    }

    fn parsed(cut: &Cut) -> Value {
        serde_json::from_slice(cut.bytes.as_deref().unwrap()).unwrap()
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~\\n\\\\\"é]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\\\\{\\[]{0,5}", inner, 0..5)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_array_is_cut_into_its_elements(
            elements in prop::collection::vec(any_json(), 0..8), pretty: bool, step in 1_usize..40,
        ) {
            let array = Value::from(elements.clone());
            let text = if pretty { format!("{array:#}") } else { array.to_string() };
            let cut: Vec<Value> = pieces(&text, step).into_iter().map(|piece| match piece {
                Ok(Piece::Element("", cut)) => parsed(&cut),
                other => panic!("{other:?}"),
            }).collect();
            prop_assert_eq!(cut, elements);
        }

        #[test]
        fn an_object_is_cut_into_members_and_the_elements_asked_for(
            before in any_json(), elements in prop::collection::vec(any_json(), 0..5), step in 1_usize..40,
        ) {
            let text = format!(" {{\"a\": {before:#}, \"segments\" : {}, \"z\":1}} ", Value::from(elements.clone()));
            let (mut members, mut cut) = (Vec::new(), Vec::new());
            for piece in pieces(&text, step) {
                match piece.unwrap() {
                    Piece::Element(name, piece) => { prop_assert_eq!(name, "segments"); cut.push(parsed(&piece)); }
                    Piece::Array(name) => prop_assert_eq!(name, "segments"),
                    Piece::Member(name, piece) => members.push((name, parsed(&piece))),
                }
            }
            prop_assert_eq!(cut, elements);
            prop_assert_eq!(members, vec![("a".to_owned(), before), ("z".to_owned(), 1.into())]);
        }

        #[test]
        fn any_bytes_end_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = Box::new(Cursor::new(bytes.clone()));
            prop_assert!(Outline::new(text, &["segments"]).count() <= bytes.len() + 1);
        }
    }

    #[test]
    fn an_element_knows_its_line_and_number() {
        let found = pieces("[\n {\n},\n\n 7 , \"x\"]", 3);
        let lines = found.iter().map(|piece| match piece {
            Ok(Piece::Element(_, cut)) => (cut.line, cut.number.unwrap()),
            other => panic!("{other:?}"),
        });
        assert_eq!(lines.collect::<Vec<_>>(), [(2, 1), (5, 2), (5, 3)]);
    }

    #[test]
    fn a_broken_structure_is_named_by_line_and_ends_the_text() {
        for (text, why) in [
            ("", "line 1: expected a JSON array or object"),
            ("7", "line 1: expected a JSON array or object"),
            ("[1,\n2", "line 2: the JSON text is cut off here"),
            ("[{\"a\":\n", "line 2: the JSON text is cut off here"),
            ("[1 2]", "line 1: expected `,` or `]`"),
            ("[1,]", "line 1: expected a value"),
            ("[1]\n]", "line 2: more text after the end of the JSON value"),
            ("{1:2}", "line 1: expected the name of a member in quotes"),
            ("{\"a\" 2}", "line 1: expected `:` after the name of a member"),
        ] {
            let last = pieces(text, 2).pop().unwrap();
            assert_eq!(last, Err(Fault::File(why.to_owned())), "{text}");
        }
    }

    #[test]
    fn an_element_too_large_for_memory_is_passed_over() {
        let text = format!("[\"{}\", 2]", "x".repeat(LARGEST));
        let found = pieces(&text, 1 << 16);
        assert_eq!(found[0], Ok(Piece::Element("", Cut { line: 1, number: Some(1), bytes: None })));
        assert_eq!(
            found[1],
            Ok(Piece::Element("", Cut { line: 1, number: Some(2), bytes: Some(b"2".to_vec()) }))
        );
    }
}
