//! The memory tier against the bare maps.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use rushes_cache::{Cache, Key, Loaded, Lookup, Pattern, Scope};

use crate::figure::{Figure, Goal, Report, median};

const KEYS: usize = 100_000;
const VALUE: usize = 2_048;
const LOOKS: usize = 1_000_000;
const RUNS: usize = 5;
/// Entries over which invalidations are timed.
const MANY: usize = 1_000_000;

type Bare = quick_cache::sync::Cache<String, Bytes>;

/// A hit with expiry and three generations checked, counted and sampled, in random order over
/// 100,000 keys of 2 KB, beside the bare maps that hold the same bytes under the same names.
pub(crate) fn l1_hit(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let names = names();
    let keys: Vec<Key> = names.iter().map(|name| Key::new("captions", name)).collect();
    let bare = bare(&names);
    let moka = moka::sync::Cache::<String, Bytes>::new(KEYS as u64 * 2);
    for name in &names {
        moka.insert(name.clone(), Bytes::from(vec![7; VALUE]));
    }
    moka.run_pending_tasks();
    let cache = Cache::builder().memory(1 << 30).build();
    runtime.block_on(fill(&cache, &keys))?;
    let (mut ours, mut quick, mut mokas) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let order = shuffled(run as u64 + 1);
        quick.push(timed(&order, |at| {
            black_box(names.get(at).and_then(|name| bare.get(name)));
        }));
        mokas.push(timed(&order, |at| {
            black_box(names.get(at).and_then(|name| moka.get(name)));
        }));
        ours.push(runtime.block_on(hits(&cache, &keys, &order))?);
    }
    let ours = median(ours);
    report.add(&Figure {
        name: "cache.l1_hit",
        value: ours,
        peer: median(quick),
        unit: "ns",
        goal: Goal::AtMost(1.25),
        against: "a get of bare quick_cache".to_owned(),
    });
    report.add(&Figure {
        name: "cache.l1_hit_moka",
        value: ours,
        peer: median(mokas),
        unit: "ns",
        goal: Goal::AtMost(0.4),
        against: "a get of moka".to_owned(),
    });
    Ok(())
}

/// How many times as many hits two threads get as one, beside what quick_cache itself gains.
pub(crate) fn l1_scale(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let names = names();
    let keys: Vec<Key> = names.iter().map(|name| Key::new("captions", name)).collect();
    let bare = bare(&names);
    let cache = Cache::builder().memory(1 << 30).build();
    runtime.block_on(fill(&cache, &keys))?;
    let (mut ours, mut quick) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let order = shuffled(run as u64 + 1);
        let look = |at: usize| drop(black_box(keys.get(at).and_then(|key| cache.peek(key))));
        ours.push(timed(&order, look) / timed_twice(&order, look));
        let look = |at: usize| drop(black_box(names.get(at).and_then(|name| bare.get(name))));
        quick.push(timed(&order, look) / timed_twice(&order, look));
    }
    report.add(&Figure {
        name: "cache.l1_scale",
        value: median(ours),
        peer: median(quick),
        unit: "x",
        goal: Goal::AtLeast(0.9),
        against: "the gain of bare quick_cache with a second thread".to_owned(),
    });
    Ok(())
}

/// Bytes of resident memory that an entry takes beyond key and value. The keys are dropped by their
/// caller, so that all that is left of them is the cache's.
pub(crate) fn l1_overhead(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let cache = Cache::builder().memory(4 << 30).build();
    let id = |number: usize| format!("video{}/{number}", number % 97);
    let entries = KEYS * 3;
    let named: usize = (0..entries).map(|number| "captions".len() + id(number).len()).sum();
    let before = resident()?;
    for number in 0..entries {
        runtime.block_on(fill_one(&cache, &Key::new("captions", id(number)), number))?;
    }
    let grown = resident()?.saturating_sub(before) as f64;
    let own = VALUE as f64 + named as f64 / entries as f64;
    let overhead = grown / entries as f64 - own;
    let charged = cache.stats().memory.bytes as f64 / entries as f64 - own;
    report.note(&format!("charged beyond key and value: {charged:.0} bytes"));
    report.add(&Figure {
        name: "cache.l1_overhead",
        value: overhead,
        peer: 160.0,
        unit: "bytes",
        goal: Goal::AtMost(1.0),
        against: "160 bytes an entry, by resident memory".to_owned(),
    });
    Ok(())
}

/// Invalidating a tag and a prefix that cover a million entries, each on its own.
pub(crate) fn invalidate(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let cache = Cache::builder().memory(4 << 30).build();
    let keys: Vec<Key> = (0..MANY).map(|n| Key::new("captions", format!("42/{n}"))).collect();
    runtime.block_on(async {
        let small = || async { Ok(Loaded { bytes: Some(Bytes::from_static(b"x")), ttl: None }) };
        for key in &keys {
            let loaded = cache.get_or_load(key, &[Scope::new("tag")], small).await;
            loaded.map_err(|error| anyhow::anyhow!("filling the cache: {error}"))?;
        }
        let pattern = Pattern::within("captions", "42/*");
        if cache.covered(&pattern) < MANY {
            bail!("the entries are not there");
        }
        let start = Instant::now();
        cache.invalidate_matching(&pattern).await;
        let prefix = start.elapsed().as_nanos() as f64 / 1000.0;
        let start = Instant::now();
        cache.invalidate(&[Scope::new("tag")]).await;
        let tag = start.elapsed().as_nanos() as f64 / 1000.0;
        if cache.covered(&pattern) > 0 {
            bail!("entries are left");
        }
        for (name, value) in [("cache.invalidate_tag", tag), ("cache.invalidate_prefix", prefix)] {
            report.add(&Figure {
                name,
                value,
                peer: 50.0,
                unit: "us",
                goal: Goal::AtMost(1.0),
                against: "50 us over 1,000,000 entries".to_owned(),
            });
        }
        Ok(())
    })
}

fn names() -> Vec<String> {
    (0..KEYS).map(|number| format!("video{}/{number}", number % 97)).collect()
}

fn bare(names: &[String]) -> Bare {
    let bare = Bare::new(KEYS * 2);
    for name in names {
        bare.insert(name.clone(), Bytes::from(vec![7; VALUE]));
    }
    bare
}

/// Bytes of memory that the process has.
fn resident() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no figure in VmRSS")?.parse()?;
    Ok(kib * 1024)
}

/// The same looks by two threads at once; nanoseconds a look of all.
fn timed_twice(order: &[usize], look: impl Fn(usize) + Sync) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| order.iter().for_each(|at| look(*at)));
        }
    });
    start.elapsed().as_nanos() as f64 / (order.len() * 2) as f64
}

async fn fill(cache: &Cache, keys: &[Key]) -> Result<()> {
    for (number, key) in keys.iter().enumerate() {
        fill_one(cache, key, number).await?;
    }
    Ok(())
}

async fn fill_one(cache: &Cache, key: &Key, number: usize) -> Result<()> {
    let video = format!("{}", number % 97);
    let scopes =
        [Scope::path(["video", &video]), Scope::path(["kind", "caption"]), Scope::path(["all"])];
    let load = || async { Ok(Loaded { bytes: Some(Bytes::from(vec![7; VALUE])), ttl: None }) };
    let loaded = cache.get_or_load(key, &scopes, load).await;
    loaded.map_err(|error| anyhow::anyhow!("filling the cache: {error}"))?;
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
