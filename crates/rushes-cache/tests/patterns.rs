//! Invalidation of many keys: by list, by tag, by wildcard, with loads, refreshes and tiers about.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rushes_cache::{
    Cache, Clock, Fetched, Key, LoadError, Loaded, Lookup, Pattern, Scope, Settings,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

fn cache() -> Cache {
    Cache::builder().memory(64 << 20).build()
}

fn key(id: &str) -> Key {
    Key::new("video", id)
}

fn loaded(text: &str) -> Loaded {
    Loaded { bytes: Some(Bytes::copy_from_slice(text.as_bytes())), ttl: None }
}

fn text(answer: Result<Fetched, LoadError>) -> String {
    let value = answer.unwrap().value.unwrap();
    String::from_utf8(value.bytes().to_vec()).unwrap()
}

async fn fetch(cache: &Cache, id: &str, value: &'static str) -> String {
    let load = move || async move { Ok(loaded(value)) };
    text(cache.get_or_load(&key(id), &[], load).await)
}

async fn has(cache: &Cache, id: &str) -> bool {
    matches!(cache.get(&key(id)).await, Lookup::Hit(_))
}

async fn swept(cache: &Cache) {
    while cache.stats().patterns > 0 {
        tokio::task::yield_now().await;
    }
}

type Gate = oneshot::Sender<Result<Loaded, LoadError>>;

async fn held_load(cache: &Cache, id: &'static str) -> (JoinHandle<String>, Gate) {
    let (began, has_begun) = oneshot::channel();
    let (gate, answer) = oneshot::channel();
    let cache = cache.clone();
    let caller = tokio::spawn(async move {
        let load = move || async move {
            began.send(()).unwrap();
            answer.await.expect("the test opens the gate")
        };
        text(cache.get_or_load(&key(id), &[], load).await)
    });
    has_begun.await.unwrap();
    (caller, gate)
}

#[tokio::test]
async fn a_pattern_drops_what_it_matches_and_nothing_else() {
    let cache = cache();
    for id in ["123:frames", "123:captions", "124:frames", "12", "123"] {
        fetch(&cache, id, "old").await;
    }
    let pattern = Pattern::within("video", "123:*");
    assert_eq!(cache.covered(&pattern), 2);
    cache.invalidate_matching(&pattern).await;
    assert_eq!(cache.covered(&pattern), 0);
    assert_eq!(cache.stats().patterns, 1, "the sweep has not run yet");
    let found = async || {
        let mut found = Vec::new();
        for id in ["123:frames", "123:captions", "124:frames", "12", "123"] {
            found.push(has(&cache, id).await);
        }
        found
    };
    assert_eq!(found().await, [false, false, true, true, true], "before the sweep");
    assert_eq!(fetch(&cache, "123:frames", "new").await, "new");
    swept(&cache).await;
    assert_eq!(found().await, [true, false, true, true, true], "after the sweep");
    assert_eq!(fetch(&cache, "123:frames", "unused").await, "new");
}

#[tokio::test]
async fn what_a_pattern_covers_is_gone_from_memory_after_the_sweep() {
    let cache = cache();
    for n in 0..2_000 {
        fetch(&cache, &format!("{n}:a"), "x").await;
    }
    cache.invalidate_matching(&Pattern::across("v?d*", "*7:?")).await;
    swept(&cache).await;
    let stats = cache.stats();
    assert_eq!((stats.memory.entries, stats.namespaces[0].invalidated), (1_800, 200));
}

#[tokio::test]
async fn a_fill_that_began_before_a_pattern_was_invalidated_is_never_cached() {
    for sweep_first in [false, true] {
        let cache = cache();
        let (caller, gate) = held_load(&cache, "1:a").await;
        cache.invalidate_matching(&Pattern::within("video", "?:a")).await;
        assert_eq!(fetch(&cache, "1:a", "new").await, "new", "it joined the old load");
        if sweep_first {
            swept(&cache).await;
        }
        gate.send(Ok(loaded("old"))).unwrap();
        assert_eq!(caller.await.unwrap(), "old");
        assert_eq!(fetch(&cache, "1:a", "unused").await, "new", "the old load replaced it");
        let (caller, gate) = held_load(&cache, "2:a").await;
        cache.invalidate_matching(&Pattern::within("video", "2*")).await;
        if sweep_first {
            swept(&cache).await;
        }
        gate.send(Ok(loaded("old"))).unwrap();
        caller.await.unwrap();
        assert!(!has(&cache, "2:a").await, "the old load was cached; swept: {sweep_first}");
    }
}

#[tokio::test]
async fn what_a_pattern_covers_never_stands_in() {
    let clock = Clock::manual();
    let (ttl, stand_in) = (Some(Duration::from_secs(1)), Some(Duration::from_secs(60)));
    let settings = Settings { ttl, stand_in, jitter: 0.0, ..Settings::default() };
    let builder = Cache::builder().memory(1 << 20).clock(clock.clone());
    let cache = builder.namespace("video", settings).build();
    let failing = async || {
        let load = || async { Err(Arc::new(std::fmt::Error) as LoadError) };
        cache.get_or_load(&key("a"), &[], load).await
    };
    fetch(&cache, "a", "old").await;
    clock.advance(Duration::from_secs(1));
    assert!(failing().await.unwrap().stale);
    cache.invalidate_matching(&Pattern::within("video", "?")).await;
    assert!(failing().await.is_err());
    swept(&cache).await;
    assert!(failing().await.is_err());
}

#[tokio::test]
async fn what_a_counter_covers_costs_no_predicate() {
    let cache = cache();
    for pattern in ["video:*", "*:*", "*", "video:a"] {
        fetch(&cache, "a", "old").await;
        cache.invalidate_matching(&Pattern::parse(pattern).unwrap()).await;
        assert_eq!(cache.stats().patterns, 0, "{pattern}");
        assert!(!has(&cache, "a").await, "{pattern}");
    }
}

#[tokio::test]
async fn too_many_patterns_at_a_time_become_namespaces() {
    let cache = cache();
    fetch(&cache, "kept", "x").await;
    fetch(&cache, "last", "x").await;
    for n in 0..256 {
        cache.invalidate_matching(&Pattern::within("video", &format!("{n}?"))).await;
    }
    assert!(has(&cache, "kept").await);
    cache.invalidate_matching(&Pattern::within("video", "l*")).await;
    assert_eq!(cache.stats().patterns, 256);
    assert!(!has(&cache, "last").await);
    swept(&cache).await;
    assert_eq!(fetch(&cache, "last", "new").await, "new");
}

#[tokio::test]
async fn many_keys_are_removed_like_one() {
    let cache = cache();
    for id in ["a", "b", "c"] {
        fetch(&cache, id, "old").await;
    }
    let (caller, gate) = held_load(&cache, "d").await;
    cache.remove_many(&[key("a"), key("c"), key("d")]).await;
    gate.send(Ok(loaded("old"))).unwrap();
    caller.await.unwrap();
    let mut found = Vec::new();
    for id in ["a", "b", "c", "d"] {
        found.push(has(&cache, id).await);
    }
    assert_eq!(found, [false, true, false, false]);
}

#[tokio::test]
async fn a_tag_is_a_scope_and_tells_how_many_entries_carry_it() {
    let cache = cache();
    let tag = |n: u32| Scope::new(format!("tag {n}"));
    for n in 0..10 {
        let load = || async { Ok(loaded("x")) };
        cache.get_or_load(&key(&n.to_string()), &[tag(n % 3), tag(9)], load).await.unwrap();
    }
    assert_eq!((cache.covered_by(&tag(0)), cache.covered_by(&tag(9))), (4, 10));
    cache.invalidate(&[tag(0)]).await;
    assert_eq!((cache.covered_by(&tag(0)), cache.covered_by(&tag(9))), (0, 6));
    assert_eq!(cache.covered_by(&tag(77)), 0);
}

#[cfg(unix)]
mod below {
    use rushes_cache::testing::{Fault, FaultyTier};
    use rushes_cache::{Disk, Origin, Patience};
    use tempfile::TempDir;

    use super::*;

    async fn origin(cache: &Cache, id: &str) -> Origin {
        let load = || async { Ok(loaded("source")) };
        cache.get_or_load(&key(id), &[], load).await.unwrap().origin
    }

    #[tokio::test]
    async fn an_invalidated_pattern_outlives_a_restart() {
        let folder = TempDir::new().unwrap();
        let open = || {
            let disk = Disk::open(folder.path(), 8 << 20).unwrap();
            Cache::builder().memory(1 << 20).tier(disk).build()
        };
        let cache = open();
        for id in ["1:a", "1:b", "2:a"] {
            fetch(&cache, id, "old").await;
        }
        cache.close().await.unwrap();
        let cache = open();
        cache.invalidate_matching(&Pattern::within("video", "1:*")).await;
        cache.close().await.unwrap();
        let cache = open();
        assert_eq!(origin(&cache, "1:a").await, Origin::Source);
        assert_eq!(origin(&cache, "2:a").await, Origin::Disk, "more was dropped than was covered");
        cache.close().await.unwrap();
        assert_eq!(origin(&open(), "1:a").await, Origin::Disk, "a fresh record was dropped");
    }

    #[tokio::test]
    async fn a_pattern_that_a_dead_tier_missed_is_handed_over_before_it_is_read() {
        let folder = TempDir::new().unwrap();
        let tier = FaultyTier::new(Disk::open(folder.path(), 8 << 20).unwrap());
        let patience = Patience { rest: Duration::ZERO, ..Patience::default() };
        let open = || Cache::builder().patient_tier(tier.clone(), patience).build();
        let cache = open();
        fetch(&cache, "1:a", "old").await;
        while cache.stats().tiers[0].1.puts == 0 {
            tokio::task::yield_now().await;
        }
        tier.set(Fault::Fails);
        cache.invalidate_matching(&Pattern::within("video", "1:*")).await;
        tier.set(Fault::None);
        assert_eq!(origin(&cache, "1:a").await, Origin::Source);
    }
}
