//! One error, with a small kind chosen by what the caller does next.

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

impl Error {
    /// A failure of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
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
        Self { kind, message: message.into(), source: Some(Arc::new(source)) }
    }

    /// The same failure, saying first what it is about, unless it says so already.
    pub(crate) fn about(mut self, name: &str) -> Self {
        if !self.message.contains(name) {
            self.message = format!("{name}: {}", self.message);
        }
        self
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
