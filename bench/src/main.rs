//! Every figure that Rushes claims, measured beside its peer or its limit in the same run.
//!
//! One module is one group of figures. Those of the product drive the shipped binary as a child,
//! as a user does; only `codec`, `cache` and `query` call the crates themselves. The peer gets the
//! same input at the same settings, and its runs alternate with ours, so that a noisy neighbour
//! meets both. A goal that is missed is printed as missed.

mod cache;
mod cache_disk;
mod cache_traces;
mod child;
mod codec;
mod dedup;
mod figure;
mod footage;
mod import;
mod ingest;
mod library;
mod open;
mod prefetch;
mod query;
mod redis;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;

use figure::Report;

/// Measure the figures, one line each: name, value, peer or limit, unit, goal, met or not
#[derive(Parser)]
#[command(name = "bench")]
struct Args {
    /// Only this group (ingest, codec, cache, prefetch, query), or only one figure (ingest.memory)
    #[arg(long, value_name = "GROUP")]
    only: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What measures one or several figures: the group it is asked for by, the figures, the code.
type Measure = (&'static str, &'static [&'static str], fn(&mut Report) -> Result<()>);

const FIGURES: &[Measure] = &[
    ("ingest", &["ingest.sampled"], ingest::sampled),
    ("ingest", &["ingest.keyframes", "ingest.keyframes_of_a_short_clip"], ingest::keyframes),
    ("ingest", &["ingest.memory"], ingest::memory),
    ("ingest", &["import.rows"], import::rows),
    ("ingest", &["open.million"], open::million),
    ("codec", &["codec.webp", "codec.webp_bytes", "codec.hash"], codec::frames),
    ("codec", &["codec.dedup_recall", "codec.dedup_false"], dedup::quality),
    ("codec", &["codec.dedup_search", "codec.dedup_search_10m"], dedup::search),
    (
        "prefetch",
        &[
            "prefetch.segments",
            "prefetch.coverage",
            "prefetch.precision",
            "prefetch.waste",
            "prefetch.table",
        ],
        prefetch::agents,
    ),
    (
        "query",
        &[
            "query.uncached",
            "query.cached",
            "query.cached_strict",
            "query.uncached_200",
            "query.cached_200",
            "query.cached_strict_200",
        ],
        query::reads,
    ),
    ("query", &["query.batch"], query::batch),
    ("query", &["query.deep_page"], query::deep_page),
    ("cache", &["cache.l1_hit", "cache.l1_hit_moka"], cache::l1_hit),
    ("cache", &["cache.l1_scale"], cache::l1_scale),
    ("cache", &["cache.l1_overhead"], cache::l1_overhead),
    ("cache", &["cache.invalidate_tag", "cache.invalidate_prefix"], cache::invalidate),
    ("cache", &["cache.l3_hit", "cache.l3_open"], cache_disk::l3),
    ("cache", &["cache.hit_ratio", "cache.hit_ratio_worst"], cache_traces::hit_ratio),
    ("cache", &["cache.l2_hit", "cache.l2_hit_20k"], redis::l2_hit),
    ("cache", &["cache.l2_multi", "cache.l2_multi_mget"], redis::l2_multi),
    ("cache", &["cache.recovery"], redis::recovery),
    ("cache", &["cache.propagation"], redis::propagation),
];

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let wanted = |(group, names, _): &&Measure| match &args.only {
        Some(only) => only == group || names.contains(&only.as_str()),
        None => true,
    };
    let chosen: Vec<_> = FIGURES.iter().filter(wanted).collect();
    if chosen.is_empty() {
        bail!("no such group or figure: {}", args.only.unwrap_or_default());
    }
    let mut report = Report::new(args.json);
    report.warn_if_busy();
    for (_, names, measure) in chosen {
        if let Err(error) = measure(&mut report) {
            report.failed(names, &error);
        }
    }
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
