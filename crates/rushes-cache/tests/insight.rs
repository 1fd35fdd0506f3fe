//! What a cache tells about itself, and how it is warmed: figures, hot keys, the memory curve, the
//! self-audit.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rushes_cache::{
    Budget, Cache, Clock, Key, LoadError, Loaded, Lookup, NamespaceStats, Origin, Progress, Scope,
    Settings, Wanted,
};
use tokio::sync::Semaphore;

fn key(n: u64) -> Key {
    Key::new("n", n.to_string())
}

fn scope(n: u64) -> Scope {
    Scope::new(format!("own/{n}"))
}

fn loaded(bytes: impl Into<Bytes>) -> Loaded {
    Loaded { bytes: Some(bytes.into()), ttl: None }
}

fn counted(cache: &Cache) -> NamespaceStats {
    cache.stats().namespaces.remove(0)
}

async fn fetch(cache: &Cache, n: u64) -> Origin {
    let load = || async { Ok(loaded("a value of some bytes")) };
    cache.get_or_load(&key(n), &[scope(n), Scope::new("all")], load).await.unwrap().origin
}

fn wanted(numbers: impl IntoIterator<Item = u64>) -> Vec<Wanted> {
    let one = |n| Wanted { key: key(n), scopes: vec![scope(n), Scope::new("all")] };
    numbers.into_iter().map(one).collect()
}

/// Skewed: low numbers are drawn far more often.
fn drawn(seed: &mut u64, of: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let uniform = (*seed >> 11) as f64 / (1u64 << 53) as f64;
    ((of as f64).powf(uniform) as u64).min(of - 1)
}

/// Runs the same references through a cache of so many bytes: its hit ratio, and what it says that
/// twice as much would give.
async fn run(memory: u64) -> (f64, f64) {
    let cache = Cache::builder().memory(memory).build();
    let (mut seed, mut hits) = (7, 0);
    const REFERENCES: u64 = 20_000;
    for _ in 0..REFERENCES {
        hits += u64::from(fetch(&cache, drawn(&mut seed, 20_000)).await == Origin::Memory);
    }
    let curve = cache.curve();
    assert!(curve.references > 1_000, "{curve:?}");
    let double = curve.points.iter().find(|point| point.capacity == memory * 2).unwrap();
    (hits as f64 / REFERENCES as f64, double.hit_ratio)
}

#[tokio::test]
async fn the_curve_foretells_what_twice_the_memory_gives() {
    let (small, foretold) = run(512 << 10).await;
    let (large, _) = run(1 << 20).await;
    assert!(large > small + 0.03, "the trace does not tell sizes apart: {small} {large}");
    assert!((foretold - large).abs() < 0.04, "{foretold} was foretold and {large} came");
}

#[tokio::test]
async fn an_invalidation_is_no_want_of_memory() {
    let cache = Cache::builder().memory(8 << 20).build();
    // So many that their sample is near to one in eight.
    for _ in 0..5 {
        for n in 0..2_000 {
            assert_eq!(fetch(&cache, n).await, Origin::Source);
        }
        cache.invalidate(&[Scope::new("all")]).await;
    }
    let curve = cache.curve();
    assert!(curve.references > 100, "{curve:?}");
    assert!(curve.points.iter().all(|point| point.hit_ratio < 0.3), "{curve:?}");
}

#[tokio::test]
async fn the_hottest_keys_are_known_and_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("hot");
    let cache = Cache::builder().memory(8 << 20).build();
    for n in 0..2_000 {
        fetch(&cache, n).await;
        fetch(&cache, n % 3).await;
    }
    let mut top: Vec<Key> = cache.top(3).into_iter().map(|hot| hot.key).collect();
    top.sort_by_key(|key| key.id().to_vec());
    assert_eq!(top, [key(0), key(1), key(2)]);
    assert_eq!(cache.record_hottest(&record, 3).unwrap(), 3);
    let list = Cache::hottest_before(&record).unwrap();
    let scopes: Vec<Scope> = list.iter().flat_map(|one| one.scopes.clone()).collect();
    assert!(scopes.contains(&scope(0)) && scopes.contains(&Scope::new("all")), "{scopes:?}");
    assert!(Cache::hottest_before(&folder.path().join("none")).unwrap().is_empty());
    let again = Cache::builder().memory(8 << 20).build();
    let load = |keys: Vec<Key>| async move { Ok(keys.iter().map(|_| loaded("warm")).collect()) };
    let progress = again.warm(list, Budget::default(), load).finished().await;
    assert_eq!((progress.warmed, progress.done), (3, true));
    assert_eq!(fetch(&again, 0).await, Origin::Memory);
    again.invalidate(&[scope(0)]).await;
    assert_eq!(fetch(&again, 0).await, Origin::Source, "it was warmed without its scopes");
}

#[tokio::test]
async fn warming_loads_what_is_missing_within_its_budget() {
    let cache = Cache::builder().memory(8 << 20).build();
    fetch(&cache, 1).await;
    let load = |keys: Vec<Key>| async move {
        Ok(keys.iter().map(|_| loaded(vec![0; 1_000])).collect::<Vec<_>>())
    };
    let budget = Budget { batch: 2, ..Budget::default() };
    let all = cache.warm(wanted(0..5), budget, load).finished().await;
    let expected = Progress { of: 5, asked: 5, warmed: 4, failed: 0, bytes: 4_000, done: true };
    assert_eq!(all, expected);
    assert_eq!(counted(&cache).loads, 5, "what was there was loaded again");
    let few = cache.warm(wanted(10..20), Budget { keys: 3, ..budget }, load).finished().await;
    assert_eq!((few.of, few.warmed), (3, 3));
    let small =
        cache.warm(wanted(20..30), Budget { bytes: 2_000, ..budget }, load).finished().await;
    assert_eq!(small.warmed, 2);
    let late = Budget { time: Duration::ZERO, ..budget };
    assert_eq!(cache.warm(wanted(30..40), late, load).finished().await.asked, 0);
    let fails = |_: Vec<Key>| async { Err(Arc::new(std::fmt::Error) as LoadError) };
    let failed = cache.warm(wanted(40..44), budget, fails).finished().await;
    assert_eq!((failed.asked, failed.failed), (4, 4));
}

#[tokio::test]
async fn warming_can_be_cancelled_and_what_is_invalidated_meanwhile_is_not_kept() {
    let cache = Cache::builder().memory(8 << 20).build();
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let load = move |keys: Vec<Key>| {
        let gate = Arc::clone(&opened);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(keys.iter().map(|_| loaded("old")).collect())
        }
    };
    let budget = Budget { batch: 2, ..Budget::default() };
    let warming = cache.warm(wanted(0..10), budget, load);
    while cache.stats().flights < 2 {
        tokio::task::yield_now().await;
    }
    cache.invalidate(&[scope(0)]).await;
    warming.cancel();
    gate.add_permits(5);
    let progress = warming.finished().await;
    assert_eq!((progress.of, progress.asked, progress.done), (10, 2, true));
    assert!(matches!(cache.get(&key(0)).await, Lookup::Miss), "it went past the fence");
    assert!(matches!(cache.get(&key(1)).await, Lookup::Hit(_)));
}

/// A source and a cache that compares every hit that it looks at.
struct Audited {
    cache: Cache,
    source: Arc<AtomicU64>,
}

impl Audited {
    fn new() -> Self {
        let settings = Settings { audit: 1, ..Settings::default() };
        let cache = Cache::builder().memory(8 << 20).clock(Clock::manual());
        Self { cache: cache.namespace("n", settings).build(), source: Arc::default() }
    }

    /// Reads until the cache has looked at a hit.
    async fn read(&self) {
        for _ in 0..64 {
            let source = Arc::clone(&self.source);
            let load = move || async move {
                Ok(loaded(source.load(Ordering::SeqCst).to_be_bytes().to_vec()))
            };
            self.cache.get_or_load(&key(1), &[scope(1)], load).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_audit_finds_a_write_that_went_by_the_cache() {
    let audited = Audited::new();
    audited.read().await;
    audited.cache.close().await.unwrap();
    assert_eq!((counted(&audited.cache).audits > 0, counted(&audited.cache).stale), (true, 0));
    audited.source.store(1, Ordering::SeqCst);
    audited.read().await;
    audited.cache.close().await.unwrap();
    assert!(counted(&audited.cache).stale > 0, "{:?}", counted(&audited.cache));
}

#[tokio::test(start_paused = true)]
async fn the_audit_is_not_deceived_by_a_write_under_way() {
    let audited = Audited::new();
    audited.read().await;
    audited.source.store(1, Ordering::SeqCst);
    audited.read().await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    audited.cache.invalidate(&[scope(1)]).await;
    audited.cache.close().await.unwrap();
    assert_eq!((counted(&audited.cache).audits > 1, counted(&audited.cache).stale), (true, 0));
}

#[tokio::test]
async fn bytes_and_entries_of_a_namespace_are_those_alive() {
    let cache = Cache::builder().memory(8 << 20).build();
    for n in 0..10 {
        fetch(&cache, n).await;
    }
    let full = counted(&cache);
    assert_eq!(full.entries, 10);
    assert!(full.bytes >= 10 * "a value of some bytes".len() as u64, "{full:?}");
    cache.remove_many(&(0..10).map(key).collect::<Vec<_>>()).await;
    let empty = counted(&cache);
    assert_eq!((empty.entries, empty.bytes, empty.removed), (0, 0, 10));
}
