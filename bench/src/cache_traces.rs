//! Hit ratios over public cache traces and the agents' one, at several capacities in entries.
//!
//! Left out, as the run would take an hour: P6 of the ARC paper, and what follows the first million
//! references of orm-night; left out, as its objects have sizes: adapt_size.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use rushes_cache::{Cache, Key, Loaded, Origin};

use crate::figure::{Figure, Goal, Report};

/// Capacities as shares of the distinct keys.
const SHARES: [f64; 3] = [0.02, 0.1, 0.3];
const MOST: usize = 1_000_000;

/// A trace: its name and the keys in the order of their references.
struct Trace {
    name: String,
    keys: Vec<u64>,
    distinct: usize,
}

/// Hit ratios of all four over all traces and capacities: the mean against the best single peer,
/// and the greatest distance below the best peer of one row.
pub(crate) fn hit_ratio(report: &mut Report) -> Result<()> {
    let folder =
        std::env::var_os("RUSHES_TEST_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from);
    let folder = folder.join("traces");
    if !folder.is_dir() {
        bail!("no traces in {}; RUSHES_TEST_DATA names the folder", folder.display());
    }
    let (mut ours, mut peers, mut worst, mut rows) = (0.0, [0.0; 3], f64::NEG_INFINITY, 0.0);
    for trace in traces(&folder)? {
        for share in SHARES {
            let capacity = ((trace.distinct as f64 * share) as usize).max(16);
            let own = rushes(&trace.keys, capacity)?;
            let others = [
                quick(&trace.keys, capacity),
                moka(&trace.keys, capacity),
                foyer(&trace.keys, capacity),
            ];
            report.note(&format!(
                "{:<12} {capacity:>7}: rushes {:.3} quick_cache {:.3} moka {:.3} foyer {:.3}",
                trace.name, own, others[0], others[1], others[2]
            ));
            ours += own;
            peers.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
            worst = worst.max(others.into_iter().fold(0.0, f64::max) - own);
            rows += 1.0;
        }
    }
    let best = peers.into_iter().fold(0.0, f64::max);
    report.add(&Figure {
        name: "cache.hit_ratio",
        value: ours / rows * 100.0,
        peer: best / rows * 100.0 - 0.5,
        unit: "%",
        goal: Goal::AtLeast(1.0),
        against: "the mean of the best of quick_cache, moka and foyer less 0.5 points".to_owned(),
    });
    report.add(&Figure {
        name: "cache.hit_ratio_worst",
        value: worst * 100.0,
        peer: 2.0,
        unit: "points",
        goal: Goal::AtMost(1.0),
        against: "2 points below the best of them on any trace and capacity".to_owned(),
    });
    Ok(())
}

fn ratio(keys: &[u64], mut is_hit: impl FnMut(u64) -> bool) -> f64 {
    keys.iter().filter(|key| is_hit(**key)).count() as f64 / keys.len().max(1) as f64
}

fn rushes(keys: &[u64], capacity: usize) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let cache = Cache::builder().memory(64 << 30).entries(capacity).build();
    runtime.block_on(async {
        let mut hits = 0;
        for key in keys {
            let load = || async { Ok(Loaded { bytes: Some(Bytes::new()), ttl: None }) };
            let key = Key::new("trace", key.to_le_bytes());
            let fetched = cache.get_or_load(&key, &[], load).await;
            let fetched = fetched.map_err(|error| anyhow::anyhow!("a load failed: {error}"))?;
            hits += usize::from(fetched.origin == Origin::Memory);
        }
        Ok(hits as f64 / keys.len().max(1) as f64)
    })
}

fn quick(keys: &[u64], capacity: usize) -> f64 {
    let cache = quick_cache::sync::Cache::<u64, ()>::new(capacity);
    ratio(keys, |key| {
        let hit = cache.get(&key).is_some();
        if !hit {
            cache.insert(key, ());
        }
        hit
    })
}

fn moka(keys: &[u64], capacity: usize) -> f64 {
    let cache = moka::sync::Cache::<u64, ()>::new(capacity as u64);
    // Its evictions run behind. At equal capacity it may hold little more than fits: a sixty-fourth,
    // or one entry.
    let behind = (capacity / 64).clamp(1, 64);
    let mut since = 0;
    ratio(keys, |key| {
        let hit = cache.get(&key).is_some();
        if !hit {
            cache.insert(key, ());
        }
        since += 1;
        if since % behind == 0 {
            cache.run_pending_tasks();
        }
        hit
    })
}

fn foyer(keys: &[u64], capacity: usize) -> f64 {
    let shards = (capacity / 1_024).clamp(1, 8);
    let builder = foyer_memory::CacheBuilder::<u64, (), _>::new(capacity).with_shards(shards);
    let cache: foyer_memory::Cache<u64, ()> = builder.build();
    ratio(keys, |key| {
        let hit = cache.get(&key).is_some();
        if !hit {
            cache.insert(key, ());
        }
        hit
    })
}

fn traces(folder: &Path) -> Result<Vec<Trace>> {
    let mut all = Vec::new();
    for (kind, read) in [("arc", arc as fn(&[u8]) -> Vec<u64>), ("lirs", lirs), ("cache2k", words)]
    {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join(kind))?
            .map(|file| Ok(file?.path()))
            .collect::<Result<_>>()?;
        files.sort();
        for file in files.into_iter().filter(|file| !file.ends_with("P6.lis.zst")) {
            let mut keys = read(&unpacked(&file)?);
            if kind == "cache2k" {
                keys.truncate(MOST);
            }
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            all.push(Trace::new(name.split('.').next().unwrap_or_default(), keys));
        }
    }
    let agents = std::fs::read_to_string(folder.join("agent_train.csv"))?;
    all.push(Trace::new("agents", agents_keys(&agents)));
    Ok(all)
}

impl Trace {
    fn new(name: &str, keys: Vec<u64>) -> Self {
        let distinct = keys.iter().collect::<std::collections::HashSet<_>>().len();
        Self { name: name.to_owned(), keys, distinct }
    }
}

/// A packed file's bytes, by the program for its kind.
fn unpacked(file: &Path) -> Result<Vec<u8>> {
    let program = match file.extension().and_then(|extension| extension.to_str()) {
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        Some("xz") => "xz",
        _ => bail!("{}: no known packing", file.display()),
    };
    let output = Command::new(program).arg("-dc").arg(file).output();
    let output =
        output.with_context(|| format!("{program} is needed to read {}", file.display()))?;
    Ok(output.stdout)
}

/// Runs of blocks: `start count 0 number`.
fn arc(bytes: &[u8]) -> Vec<u64> {
    let text = String::from_utf8_lossy(bytes);
    let run = |line: &str| {
        let mut words = line.split_whitespace().map_while(|word| word.parse::<u64>().ok());
        let (start, count) = (words.next()?, words.next()?);
        Some(start..start + count)
    };
    text.lines().filter_map(run).flatten().collect()
}

fn lirs(bytes: &[u8]) -> Vec<u64> {
    String::from_utf8_lossy(bytes).lines().filter_map(|line| line.trim().parse().ok()).collect()
}

fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |chunk: &[u8]| Some(u64::from(u32::from_be_bytes(*chunk.first_chunk()?)));
    bytes.chunks_exact(4).filter_map(word).collect()
}

/// Windows as the segments of 5 seconds that they touch.
fn agents_keys(text: &str) -> Vec<u64> {
    let mut names = std::collections::HashMap::new();
    let mut keys = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [_, _, video, kind, from, to] = fields.as_slice() else { continue };
        let next = names.len() as u64;
        let timeline = *names.entry(format!("{video}/{kind}")).or_insert(next);
        let (Ok(from), Ok(to)) = (from.parse::<f64>(), to.parse::<f64>()) else { continue };
        let last = ((to - 1e-9).max(from) / 5.0) as u64;
        keys.extend(((from / 5.0) as u64..=last).map(|slot| timeline << 20 | slot));
    }
    keys
}
