//! The HTTP face: a function that returns a router, and the loop that serves it.
//!
//! [`router`] is `guard` around one file a resource, each with its routes beside its handlers;
//! the OpenAPI document is made from those same handlers. A handler turns a query into a request
//! of the engine and the answer into JSON ([`answer`]) or bytes ([`payload`]); every failure
//! becomes a [`problem`].

// The macro that describes handlers repeats the paths of their arguments.
#![allow(unused_qualifications)]

mod answer;
mod app;
mod asking;
mod cache;
mod cite;
mod clip;
mod context;
mod encoded;
mod entries;
mod frames;
mod guard;
mod health;
mod lines;
mod linger;
mod media;
mod memory;
mod metrics;
mod openapi;
mod payload;
mod prefetch;
mod problem;
mod range;
mod router;
mod search;
mod serve;
mod session;
mod sheet;
mod sql;
mod stats;
#[cfg(test)]
mod tests;
mod token;
mod videos;

pub(crate) use app::{App, Limits};
pub(crate) use serve::serve;
