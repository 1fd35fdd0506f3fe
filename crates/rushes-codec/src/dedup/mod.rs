//! Pictures that show the same: found among many, whatever was done to them on the way.
//!
//! [`crate::phash::Look`] asks of a frame whether anything at all changed since the one before it.
//! Here the question is looser: is this picture that one, after a JPEG or an encoder, at another
//! size, brighter, or noisy? [`Index`] finds candidates by their hashes, and [`Print::resembles`]
//! confirms or refuses them by a small picture.

mod index;
mod print;

pub use index::{Index, Near};
pub use print::{DEFAULT_SIMILARITY, Print};
