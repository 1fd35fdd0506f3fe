//! The Redis tier against real servers, which the tests start themselves and treat badly.

// Also in the helper functions of tests; the soak says what it does.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![cfg(unix)]

mod cluster;
mod coherence;
mod conform;
mod faults;
#[cfg(target_os = "linux")]
mod fleet;
mod many;
mod proxy;
mod server;
mod source;
mod tls;
mod token;
