//! The MCP face: tools for agents, over standard input and output or over HTTP.
//!
//! [`tools`] lists the tools; their arguments are the engine's own request types, so that their
//! schemas say what the engine accepts. [`answer`] makes of an engine's answer the blocks that an
//! agent reads; [`pictures`] bounds how many images and bytes one answer carries, [`sql`] how many rows;
//! [`token`] lets an agent read what it wrote elsewhere. What the engine refuses is an answer too
//! (`isError`), in words that tell the agent what to ask instead.

mod answer;
mod fitting;
mod pictures;
mod sql;
mod token;
mod tools;
mod transport;

pub(crate) use transport::{over_http, over_stdio};
