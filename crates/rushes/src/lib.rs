//! The data plane for video agents.

pub mod answer;
pub mod config;
mod engine;
mod error;
#[allow(dead_code, unused_imports)] // until ingest and answers use it
mod ffmpeg;
pub mod import;
pub mod ingest;
pub mod read;

pub use engine::{Messages, Removed, Rushes, Stats, Videos};
pub use error::{Error, Kind as ErrorKind, Result};
pub use rushes_store as store;
