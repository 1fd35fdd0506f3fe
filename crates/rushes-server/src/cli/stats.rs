//! `rushes stats`: figures about the library.

use clap::Args;
use rushes::Result;
use serde_json::Value;

use super::globals::Globals;
use super::output::Output;

/// Print figures about the library, its cache and its store
#[derive(Debug, Args)]
pub(crate) struct Stats {}

impl Stats {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let stats = globals.open().await?.stats().await?;
        out.answer(&stats, |stats| lines(stats, 0))
    }
}

/// A JSON object as indented lines.
pub(super) fn lines(value: &Value, depth: usize) -> String {
    let Value::Object(members) = value else {
        return format!("{value}\n");
    };
    let indent = "  ".repeat(depth);
    let line = |(name, value): (&String, &Value)| match value {
        Value::Object(_) => format!("{indent}{name}\n{}", lines(value, depth + 1)),
        Value::String(text) => format!("{indent}{name:<20} {text}\n"),
        other => format!("{indent}{name:<20} {other}\n"),
    };
    members.iter().map(line).collect()
}
