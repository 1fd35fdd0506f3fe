//! What SQL through the engine promises, on every database.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod library;
mod loader;
mod threads;
