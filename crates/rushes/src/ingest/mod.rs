//! A video file becomes frames, a thumbnail and entries: probe, extract, shrink, batch.

mod options;

pub use options::{Event, IngestOptions, Ingested, Sampling, Source};
