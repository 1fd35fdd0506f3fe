//! The data plane for video agents: everything known about a video (frames, captions, transcript,
//! objects, conversation), cached, and never stale.
//!
//! [`Rushes`] is a cheap handle to an open library, a folder. Videos come in by
//! [`Rushes::ingest`], what models said of them by [`Rushes::import_file`]; agents ask with
//! [`Rushes::context`], [`Rushes::search`], [`Rushes::sheet`], [`Rushes::frame`] and
//! [`Rushes::entries`]. Two paths, which meet only in a change set:
//!
//! ```text
//! INGEST  file -> probe -> extract -> shrink -> batch -> write: commit -> change -> cache.invalidate
//! READ    request -> key -> memory -> ... -> store or video, once per key; answers say who served
//! ```
//!
//! Times are seconds of media time: the container's own presentation timestamps.
//!
//! ```no_run
//! use rushes::answer::ContextRequest;
//! use rushes::config::Settings;
//! use rushes::ingest::{IngestOptions, Source};
//! use rushes::Rushes;
//!
//! # async fn run() -> rushes::Result<()> {
//! let rushes = Rushes::open(Settings::library("my-videos")).await?;
//! let taken = rushes.ingest(Source::File("talk.mp4".into()), IngestOptions::default(), None).await?;
//! let request = ContextRequest { video: taken.video, at: Some(42.0), ..Default::default() };
//! println!("{}", rushes.context(&request).await?.text);
//! # Ok(())
//! # }
//! ```

pub mod answer;
pub mod backup;
mod builder;
mod check;
pub mod config;
pub mod control;
mod disk;
mod engine;
mod error;
mod ffmpeg;
pub mod import;
mod incoming;
pub mod ingest;
pub mod pictures;
pub mod prefetch;
pub mod read;
mod repair;
pub mod sql;
mod tiers;
mod token;
mod trace;
mod write;

pub use engine::{Messages, Rushes, Stats, Videos};
pub use error::{Error, Kind as ErrorKind, Result, bounded};
pub use ffmpeg::{Tool, tools};
pub use incoming::Spooled;
pub use prefetch::in_session;
pub use repair::{Leftovers, Unfinished};
pub use rushes_codec::encoding::Encoding;
pub use rushes_store as store;
pub use write::Removed;
