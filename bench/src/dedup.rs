//! Which pictures are taken for the same, and how fast the like of one are found among millions.
//!
//! The pairs are made by `../shared/data/dedup/make_pairs.sh` from the clips beside it (once, in
//! `target/bench`): label 1 are one frame before and after harm, label 0 are different pictures.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rushes_codec::dedup::{DEFAULT_SIMILARITY, Index, Print};
use rushes_codec::image::{Limits, decode};

use crate::figure::{Figure, Goal, Report, median};

/// The kinds of harm that recall is asked of.
const CORE: [&str; 5] = ["jpeg", "h264", "scale", "bright", "noise"];

/// Frames taken of each clip.
const FRAMES: &str = "4";

/// Recall and false finds on pairs of real frames.
pub(crate) fn quality(report: &mut Report) -> Result<()> {
    let folder = pairs()?;
    let labels = std::fs::read_to_string(folder.join("labels.csv"))?;
    let mut prints = HashMap::new();
    let mut told: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    for line in labels.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let [a, b, label, _, kind, ..] = fields[..] else { bail!("a strange row: {line}") };
        for name in [a, b] {
            if !prints.contains_key(name) {
                prints.insert(name.to_owned(), print(&folder.join(name))?);
            }
        }
        let same = prints[a].resembles(&prints[b], DEFAULT_SIMILARITY);
        let count = told.entry((label.to_owned(), kind.to_owned())).or_default();
        count.0 += usize::from(same);
        count.1 += 1;
    }
    for ((label, kind), (same, all)) in &told {
        report.note(&format!(
            "codec.dedup_quality: label {label} {kind}: {same} of {all} taken for the same"
        ));
    }
    let share = |chosen: &dyn Fn(&str, &str) -> bool| {
        let chosen = told.iter().filter(|((label, kind), _)| chosen(label, kind));
        let (same, all) = chosen.fold((0, 0), |sum, (_, count)| (sum.0 + count.0, sum.1 + count.1));
        same as f64 / all.max(1) as f64
    };
    let core = |kind: &str| CORE.iter().any(|core| kind.starts_with(core));
    report.add(&Figure {
        name: "codec.dedup_recall",
        value: share(&|label, kind| label == "1" && core(kind)),
        peer: 0.96,
        unit: "share",
        goal: Goal::AtLeast(1.0),
        against: "the limit, over the kinds jpeg, h264, scale, bright and noise".to_owned(),
    });
    report.add(&Figure {
        name: "codec.dedup_false",
        value: share(&|label, _| label == "0"),
        peer: 0.01,
        unit: "share",
        goal: Goal::AtMost(1.0),
        against: "the limit, of the different pairs".to_owned(),
    });
    Ok(())
}

fn print(file: &Path) -> Result<Print> {
    let bytes = std::fs::read(file).with_context(|| format!("{}", file.display()))?;
    Ok(Print::of(&decode(&bytes, Limits::default())?)?)
}

/// The folder of the pairs: `RUSHES_BENCH_PAIRS`, else made now.
fn pairs() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("RUSHES_BENCH_PAIRS") {
        return Ok(folder.into());
    }
    let data = Path::new("../shared/data");
    let folder = Path::new("target/bench/pairs").to_owned();
    if folder.join("made").exists() {
        return Ok(folder);
    }
    let script = data.join("dedup/make_pairs.sh");
    let mut command = Command::new("bash");
    command.arg(&script).arg(data.join("videos")).arg(&folder).arg(FRAMES);
    let made = command.status().with_context(|| format!("{}", script.display()))?;
    if !made.success() {
        bail!("{} ended with {made}", script.display());
    }
    std::fs::write(folder.join("made"), "")?;
    Ok(folder)
}

/// Finding what is within 3 bits, among a million and ten million hashes.
pub(crate) fn search(report: &mut Report) -> Result<()> {
    find(report, "codec.dedup_search", 1_000_000, 5.0)?;
    find(report, "codec.dedup_search_10m", 10_000_000, 10.0)
}

/// Each asked once: a second time it would lie in the processor's cache.
const SEARCHES: usize = 50_000;

fn find(report: &mut Report, name: &'static str, count: u32, limit: f64) -> Result<()> {
    let mut seed = 7_u64;
    let before = resident()?;
    let mut index = Index::default();
    for id in 0..count {
        index.insert(next(&mut seed), id);
    }
    let bytes = resident()?.saturating_sub(before) as f64 / f64::from(count);
    // Half of what is looked for is there, three bits off.
    let mut seed = 7_u64;
    let asked: Vec<u64> = (0..SEARCHES as u64)
        .map(|n| {
            if n % 2 == 0 {
                next(&mut seed) ^ 0x8000_0100_0000_0001
            } else {
                n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            }
        })
        .collect();
    let mut micros: Vec<f64> = Vec::with_capacity(SEARCHES);
    let mut found = 0;
    for hash in &asked {
        let began = Instant::now();
        found += std::hint::black_box(index.within(*hash, 3)).len();
        micros.push(began.elapsed().as_secs_f64() * 1e6);
    }
    if found < SEARCHES / 2 {
        bail!("{found} finds where {} are due", SEARCHES / 2);
    }
    report.note(&format!("{name}: {bytes:.1} bytes of memory for each hash, of 64 allowed"));
    report.add(&Figure {
        name,
        value: median(micros),
        peer: limit,
        unit: "us",
        goal: Goal::AtMost(1.0),
        against: "the limit, at the median".to_owned(),
    });
    Ok(())
}

/// splitmix64.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Resident memory of this process, bytes.
fn resident() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/statm")?;
    let pages = status.split_whitespace().nth(1).context("statm without a second field")?;
    Ok(pages.parse::<usize>()? * 4096)
}
