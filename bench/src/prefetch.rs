//! Segments and prefetching on the trace of agents, through `rushes replay`: learned from one half
//! of the videos in the first part of the trace, judged on the other half in the second.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::figure::{Figure, Goal, Report};
use crate::footage;
use crate::library::{Library, text};

/// Bytes of about 8,000 segments of ten seconds.
const MEMORY: &str = "memory=64MB";

pub(crate) fn agents(report: &mut Report) -> Result<()> {
    let trace = footage::data().join("traces/agent_train.csv");
    if !trace.is_file() {
        bail!("the trace {} is not there", trace.display());
    }
    let library = Library::new()?;
    let with = ["off", "learned", "related"].map(|way| format!("prefetch={way},{MEMORY}"));
    let [off, learned, related] = &with;
    let words = ["replay", text(&trace)?, "--held-out", "--with", off, "--with", learned];
    let outcomes = library.ask(&[&words[..], &["--with", related]].concat())?;
    let of = |number: usize, name: &str| -> Result<f64> {
        let value = outcomes.pointer(&format!("/{number}/{name}"));
        value.and_then(Value::as_f64).with_context(|| format!("no {name} in {outcomes}"))
    };
    let (off, learned) = (of(0, "demand_queries")?, of(1, "demand_queries")?);
    for (name, number) in [("off", 0), ("learned", 1), ("related", 2)] {
        report.note(&format!(
            "prefetch {name}: {} of {} reads waited for the source; p50 {} us, p99 {} us",
            of(number, "demand_queries")?,
            of(number, "reads")?,
            of(number, "p50_micros")?,
            of(number, "p99_micros")?,
        ));
    }
    report.add(&Figure {
        name: "prefetch.segments",
        value: off,
        peer: of(0, "distinct")?,
        unit: "queries",
        goal: Goal::AtMost(0.4),
        against: "different requests: what a cache by the exact request queries, however large"
            .to_owned(),
    });
    report.add(&Figure {
        name: "prefetch.coverage",
        value: learned,
        peer: off,
        unit: "queries",
        goal: Goal::AtMost(0.45),
        against: "demand queries without prefetch".to_owned(),
    });
    report.add(&Figure {
        name: "prefetch.precision",
        value: of(1, "precision")?,
        peer: 0.75,
        unit: "used",
        goal: Goal::AtLeast(1.0),
        against: "the goal".to_owned(),
    });
    report.add(&Figure {
        name: "prefetch.waste",
        value: of(1, "wasted_segments")?,
        peer: of(1, "used_segments")?,
        unit: "segments",
        goal: Goal::AtMost(0.2),
        against: "segments read ahead and used".to_owned(),
    });
    report.add(&Figure {
        name: "prefetch.table",
        value: learned,
        peer: of(2, "demand_queries")?,
        unit: "queries",
        goal: Goal::AtMost(1.0),
        against: "demand queries with the fixed table of related kinds".to_owned(),
    });
    Ok(())
}
