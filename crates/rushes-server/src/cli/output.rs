//! Standard output: text for people, JSON for programs, bytes for pipes.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind as Io, IsTerminal, Write};
use std::path::Path;

use rushes::{Error, ErrorKind, Result};
use serde::Serialize;

/// Where answers are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether answers are JSON.
    pub(crate) json: bool,
}

impl Output {
    /// Prints text, or JSON.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints an answer: its JSON, or the text that `human` makes of it.
    pub(crate) fn answer<T: Serialize>(
        &self,
        answer: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        if self.json {
            return self.document(answer);
        }
        self.text(human(answer))
    }

    /// Prints text for people, its end of line added.
    pub(crate) fn text(&self, text: impl Display) -> Result<()> {
        let text = text.to_string();
        let text = text.trim_end_matches('\n');
        if text.is_empty() {
            return Ok(());
        }
        write(format!("{}\n", printable(text)).as_bytes())
    }

    /// Prints one JSON document.
    pub(crate) fn document<T: Serialize>(&self, value: &T) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(value).map_err(|error| unprintable(&error))?;
        text.push(b'\n');
        write(&text)
    }

    /// Prints one JSON object on one line.
    pub(crate) fn event<T: Serialize>(&self, value: &T) -> Result<()> {
        let mut text = serde_json::to_vec(value).map_err(|error| unprintable(&error))?;
        text.push(b'\n');
        write(&text)
    }

    /// Writes a file's bytes where they were asked for: into `file`, or into a pipe.
    pub(crate) fn file(&self, bytes: &[u8], file: Option<&Path>) -> Result<()> {
        let Some(path) = file else {
            return self.pipe(bytes);
        };
        std::fs::write(path, bytes).map_err(|error| {
            let why = format!("cannot write {}: {error}", path.display());
            Error::caused(ErrorKind::Invalid, why, error)
        })
    }

    /// Refuses, before any work, to put bytes where people or JSON readers would get them.
    pub(crate) fn check_room(&self, file: Option<&Path>) -> Result<()> {
        if file.is_some() {
            return Ok(());
        }
        if self.json {
            return Err(Error::invalid(
                "--json describes the file: say where it goes with -o FILE",
            ));
        }
        if std::io::stdout().is_terminal() {
            return Err(Error::invalid("write to a file with -o FILE, or into a pipe"));
        }
        Ok(())
    }

    fn pipe(&self, bytes: &[u8]) -> Result<()> {
        write(bytes)
    }

    /// Whether a failure only says that the reader of our output has gone.
    pub(crate) fn was_closed(error: &Error) -> bool {
        let source = std::error::Error::source(error);
        let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
        error.kind() == ErrorKind::Cancelled && io.is_some_and(|io| io.kind() == Io::BrokenPipe)
    }
}

fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| {
        let kind = match error.kind() {
            Io::BrokenPipe => ErrorKind::Cancelled,
            _ => ErrorKind::Internal,
        };
        Error::caused(kind, format!("cannot write to standard output: {error}"), error)
    })
}

fn unprintable(error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot write the answer as JSON: {error}"))
}

/// Text without control characters other than line ends and tabs: what a caption or a file name
/// says must not drive the terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let drives = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(drives) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(drives, "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\n\tb"), "a\n\tb");
        assert_eq!(printable("\u{1b}[2Jx\u{7}"), "\u{fffd}[2Jx\u{fffd}");
    }
}
