//! Fewer bytes, same meaning: pure functions, no I/O, no async.

mod error;
pub mod image;
pub mod phash;
mod webp;
mod yuv;

pub use error::{Error, Result};
