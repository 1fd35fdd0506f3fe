//! Lines of a text, one at a time, none of them larger than memory should hold.

use std::io::{self, BufRead};

/// The largest line or record that is read, in bytes; a larger one is passed over unread.
pub(super) const LARGEST: usize = 16 << 20;

/// A text being read: bytes as they come, with a byte-order mark removed and UTF-16 made UTF-8.
pub(super) type Text = Box<dyn BufRead + Send>;

/// Reads lines ended by LF or CRLF.
pub(super) struct Lines {
    text: Text,
    number: u64,
    buffer: Vec<u8>,
}

/// One line.
#[derive(Debug, PartialEq)]
pub(super) struct Line<'a> {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its bytes without the end of line; `None` when larger than [`LARGEST`].
    pub(super) bytes: Option<&'a [u8]>,
}

impl Lines {
    pub(super) fn new(text: Text) -> Self {
        Self { text, number: 0, buffer: Vec::new() }
    }

    /// The next line; `None` after the last.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let mut size = 0;
        loop {
            let chunk = self.text.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(chunk.len(), |at| at + 1);
            size += used;
            if size <= LARGEST {
                self.buffer.extend_from_slice(chunk.get(..used).unwrap_or_default());
            }
            self.text.consume(used);
            if end.is_some() {
                break;
            }
        }
        if size == 0 {
            return Ok(None);
        }
        self.number += 1;
        let bytes = (size <= LARGEST).then(|| without_end(&self.buffer));
        Ok(Some(Line { number: self.number, bytes }))
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::new(Box::new(io::Cursor::new(text.to_vec())));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.bytes.map(<[u8]>::to_vec)));
        }
        found
    }

    #[test]
    fn ends_of_line_are_removed_and_empty_lines_counted() {
        let found = lines(b"a\r\n\nb\r\r\nlast");
        let texts: Vec<_> = found.iter().map(|(_, text)| text.as_deref().unwrap()).collect();
        assert_eq!(texts, [&b"a"[..], b"", b"b\r", b"last"]);
        assert_eq!(found.last().unwrap().0, 4);
    }

    #[test]
    fn a_huge_line_is_passed_over_and_the_next_is_read() {
        let mut text = vec![b'x'; LARGEST + 1];
        text.extend_from_slice(b"\nnext");
        assert_eq!(lines(&text), [(1, None), (2, Some(b"next".to_vec()))]);
    }
}
