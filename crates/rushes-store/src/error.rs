//! What can go wrong in the store, by what the caller does next.

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's argument is wrong; another one would do.
    #[error("{0}")]
    Invalid(String),
    /// Nothing has that name.
    #[error("{0}")]
    NotFound(String),
    /// Somebody else is writing the same thing; try later.
    #[error("{0}")]
    Busy(String),
    /// The answer would be larger, or take longer, than was allowed.
    #[error("{0}")]
    TooLarge(String),
    /// What was read is damaged.
    #[error("{0}")]
    Corrupt(String),
    /// The library was made by a newer release.
    #[error("{0}")]
    TooNew(String),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file system failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, and to which path.
        what: String,
        /// The system's word.
        source: std::io::Error,
    },
}

impl Error {
    /// A wrong argument.
    pub fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }

    /// For `map_err`: a failure of the file system while doing `what`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
