//! The only room that starts a child process.

mod clip;
mod frames;
mod limits;
mod probe;
mod timing;

pub(crate) use clip::{CutClip, cut};
pub(crate) use frames::{RawFrame, decode_numbers, sample};
pub(crate) use limits::Limits;
pub(crate) use probe::{Probe, probe};
pub(crate) use timing::{FrameTime, Timing};
