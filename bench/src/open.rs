//! How soon a large library answers.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::figure::{Figure, Goal, Report, median};
use crate::import::captions;
use crate::library::{Library, text};

const ENTRIES: usize = 1_000_000;
const RUNS: usize = 9;

/// From the start of a process to its first answer out of a million entries.
pub(crate) fn million(report: &mut Report) -> Result<()> {
    let library = Library::new()?;
    let video = library.add_video()?;
    let file = library.beside("captions.jsonl");
    std::fs::write(&file, captions(0..ENTRIES))?;
    library.run(&["import", &video, "--captions", text(&file)?])?;

    let question = [
        "show", &video, "--kind", "caption", "--from", "250000", "--to", "250010", "--limit", "20",
    ];
    let mut walls = Vec::new();
    for _ in 0..RUNS {
        let cost = library.run(&question)?;
        let answer: Value = serde_json::from_slice(&cost.stdout)?;
        let found = answer.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        if found != 20 {
            bail!("{found} captions where 20 lie in the window");
        }
        walls.push(cost.wall * 1000.0);
    }
    report.add(&Figure {
        name: "open.million",
        value: median(walls),
        peer: 100.0,
        unit: "ms",
        goal: Goal::AtMost(1.0),
        against: "the limit, from the start of the process to its end".to_owned(),
    });
    Ok(())
}
