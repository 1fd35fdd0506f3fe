//! One error, with a small kind chosen by what the caller does next.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// A result of the engine.
pub type Result<T> = std::result::Result<T, Error>;

/// What the caller can do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Ask differently: an argument is wrong. HTTP 400, exit code 2.
    Invalid,
    /// Nothing has that name. HTTP 404, exit code 3.
    NotFound,
    /// It was there once. HTTP 410, exit code 3.
    Gone,
    /// The media or the format cannot be read. HTTP 422, exit code 4.
    Unsupported,
    /// The answer would be larger than allowed; the message says what would fit. HTTP 413, exit
    /// code 2.
    TooLarge,
    /// Somebody else is at it; try later. HTTP 409, exit code 5.
    Busy,
    /// A needed program or server is missing or failed. HTTP 503, exit code 6.
    Unavailable,
    /// Stored data is damaged. HTTP 500, exit code 7.
    Corrupt,
    /// The caller stopped it. Exit code 130.
    Cancelled,
    /// The library's files or database failed. HTTP 500, exit code 1.
    Internal,
}

/// A failure: its kind, and a message that names the thing and the remedy. Cheap to clone, since
/// one load's failure reaches all who waited for it.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Bytes of a message, about, and digits of a number in it. What a caller sent is told again in
/// messages, and may be of any size.
const LONGEST: usize = 1000;
const DIGITS: usize = 40;

/// A message of bounded length: of very long numbers and texts the middle is left out.
pub fn bounded(message: &str) -> Cow<'_, str> {
    let shortened = without_long_numbers(message);
    if shortened.len() <= LONGEST {
        return shortened;
    }
    let head = shortened.floor_char_boundary(LONGEST / 2);
    let tail = shortened.ceil_char_boundary(shortened.len() - LONGEST / 2);
    Cow::Owned(format!("{}…{}", &shortened[..head], &shortened[tail..]))
}

fn without_long_numbers(message: &str) -> Cow<'_, str> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut short = String::new();
    let mut rest = message;
    while let Some(at) = rest.find(is_digit) {
        let (before, number) = rest.split_at(at);
        let (number, after) =
            number.split_at(number.find(|c| !is_digit(c)).unwrap_or(number.len()));
        short.push_str(before);
        match number.len() > DIGITS {
            true => short.push_str(&format!("{}…", &number[..DIGITS / 2])),
            false => short.push_str(number),
        }
        rest = after;
    }
    if short.len() + rest.len() == message.len() {
        return Cow::Borrowed(message);
    }
    Cow::Owned(short + rest)
}

impl Error {
    /// A failure of this kind. Very long messages are cut in the middle.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: bounded(&message.into()).into_owned(), source: None }
    }

    /// The caller's argument is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// Nothing has that name.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// A failure with its cause.
    pub fn caused(
        kind: Kind,
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self { source: Some(Arc::new(source)), ..Self::new(kind, message) }
    }

    /// The same failure, saying first what it is about, unless it says so already.
    pub(crate) fn about(mut self, name: &str) -> Self {
        if !self.message.contains(name) {
            self.message = format!("{name}: {}", self.message);
        }
        self
    }

    /// The same failure, told of a file by the name that it goes by instead of its own.
    pub(crate) fn about_file(mut self, file: &Path, name: &str) -> Self {
        let own = file.file_name().unwrap_or_default().to_string_lossy();
        if own != name
            && let Some(rest) = self.message.strip_prefix(&format!("{own}: "))
        {
            self.message = rest.to_owned();
        }
        self.about(name)
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

impl From<rushes_store::Error> for Error {
    fn from(error: rushes_store::Error) -> Self {
        use rushes_store::Error as Store;
        let kind = match &error {
            Store::Invalid(_) => Kind::Invalid,
            Store::NotFound(_) => Kind::NotFound,
            Store::Busy(_) => Kind::Busy,
            Store::TooLarge(_) => Kind::TooLarge,
            Store::Corrupt(_) => Kind::Corrupt,
            Store::TooNew(_) => Kind::Unsupported,
            _ => Kind::Internal,
        };
        Self::caused(kind, error.to_string(), error)
    }
}

impl From<rushes_codec::Error> for Error {
    fn from(error: rushes_codec::Error) -> Self {
        use rushes_codec::Error as Codec;
        let kind = match &error {
            Codec::TooLarge(_) => Kind::TooLarge,
            Codec::Unsupported(_) => Kind::Unsupported,
            Codec::Invalid(_) => Kind::Invalid,
            _ => Kind::Corrupt,
        };
        Self::caused(kind, error.to_string(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_beginning_and_its_end_however_long_it_is() {
        for short in ["", "no video is called \"a\"", "41.2 and 8000000000"] {
            assert!(matches!(bounded(short), Cow::Borrowed(same) if same == short));
        }
        let number = format!("end {} is too late", "9".repeat(300));
        assert_eq!(bounded(&number), format!("end {}… is too late", "9".repeat(20)));
        let long = format!("{:?} cannot name a video: choose another", "ü".repeat(5000));
        let told = Error::invalid(long).to_string();
        assert!(told.len() < 1100 && told.starts_with("\"üü"), "{told}");
        assert!(told.ends_with("cannot name a video: choose another"), "{told}");
    }

    #[test]
    fn a_file_is_told_by_the_name_that_it_goes_by() {
        let error = |message: &str| Error::new(Kind::Unsupported, message);
        let (file, name) = (Path::new("/x/.tmpAbC"), "talk.mp4");
        let told = |message: &str| error(message).about_file(file, name).to_string();
        assert_eq!(told(".tmpAbC: not a video"), "talk.mp4: not a video");
        assert_eq!(told("talk.mp4: not a video"), "talk.mp4: not a video");
        assert_eq!(told("no room is left"), "talk.mp4: no room is left");
    }
}
