//! A hit in memory against a bare quick_cache.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use rushes_cache::{Cache, Key, Loaded, Lookup, Scope};

use crate::figure::{Figure, Goal, Report, median};

const KEYS: usize = 100_000;
const VALUE: usize = 2_048;
const LOOKS: usize = 1_000_000;
const RUNS: usize = 5;

/// A hit with expiry and three generations checked, in random order over 100,000 keys of 2 KB,
/// beside the bare map that holds the same bytes under the same names.
pub(crate) fn l1_hit(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let names: Vec<String> =
        (0..KEYS).map(|number| format!("video{}/{number}", number % 97)).collect();
    let keys: Vec<Key> = names.iter().map(|name| Key::new("captions", name)).collect();
    let bare = quick_cache::sync::Cache::<String, Bytes>::new(KEYS * 2);
    let cache = Cache::builder().memory(1 << 30).build();
    for name in &names {
        bare.insert(name.clone(), Bytes::from(vec![7; VALUE]));
    }
    runtime.block_on(fill(&cache, &keys))?;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let order = shuffled(run as u64 + 1);
        peers.push(timed(&order, |at| {
            black_box(names.get(at).and_then(|name| bare.get(name)));
        }));
        ours.push(runtime.block_on(hits(&cache, &keys, &order))?);
    }
    report.add(&Figure {
        name: "cache.l1_hit",
        value: median(ours),
        peer: median(peers),
        unit: "ns",
        goal: Goal::AtMost(1.3),
        against: "a get of bare quick_cache".to_owned(),
    });
    Ok(())
}

async fn fill(cache: &Cache, keys: &[Key]) -> Result<()> {
    for (number, key) in keys.iter().enumerate() {
        let video = format!("{}", number % 97);
        let scopes = [
            Scope::path(["video", &video]),
            Scope::path(["kind", "caption"]),
            Scope::path(["all"]),
        ];
        let load = || async { Ok(Loaded { bytes: Some(Bytes::from(vec![7; VALUE])), ttl: None }) };
        let loaded = cache.get_or_load(key, &scopes, load).await;
        loaded.map_err(|error| anyhow::anyhow!("filling the cache: {error}"))?;
    }
    Ok(())
}

/// Nanoseconds a hit.
async fn hits(cache: &Cache, keys: &[Key], order: &[usize]) -> Result<f64> {
    let start = Instant::now();
    for &at in order {
        let key = keys.get(at).context("an order beyond the keys")?;
        if !matches!(black_box(cache.get(key).await), Lookup::Hit(..)) {
            bail!("a filled key was missed");
        }
    }
    Ok(start.elapsed().as_nanos() as f64 / order.len() as f64)
}

fn timed(order: &[usize], look: impl Fn(usize)) -> f64 {
    let start = Instant::now();
    for &at in order {
        look(at);
    }
    start.elapsed().as_nanos() as f64 / order.len() as f64
}

fn shuffled(mut seed: u64) -> Vec<usize> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % KEYS
    };
    (0..LOOKS).map(|_| next()).collect()
}
