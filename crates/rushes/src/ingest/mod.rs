//! A video file becomes frames, a thumbnail and entries.
//!
//! ```text
//! file -> identify -> probe -> extract -> look -> shrink -> batch -> finish
//!         (hash)     (ffprobe) (ffmpeg)  (dedup) (WebP)   (rows)    (one commit)
//! ```
//!
//! The stages overlap over bounded channels, so memory does not grow with the video. Everything is
//! written into a *run* that no reader sees until `finish` commits it together with the video; a
//! run whose process died is resumed by the next ingest of the same bytes and recipe.

mod batch;
mod extras;
mod identify;
mod options;
mod pipeline;
mod shrink;
mod thumbnail;

pub(crate) use identify::hash_file;
pub use options::{Event, IngestOptions, Ingested, Sampling, Source};
