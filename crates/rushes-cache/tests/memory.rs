//! The invariants of docs/design.md that one node with a memory tier must keep, through the public
//! interface. Loaders are held by gates, so every race is forced and none is left to chance.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rushes_cache::{
    Cache, Clock, Fetched, Key, LoadError, Loaded, Lookup, NamespaceStats, Origin, Scope, Settings,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

fn cache() -> Cache {
    Cache::builder().memory(64 << 20).build()
}

fn key(id: &str) -> Key {
    Key::new("captions", id)
}

fn video() -> Scope {
    Scope::path(["video", "42"])
}

fn loaded(text: &str) -> Loaded {
    Loaded { bytes: Some(Bytes::copy_from_slice(text.as_bytes())), ttl: None }
}

fn text(fetched: &Fetched) -> String {
    let bytes = fetched.value.as_ref().map(|value| value.bytes().to_vec()).unwrap_or_default();
    String::from_utf8(bytes).unwrap()
}

fn counted(cache: &Cache) -> NamespaceStats {
    cache.stats().namespaces.into_iter().find(|space| space.name == "captions").unwrap()
}

async fn fetch(cache: &Cache, id: &str, value: &'static str) -> Result<Fetched, LoadError> {
    cache.get_or_load(&key(id), &[video()], move || async move { Ok(loaded(value)) }).await
}

async fn hit(cache: &Cache, id: &str) -> Option<String> {
    match cache.get(&key(id)).await {
        Lookup::Hit(value) => Some(String::from_utf8(value.bytes().to_vec()).unwrap()),
        Lookup::Absent | Lookup::Miss => None,
    }
}

type Caller = JoinHandle<Result<Fetched, LoadError>>;
type Gate = oneshot::Sender<Result<Loaded, LoadError>>;

/// A caller whose load has begun and ends when the gate is given what it shall answer.
async fn held_load(cache: &Cache, id: &'static str) -> (Caller, Gate) {
    let (began, has_begun) = oneshot::channel();
    let (gate, answer) = oneshot::channel();
    let cache = cache.clone();
    let caller = tokio::spawn(async move {
        let load = move || async move {
            began.send(()).unwrap();
            answer.await.expect("the test opens the gate")
        };
        cache.get_or_load(&key(id), &[video()], load).await
    });
    has_begun.await.unwrap();
    (caller, gate)
}

/// A caller that has joined the load of another one.
async fn joined(cache: &Cache, id: &'static str, own: &'static str) -> Caller {
    let before = counted(cache).joins;
    let caller = tokio::spawn({
        let cache = cache.clone();
        async move { fetch(&cache, id, own).await }
    });
    while counted(cache).joins == before {
        tokio::task::yield_now().await;
    }
    caller
}

#[tokio::test]
async fn no_stale_read_after_acknowledged_invalidation() {
    let cache = cache();
    fetch(&cache, "a", "old").await.unwrap();
    assert_eq!(hit(&cache, "a").await.as_deref(), Some("old"));
    cache.invalidate(&[video()]).await;
    assert_eq!(hit(&cache, "a").await, None);
    assert_eq!(text(&fetch(&cache, "a", "new").await.unwrap()), "new");
    assert_eq!(counted(&cache).invalidated, 1);
}

#[tokio::test]
async fn a_fill_that_began_before_an_invalidation_is_handed_over_but_not_cached() {
    let cache = cache();
    let (leader, gate) = held_load(&cache, "a").await;
    let waiter = joined(&cache, "a", "unused").await;
    cache.invalidate(&[video()]).await;
    gate.send(Ok(loaded("old"))).unwrap();
    assert_eq!(text(&leader.await.unwrap().unwrap()), "old");
    assert_eq!(text(&waiter.await.unwrap().unwrap()), "old");
    assert_eq!(hit(&cache, "a").await, None);
    assert_eq!(counted(&cache).discarded, 1);
}

#[tokio::test]
async fn callers_after_an_invalidation_do_not_join_the_old_load() {
    let cache = cache();
    let (leader, gate) = held_load(&cache, "a").await;
    cache.invalidate(&[video()]).await;
    let new = fetch(&cache, "a", "new").await.unwrap();
    assert_eq!((text(&new).as_str(), new.origin), ("new", Origin::Source));
    gate.send(Ok(loaded("old"))).unwrap();
    assert_eq!(text(&leader.await.unwrap().unwrap()), "old");
    assert_eq!(hit(&cache, "a").await.as_deref(), Some("new"), "the late old load replaced it");
}

#[tokio::test]
async fn an_unrelated_invalidation_disturbs_nothing() {
    let cache = cache();
    let (leader, gate) = held_load(&cache, "a").await;
    cache.invalidate(&[Scope::path(["video", "43"])]).await;
    gate.send(Ok(loaded("kept"))).unwrap();
    leader.await.unwrap().unwrap();
    cache.invalidate(&[Scope::path(["video", "43"])]).await;
    assert_eq!(hit(&cache, "a").await.as_deref(), Some("kept"));
}

#[tokio::test]
async fn namespaces_and_everything_are_invalidated_as_scopes_are() {
    let cache = cache();
    let other = Key::new("objects", "a");
    let load = || async { Ok(loaded("x")) };
    for clear in [false, true] {
        cache.get_or_load(&other, &[], load).await.unwrap();
        fetch(&cache, "a", "cached").await.unwrap();
        let (leader, gate) = held_load(&cache, "loading").await;
        match clear {
            false => cache.invalidate_namespace("captions").await,
            true => cache.clear().await,
        }
        gate.send(Ok(loaded("old"))).unwrap();
        leader.await.unwrap().unwrap();
        assert_eq!(hit(&cache, "a").await, None);
        assert_eq!(hit(&cache, "loading").await, None);
        assert_eq!(matches!(cache.get(&other).await, Lookup::Hit(_)), !clear);
    }
}

#[tokio::test]
async fn remove_during_a_load_keeps_its_value_out() {
    let cache = cache();
    let (leader, gate) = held_load(&cache, "a").await;
    cache.remove(&key("a")).await;
    assert_eq!(text(&fetch(&cache, "a", "new").await.unwrap()), "new", "joined the removed load");
    gate.send(Ok(loaded("old"))).unwrap();
    assert_eq!(text(&leader.await.unwrap().unwrap()), "old");
    assert_eq!(hit(&cache, "a").await.as_deref(), Some("new"));
    cache.remove(&key("a")).await;
    assert_eq!(hit(&cache, "a").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_load_per_key() {
    let cache = cache();
    let loads = Arc::new(AtomicUsize::new(0));
    let callers: Vec<Caller> = (0..200)
        .map(|_| {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            tokio::spawn(async move {
                let load = move || async move {
                    loads.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok(loaded("once"))
                };
                cache.get_or_load(&key("a"), &[video()], load).await
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(text(&caller.await.unwrap().unwrap()), "once");
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_cancelled_caller_does_not_stop_the_load() {
    let cache = cache();
    let (leader, gate) = held_load(&cache, "a").await;
    let waiter = joined(&cache, "a", "unused").await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    gate.send(Ok(loaded("survived"))).unwrap();
    assert_eq!(text(&waiter.await.unwrap().unwrap()), "survived");
    assert_eq!(hit(&cache, "a").await.as_deref(), Some("survived"));
}

#[tokio::test]
async fn a_failed_load_reaches_all_its_waiters_once_and_is_not_cached() {
    let cache = cache();
    let (leader, gate) = held_load(&cache, "a").await;
    let waiter = joined(&cache, "a", "unused").await;
    gate.send(Err(Arc::from(Box::<dyn std::error::Error + Send + Sync>::from("disk on fire"))))
        .unwrap();
    for caller in [leader, waiter] {
        assert_eq!(caller.await.unwrap().unwrap_err().to_string(), "disk on fire");
    }
    assert_eq!(text(&fetch(&cache, "a", "recovered").await.unwrap()), "recovered");
    assert_eq!((counted(&cache).load_errors, cache.stats().flights), (1, 0));
}

#[tokio::test]
async fn after_a_panic_exactly_one_of_the_waiters_takes_over() {
    let cache = cache();
    let (leader, gate) = held_load(&cache, "a").await;
    let first = joined(&cache, "a", "taken over").await;
    let second = joined(&cache, "a", "taken over").await;
    drop(gate);
    let error = leader.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("captions/a panicked"), "{error}");
    for caller in [first, second] {
        assert_eq!(text(&caller.await.unwrap().unwrap()), "taken over");
    }
    assert_eq!((counted(&cache).loads, counted(&cache).load_errors), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hung_load_ends_at_its_deadline_and_frees_its_key() {
    let cache = Cache::builder().memory(1 << 20).load_deadline(Duration::from_secs(5)).build();
    let (leader, gate) = held_load(&cache, "a").await;
    let error = leader.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("given up after 5s"), "{error}");
    assert!(gate.is_closed(), "the hung loader was dropped");
    assert_eq!(text(&fetch(&cache, "a", "next").await.unwrap()), "next");
}

#[tokio::test]
async fn a_load_cut_off_by_the_end_of_its_runtime_frees_its_key() {
    let cache = cache();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let thread = std::thread::spawn({
        let cache = cache.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.unwrap().block_on(async {
                let (_leader, gate) = held_load(&cache, "a").await;
                ready.send(gate).unwrap();
            });
        }
    });
    let _gate = is_ready.recv().unwrap();
    thread.join().unwrap();
    assert_eq!(text(&fetch(&cache, "a", "next").await.unwrap()), "next");
}

#[tokio::test]
async fn absent_empty_and_missing_are_different() {
    let clock = Clock::manual();
    let settings =
        Settings { absent_ttl: Some(Duration::from_secs(5)), jitter: 0.0, ..Settings::default() };
    let builder = Cache::builder().memory(1 << 20).clock(clock.clone());
    let cache = builder.namespace("captions", settings).build();
    let load = || async { Ok(Loaded::default()) };
    let fetched = cache.get_or_load(&key("absent"), &[video()], load).await.unwrap();
    assert!(fetched.value.is_none());
    let again = cache.get_or_load(&key("absent"), &[video()], load).await.unwrap();
    assert_eq!((again.value.is_none(), again.origin), (true, Origin::Memory));
    fetch(&cache, "empty", "").await.unwrap();

    assert!(matches!(cache.get(&key("absent")).await, Lookup::Absent));
    assert_eq!(hit(&cache, "empty").await.as_deref(), Some(""));
    assert!(matches!(cache.get(&key("missing")).await, Lookup::Miss));
    clock.advance(Duration::from_secs(5));
    assert!(matches!(cache.get(&key("absent")).await, Lookup::Miss), "its own TTL is over");
    assert_eq!(hit(&cache, "empty").await.as_deref(), Some(""));
}

#[tokio::test]
async fn absence_is_invalidated_like_a_value() {
    let cache = cache();
    let load = || async { Ok(Loaded::default()) };
    cache.get_or_load(&key("a"), &[video()], load).await.unwrap();
    cache.invalidate(&[video()]).await;
    assert_eq!(text(&fetch(&cache, "a", "created").await.unwrap()), "created");
}

#[tokio::test]
async fn an_entry_past_its_time_is_never_served() {
    let clock = Clock::manual();
    let settings = Settings {
        ttl: Some(Duration::from_secs(60)),
        absent_ttl: None,
        jitter: 0.0,
        ..Settings::default()
    };
    let builder = Cache::builder().memory(1 << 20).clock(clock.clone());
    let cache = builder.namespace("captions", settings).build();
    let short = || async { Ok(Loaded { ttl: Some(Duration::from_millis(1)), ..loaded("short") }) };
    cache.get_or_load(&key("short"), &[video()], short).await.unwrap();
    fetch(&cache, "a", "first").await.unwrap();
    clock.advance(Duration::from_millis(1));
    assert_eq!(hit(&cache, "short").await, None);
    clock.advance(Duration::from_millis(59_998));
    assert_eq!(hit(&cache, "a").await.as_deref(), Some("first"));
    clock.advance(Duration::from_millis(1));
    assert_eq!(hit(&cache, "a").await, None);
    assert_eq!(text(&fetch(&cache, "a", "second").await.unwrap()), "second");
    assert_eq!(counted(&cache).expired, 2);
}

#[tokio::test]
async fn memory_stays_within_its_bytes() {
    let cache = Cache::builder().memory(1 << 20).build();
    let backing = Bytes::from(vec![7u8; 1 << 20]);
    for n in 0..5_000 {
        // A short slice of a long buffer must not keep the buffer.
        let bytes = backing.slice(n..n + 1 + n % 4_000);
        let load = || async { Ok(Loaded { bytes: Some(bytes), ttl: None }) };
        cache.get_or_load(&key(&n.to_string()), &[video()], load).await.unwrap();
        let memory = cache.stats().memory;
        assert!(memory.bytes <= memory.capacity, "{memory:?}");
    }
    let memory = cache.stats().memory;
    assert!(memory.bytes > memory.capacity / 2 && memory.entries > 100, "{memory:?}");
    assert!(counted(&cache).evictions > 1_000);
    let unshared = backing.try_into_mut();
    assert!(unshared.is_ok(), "the cache still holds the loaders' buffer");
}

/// Of the same size, one is looked at to and fro, and slowly on; the other round and round. No one
/// policy does well on both.
#[tokio::test]
async fn memory_evicts_by_what_suits_what_is_asked_for() {
    let span = |turn: u32| turn * 50..turn * 50 + 150;
    let to_and_fro = (0..60).flat_map(|turn| span(turn).chain(span(turn).rev()));
    let round_and_round = (0..100).flat_map(|_| 0..150);
    let both: [(&str, Vec<u32>, f64); 2] = [
        ("to and fro", to_and_fro.collect(), 0.3),
        ("round and round", round_and_round.collect(), 0.4),
    ];
    for (name, keys, least) in both {
        let cache = Cache::builder().memory(64 << 20).entries(100).build();
        let mut hits = 0;
        for key in &keys {
            let fetched = fetch(&cache, &key.to_string(), "small").await.unwrap();
            hits += usize::from(fetched.origin == Origin::Memory);
        }
        let ratio = hits as f64 / keys.len() as f64;
        assert!(ratio > least, "{name}: {ratio}");
    }
}

#[tokio::test]
async fn memory_stays_within_its_entries() {
    let cache = Cache::builder().memory(64 << 20).entries(100).build();
    for n in 0..1_000 {
        fetch(&cache, &n.to_string(), "small").await.unwrap();
    }
    let entries = cache.stats().memory.entries;
    assert!((50..=100).contains(&entries), "{entries} entries");
    let large = Cache::builder().memory(1 << 20).entries(100_000).build();
    for n in 0..100 {
        let load = || async { Ok(Loaded { bytes: Some(vec![0; 50_000].into()), ttl: None }) };
        large.get_or_load(&key(&n.to_string()), &[], load).await.unwrap();
    }
    assert!(large.stats().memory.entries <= 20, "bytes are bounded all the same");
}

#[tokio::test]
async fn a_value_larger_than_the_cache_is_served_and_not_kept() {
    let cache = Cache::builder().memory(1 << 20).build();
    let load = || async { Ok(Loaded { bytes: Some(vec![1; 2 << 20].into()), ttl: None }) };
    let fetched = cache.get_or_load(&key("big"), &[video()], load).await.unwrap();
    assert_eq!(fetched.value.unwrap().bytes().len(), 2 << 20);
    assert_eq!(cache.stats().memory.entries, 0);
}

#[tokio::test]
async fn without_a_memory_tier_loads_are_still_shared() {
    let cache = Cache::builder().build();
    let (leader, gate) = held_load(&cache, "a").await;
    let waiter = joined(&cache, "a", "unused").await;
    gate.send(Ok(loaded("shared"))).unwrap();
    for caller in [leader, waiter] {
        assert_eq!(text(&caller.await.unwrap().unwrap()), "shared");
    }
    assert_eq!(text(&fetch(&cache, "a", "again").await.unwrap()), "again");
}

#[tokio::test]
async fn a_value_is_decoded_once_and_its_weight_charged() {
    let cache = cache();
    let decodes = AtomicUsize::new(0);
    let decode = |bytes: &[u8]| {
        decodes.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::str::Utf8Error>((std::str::from_utf8(bytes)?.to_owned(), 10_000))
    };
    let first = fetch(&cache, "a", "words").await.unwrap().value.unwrap();
    let before = cache.stats().memory.bytes;
    let decoded = first.decoded(decode).unwrap();
    let charged = cache.stats().memory.bytes - before;
    assert!((10_000..10_300).contains(&charged), "{charged}: the value and what holds it");
    let second = fetch(&cache, "a", "unused").await.unwrap().value.unwrap();
    assert!(Arc::ptr_eq(&decoded, &second.decoded(decode).unwrap()));
    assert_eq!(decodes.load(Ordering::SeqCst), 1);
    let other = second.decoded(|bytes| Ok::<_, ()>((bytes.len(), 8))).unwrap();
    assert_eq!(*other, 5);
    cache.remove(&key("a")).await;
    assert_eq!(cache.stats().memory.bytes, 0);
}

#[tokio::test]
async fn a_failed_decode_is_not_remembered() {
    let cache = cache();
    let value = fetch(&cache, "a", "words").await.unwrap().value.unwrap();
    assert_eq!(value.decoded(|_| Err::<((), usize), _>("bad")), Err("bad"));
    assert_eq!(*value.decoded(|_| Ok::<_, ()>((7, 4))).unwrap(), 7);
}

#[tokio::test]
async fn decoded_values_make_room_for_themselves() {
    let cache = Cache::builder().memory(1 << 20).build();
    for n in 0..100 {
        let value = fetch(&cache, &n.to_string(), "x").await.unwrap().value.unwrap();
        value.decoded(|_| Ok::<_, ()>((vec![0u8; 50_000], 50_000))).unwrap();
        let memory = cache.stats().memory;
        assert!(memory.bytes <= memory.capacity, "{memory:?}");
    }
    assert!(cache.stats().memory.entries < 21);
}

#[tokio::test]
async fn keys_of_the_same_id_in_two_namespaces_do_not_meet() {
    let cache = cache();
    fetch(&cache, "a", "captions").await.unwrap();
    assert!(matches!(cache.get(&Key::new("objects", "a")).await, Lookup::Miss));
}

#[tokio::test]
async fn statistics_count_what_happened() {
    let cache = cache();
    fetch(&cache, "a", "x").await.unwrap();
    for _ in 0..3 {
        fetch(&cache, "a", "x").await.unwrap();
    }
    assert!(hit(&cache, "b").await.is_none());
    cache.invalidate(&[video()]).await;
    let stats = cache.stats();
    let space = counted(&cache);
    assert_eq!((space.hits, space.misses, space.loads, space.joins), (3, 2, 1, 0));
    assert_eq!((stats.invalidations, stats.memory.entries, stats.scopes), (1, 1, 1));
}
