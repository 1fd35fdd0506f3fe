//! What can go wrong while encoding or decoding.

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of a codec.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not what they claim to be.
    #[error("damaged data: {0}")]
    Corrupt(String),
    /// Larger than the caller allowed, as declared or as found.
    #[error("too large: {0}")]
    TooLarge(String),
    /// A format or feature that is not supported.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The caller's argument is wrong.
    #[error("{0}")]
    Invalid(String),
}
