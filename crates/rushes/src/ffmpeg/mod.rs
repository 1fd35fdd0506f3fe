//! The only room that starts a child process.

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

#[cfg(test)]
mod tests;

pub(crate) use clip::{CutClip, cut};
pub(crate) use display::Display;
pub(crate) use frames::{RawFrame, decode_numbers, sample};
pub(crate) use limits::Limits;
pub(crate) use probe::{Probe, probe};
pub(crate) use subtitle::subtitle;
pub(crate) use timing::{FrameTime, Timing};
pub use tools::{Tool, tools};
