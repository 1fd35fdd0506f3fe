//! The real binary, driven from outside: commands, HTTP and MCP over a scratch library.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod backup;
mod cache;
mod cli;
mod encoded;
mod http;
mod kill;
mod library;
mod mcp;
mod media;
mod openapi;
mod postgres;
mod refusals;
mod replay;
mod server;
mod sql;
mod upkeep;
