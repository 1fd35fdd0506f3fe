//! `rushes sql` and `rushes advise`: the database asked in its own words.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use rushes::sql::{Advice, Plan, Rows, SqlAnswer, SqlParams, SqlRequest, SqlValue};
use rushes::{Error, Result};

use super::globals::Globals;
use super::output::Output;
use super::table::Table;
use crate::words::Bytes;

/// Ask the library's database with SQL; nothing can be written this way
///
/// The views `timeline` and `conversation` show what the other commands see; tables of your own in
/// the same database can be asked too.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// One statement: SELECT, VALUES or WITH … SELECT
    query: String,
    /// What the placeholders stand for: a JSON list for ?, an object for :name
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// Show the plan, what of it is dear, and what a cached answer would depend on
    #[arg(long)]
    explain: bool,
    /// How to print the rows (with --json they are printed as JSON)
    #[arg(long, value_enum, default_value = "table", conflicts_with = "explain")]
    format: Format,
    /// The most rows that are answered
    #[arg(long, default_value_t = 10_000)]
    rows: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Columns that line up
    Table,
    /// Comma-separated values, with a heading
    Csv,
}

impl Sql {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let params = params(self.params.as_deref())?;
        let engine = globals.open().await?;
        if self.explain {
            return out.answer(&engine.explain(&self.query).await?, plan);
        }
        let request = SqlRequest { rows: Some(self.rows), ..SqlRequest::new(self.query, params) };
        let answer: SqlAnswer = engine.query(&request).await?;
        out.answer(&answer, |answer| match self.format {
            Format::Table => table(&answer.rows),
            Format::Csv => csv(&answer.rows),
        })
    }
}

fn params(text: Option<&str>) -> Result<SqlParams> {
    let Some(text) = text else { return Ok(SqlParams::NONE) };
    let json = serde_json::from_str(text)
        .map_err(|error| Error::invalid(format!("--params is no JSON: {error}")))?;
    Ok(SqlParams::from_json(&json)?)
}

fn cell(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => String::new(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Blob(bytes) => format!("({} bytes)", bytes.len()),
        number => number.to_json().to_string(),
    }
}

fn table(rows: &Arc<Rows>) -> String {
    if rows.rows.is_empty() {
        return "no rows".to_owned();
    }
    let headings: Vec<&str> = rows.columns.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings);
    for row in &rows.rows {
        table.row(row.iter().map(cell));
    }
    table.text()
}

fn csv(rows: &Arc<Rows>) -> String {
    let quoted = |text: String| match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    };
    let line =
        |cells: Vec<String>| cells.into_iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
    let body = rows.rows.iter().map(|row| line(row.iter().map(cell).collect()));
    std::iter::once(line(rows.columns.clone())).chain(body).collect()
}

fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        text += &format!("{}{}\n", "  ".repeat(step.depth), step.what);
    }
    for warning in &plan.warnings {
        text += &format!("dear: {warning}\n");
    }
    match &plan.uncached {
        Some(why) => text + &format!("never cached: {why}\n"),
        None => text + &format!("cached until written to: {}\n", plan.reads.join(", ")),
    }
}

/// Suggest indexes for the statements that took most time, each tried out in a scratch copy
#[derive(Debug, Args)]
pub(crate) struct Advise {
    /// Look into this statement instead
    query: Option<String>,
    /// What its placeholders stand for: a JSON list for ?, an object for :name
    #[arg(long, value_name = "JSON", requires = "query")]
    params: Option<String>,
    /// Statements that are looked into, 1 to 50
    #[arg(long, default_value_t = 10)]
    limit: usize,
}

impl Advise {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let params = params(self.params.as_deref())?;
        let engine = globals.open().await?;
        let advice: Vec<Advice> = match self.query {
            Some(query) => engine.advise_on(&SqlRequest::new(query, params)).await?,
            None => engine.advise(self.limit).await?,
        };
        out.answer(&advice, |advice: &Vec<Advice>| report(advice))
    }
}

fn report(advice: &[Advice]) -> String {
    if advice.is_empty() {
        return "No statements were recorded yet: ask some with rushes sql or POST /v1/sql".into();
    }
    advice.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(advice: &Advice) -> String {
    let mut text = format!("{}\n", advice.statement);
    if advice.count > 0 {
        let ms = advice.total_micros as f64 / 1000.0;
        text += &format!("  asked {} times, {ms:.1} ms in all\n", advice.count);
    }
    for warning in &advice.warnings {
        text += &format!("  {warning}\n");
    }
    if let Some(found) = &advice.suggestion {
        let (before, after) = (found.before_micros, found.after_micros);
        let times = before as f64 / (after as f64).max(1.0);
        text += &format!("  try: {};\n", found.sql);
        text += &format!("  {before} us became {after} us: {times:.1} times as fast\n");
        text += &format!("  it takes {}", Bytes(found.bytes));
        match found.write_cost_percent {
            Some(percent) => text += &format!(", and makes insertions {percent:.0} % slower\n"),
            None => text.push('\n'),
        }
    }
    advice.note.iter().fold(text, |text, note| text + &format!("  {note}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        let rows = Rows {
            columns: vec!["a".into(), "b".into()],
            rows: vec![vec!["x,\"y\"".into(), SqlValue::Null], vec![1.into(), 0.5.into()]],
        };
        assert_eq!(csv(&Arc::new(rows)), "a,b\n\"x,\"\"y\"\"\",\n1,0.5\n");
    }
}
