//! `rushes stats`: figures about the library.

use clap::Args;
use rushes::Result;
use rushes::sql::StatementFigures;
use serde_json::Value;

use super::globals::Globals;
use super::output::Output;
use super::table::Table;

/// Print figures about the library, its cache and its store
#[derive(Debug, Args)]
pub(crate) struct Stats {}

impl Stats {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let stats = globals.open().await?.stats().await?;
        out.answer(&stats, human)
    }
}

fn human(stats: &Value) -> String {
    let mut figures = stats.clone();
    let statements = figures.pointer_mut("/sql").and_then(Value::as_object_mut);
    let statements = statements.and_then(|sql| sql.remove("statements")).unwrap_or_default();
    let statements: Vec<StatementFigures> = serde_json::from_value(statements).unwrap_or_default();
    let mut table = Table::new(&["ASKED", "CACHED", "MEAN us", "P95 us", "STATEMENT"]);
    for figures in statements {
        let numbers = [figures.count, figures.cached, figures.mean_micros, figures.p95_micros];
        let numbers = numbers.map(|number| number.to_string());
        table.row(numbers.into_iter().chain([figures.statement]));
    }
    lines(&figures, 0) + &table.text()
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
