//! The only room that starts a child process.
//!
//! ffmpeg and ffprobe run as bounded children: `limits` says what one may use, `confine` binds
//! it before it runs, `spawn` and `child` start it and read it, and `input` names the file so
//! that nothing else is opened. On these stand five things:
//!
//! - [`probe()`]: what a file holds. `described` reads ffprobe's description, `scan` and `mend`
//!   list each frame's time ([`Timing`]), `display` tells how its pictures are shown.
//! - [`sample()`]: frames for an ingest. `plan` turns a sampling into frame numbers and runs,
//!   `select` into an expression for ffmpeg, and `decode` reads pictures and their times.
//! - [`decode_numbers()`]: any frames, later.
//! - [`cut()`]: a window as a file.
//! - [`subtitle()`]: an embedded text track.
//!
//! A time is never computed from an index and a rate: it is the stream's own timestamp, matched
//! as an integer with what the decoder reports. Where a file has none, [`Timing::estimated`] says
//! so.

mod build;
mod child;
mod clip;
mod complaints;
mod confine;
mod decode;
mod described;
mod display;
mod facts;
mod frames;
mod input;
mod limits;
mod mend;
mod plan;
mod probe;
mod scan;
mod select;
mod spawn;
mod subtitle;
mod timing;
mod timing_bytes;
mod tools;
mod whole;

#[cfg(test)]
mod tests;

pub(crate) use clip::{CutClip, cut, planned};
#[cfg(test)]
pub(crate) use display::Display;
pub(crate) use frames::{RawFrame, decode_numbers, sample};
pub(crate) use limits::Limits;
pub(crate) use probe::{Probe, probe};
pub(crate) use subtitle::subtitle;
pub(crate) use timing::{FrameTime, Timing};
pub use tools::{Tool, tools};
