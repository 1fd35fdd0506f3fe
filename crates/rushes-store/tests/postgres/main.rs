//! Libraries in PostgreSQL: the conformance suite, and what is particular to a server, on real ones.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod advice;
mod cached;
mod library;
mod search;
mod server;
mod sql;
mod steps;
mod writes;
