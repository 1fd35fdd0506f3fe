//! The Redis tier against real servers, which the tests start themselves and treat badly.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests
#![cfg(unix)]

mod coherence;
mod conform;
mod faults;
mod proxy;
mod server;
mod source;
