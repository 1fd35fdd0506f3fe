//! What a child process may use.

use std::time::Duration;

/// Bounds of one ffmpeg or ffprobe child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Address space in bytes.
    pub(crate) memory: u64,
    /// CPU time of the whole child.
    pub(crate) cpu: Duration,
    /// Longest wait for the next output.
    pub(crate) stall: Duration,
    /// Greatest `width * height` of a coded frame.
    pub(crate) pixels: u64,
    /// Greatest file that it may write, in bytes.
    pub(crate) output: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 4 << 30,
            cpu: Duration::from_secs(6 * 3600),
            stall: Duration::from_secs(60),
            pixels: 8192 * 8192,
            output: 512 << 20,
        }
    }
}
