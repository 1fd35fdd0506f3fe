//! Serving while loading: what is stale is told so and refreshed, what is past its time stands in
//! when the source fails, and neither outlives an invalidation or a removal.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rushes_cache::{
    Cache, CacheBuilder, Clock, Fetched, Keep, Key, LoadError, Loaded, Lookup, NamespaceStats,
    Origin, Scope, Settings, Wanted,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const SECOND: Duration = Duration::from_secs(1);

/// Fresh for 10 s, served as stale and refreshed for 10 more, standing in for 10 more.
fn settings() -> Settings {
    Settings {
        ttl: Some(20 * SECOND),
        soft_ttl: Some(10 * SECOND),
        stand_in: Some(10 * SECOND),
        retry: SECOND,
        jitter: 0.0,
        ..Settings::default()
    }
}

fn key() -> Key {
    Key::new("captions", "a")
}

fn video() -> Scope {
    Scope::new("video/42")
}

fn loaded(text: &str) -> Loaded {
    Loaded { bytes: Some(Bytes::copy_from_slice(text.as_bytes())), ttl: None }
}

fn failure() -> LoadError {
    Arc::new(std::io::Error::other("the source is down"))
}

/// What a caller is told: the text, and whether it is stale.
type Told = Result<(String, bool), String>;

fn told(answer: Result<Fetched, LoadError>) -> Told {
    let text = |fetched: &Fetched| {
        let bytes = fetched.value.as_ref().map(|value| value.bytes().to_vec());
        String::from_utf8(bytes.unwrap_or_default()).unwrap()
    };
    let answer = answer.map(|fetched| (text(&fetched), fetched.stale));
    answer.map_err(|error| error.to_string())
}

fn fresh(text: &str) -> Told {
    Ok((text.to_owned(), false))
}

fn stale(text: &str) -> Told {
    Ok((text.to_owned(), true))
}

fn down() -> Told {
    Err("the source is down".to_owned())
}

struct World {
    cache: Cache,
    clock: Clock,
}

type Gate = oneshot::Sender<Result<Loaded, LoadError>>;

impl World {
    fn new(settings: Settings) -> Self {
        Self::with(settings, |builder| builder)
    }

    fn with(settings: Settings, change: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Self {
        let clock = Clock::manual();
        let builder = Cache::builder().memory(8 << 20).clock(clock.clone());
        let cache = change(builder.namespace("captions", settings)).build();
        Self { cache, clock }
    }

    fn pass(&self, seconds: u32) {
        self.clock.advance(seconds * SECOND);
    }

    /// Asks with a loader that answers at once.
    async fn ask(&self, answer: Result<&'static str, ()>) -> Told {
        let answer = answer.map(loaded).map_err(|()| failure());
        let load = move || async move { answer };
        told(self.cache.get_or_load(&key(), &[video()], load).await)
    }

    /// Asks with a loader that answers through the gate.
    fn begin(&self) -> (JoinHandle<Told>, Gate) {
        let (gate, answer) = oneshot::channel();
        let cache = self.cache.clone();
        let caller = tokio::spawn(async move {
            let load = move || async move { answer.await.expect("the test opens the gate") };
            told(cache.get_or_load(&key(), &[video()], load).await)
        });
        (caller, gate)
    }

    async fn looked_up(&self) -> Option<String> {
        match self.cache.get(&key()).await {
            Lookup::Hit(value) => Some(String::from_utf8(value.bytes().to_vec()).unwrap()),
            Lookup::Absent | Lookup::Miss => None,
        }
    }

    /// Waits until no load is under way.
    async fn landed(&self) {
        while self.cache.stats().flights > 0 {
            tokio::task::yield_now().await;
        }
    }

    fn counted(&self) -> NamespaceStats {
        self.cache.stats().namespaces.remove(0)
    }
}

#[tokio::test]
async fn past_its_soft_time_a_value_is_served_as_stale_and_replaced_behind_the_callers() {
    let world = World::new(settings());
    assert_eq!(world.ask(Ok("one")).await, fresh("one"));
    world.pass(9);
    assert_eq!(world.ask(Ok("unused")).await, fresh("one"));
    world.pass(1);
    let (caller, gate) = world.begin();
    assert_eq!(caller.await.unwrap(), stale("one"), "the caller waited for the refresh");
    assert_eq!(world.ask(Ok("unused")).await, stale("one"), "a second refresh was begun");
    assert_eq!(world.looked_up().await.as_deref(), Some("one"));
    gate.send(Ok(loaded("two"))).unwrap();
    world.landed().await;
    assert_eq!(world.ask(Ok("unused")).await, fresh("two"));
    let counted = world.counted();
    assert_eq!((counted.refreshes, counted.loads, counted.misses), (1, 2, 1));
    assert!(counted.stale_hits >= 2);
}

#[tokio::test]
async fn a_refresh_that_began_before_an_invalidation_is_never_cached() {
    let world = World::new(settings());
    world.ask(Ok("one")).await.unwrap();
    world.pass(10);
    let (caller, gate) = world.begin();
    assert_eq!(caller.await.unwrap(), stale("one"));
    world.cache.invalidate(&[video()]).await;
    assert_eq!(world.ask(Ok("new")).await, fresh("new"), "the old value or its refresh was served");
    gate.send(Ok(loaded("old"))).unwrap();
    world.cache.close().await.unwrap();
    assert_eq!(world.ask(Ok("unused")).await, fresh("new"));
}

#[tokio::test]
async fn a_refresh_that_began_before_a_removal_is_never_cached() {
    let world = World::new(settings());
    world.ask(Ok("one")).await.unwrap();
    world.pass(10);
    let (caller, gate) = world.begin();
    assert_eq!(caller.await.unwrap(), stale("one"));
    world.cache.remove(&key()).await;
    gate.send(Ok(loaded("old"))).unwrap();
    world.cache.close().await.unwrap();
    assert_eq!(world.looked_up().await, None);
}

#[tokio::test]
async fn past_its_time_a_value_stands_in_for_a_failing_source_and_only_for_so_long() {
    let world = World::new(settings());
    world.ask(Ok("one")).await.unwrap();
    world.pass(20);
    assert_eq!(world.looked_up().await, None, "it is not there for those who only look");
    assert_eq!(world.ask(Err(())).await, stale("one"));
    assert_eq!(world.ask(Ok("too soon")).await, stale("one"), "the source was asked again at once");
    world.pass(1);
    assert_eq!(world.ask(Ok("two")).await, fresh("two"), "the source was not asked again");
    world.pass(30);
    assert_eq!(world.ask(Err(())).await, down(), "it stood in for longer than it may");
}

#[tokio::test]
async fn without_being_asked_for_nothing_stands_in() {
    let world = World::new(Settings { stand_in: None, soft_ttl: None, ..settings() });
    world.ask(Ok("one")).await.unwrap();
    world.pass(20);
    assert_eq!(world.ask(Err(())).await, down());
}

#[tokio::test]
async fn what_was_invalidated_or_removed_never_stands_in() {
    for remove in [false, true] {
        let world = World::new(settings());
        world.ask(Ok("one")).await.unwrap();
        world.pass(20);
        let (caller, gate) = world.begin();
        while world.cache.stats().flights == 0 {
            tokio::task::yield_now().await;
        }
        match remove {
            true => world.cache.remove(&key()).await,
            false => world.cache.invalidate(&[video()]).await,
        }
        gate.send(Err(failure())).unwrap();
        assert_eq!(caller.await.unwrap(), down(), "removed: {remove}");
        assert_eq!(world.ask(Err(())).await, down(), "removed: {remove}");
    }
}

#[tokio::test]
async fn a_value_stands_in_for_a_loader_that_panics() {
    let world = World::new(settings());
    world.ask(Ok("one")).await.unwrap();
    world.pass(20);
    let load = || async { panic!("on purpose") };
    let answer = world.cache.get_or_load(&key(), &[video()], load).await;
    assert_eq!(told(answer), stale("one"));
}

#[tokio::test(start_paused = true)]
async fn a_value_stands_in_for_a_loader_that_hangs() {
    let world = World::new(Settings { hard_timeout: Some(SECOND), ..settings() });
    world.ask(Ok("one")).await.unwrap();
    world.pass(20);
    let (caller, _gate) = world.begin();
    assert_eq!(caller.await.unwrap(), stale("one"));
    assert_eq!(world.cache.stats().flights, 0, "the key was not freed");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_has_a_deadline_of_its_own() {
    let world = World::new(Settings { hard_timeout: Some(SECOND), ..settings() });
    let (caller, _gate) = world.begin();
    let error = caller.await.unwrap().unwrap_err();
    assert!(error.contains("given up after 1s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_gets_the_stand_in_while_the_load_goes_on() {
    let world = World::new(Settings { soft_timeout: Some(SECOND), ..settings() });
    world.ask(Ok("one")).await.unwrap();
    world.pass(20);
    let (caller, gate) = world.begin();
    assert_eq!(caller.await.unwrap(), stale("one"));
    gate.send(Ok(loaded("two"))).unwrap();
    world.landed().await;
    assert_eq!(world.ask(Ok("unused")).await, fresh("two"), "the load did not go on");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_gets_nothing_that_was_invalidated_meanwhile() {
    for remove in [false, true] {
        let world = World::new(Settings { soft_timeout: Some(SECOND), ..settings() });
        world.ask(Ok("one")).await.unwrap();
        world.pass(20);
        let (caller, gate) = world.begin();
        while world.cache.stats().flights == 0 {
            tokio::task::yield_now().await;
        }
        match remove {
            true => world.cache.remove(&key()).await,
            false => world.cache.invalidate(&[video()]).await,
        }
        tokio::time::sleep(2 * SECOND).await;
        assert!(!caller.is_finished(), "a stand-in was answered after its invalidation");
        gate.send(Ok(loaded("two"))).unwrap();
        assert_eq!(caller.await.unwrap(), fresh("two"));
    }
}

#[tokio::test]
async fn an_eager_namespace_refreshes_before_the_time_is_up() {
    for (eagerness, refreshes) in [(0.0, 0), (1e9, 1)] {
        let settings = Settings { soft_ttl: None, stand_in: None, eagerness, ..settings() };
        let world = World::new(settings);
        let clock = world.clock.clone();
        // The load takes a tenth of a second by the cache's clock.
        let load = move || async move {
            clock.advance(SECOND / 10);
            Ok(loaded("one"))
        };
        world.cache.get_or_load(&key(), &[video()], load).await.unwrap();
        world.pass(1);
        assert_eq!(world.ask(Ok("two")).await, fresh("one"), "a caller waited");
        world.landed().await;
        assert_eq!(world.counted().refreshes, refreshes, "eagerness {eagerness}");
        let now = if refreshes == 1 { "two" } else { "one" };
        assert_eq!(world.looked_up().await.as_deref(), Some(now));
    }
}

#[tokio::test]
async fn an_unused_value_is_dropped_and_a_used_one_is_not() {
    let idle = Some(5 * SECOND);
    let world = World::new(Settings { idle, ttl: Some(60 * SECOND), soft_ttl: None, ..settings() });
    world.ask(Ok("one")).await.unwrap();
    for _ in 0..5 {
        world.pass(4);
        assert_eq!(world.ask(Ok("unused")).await, fresh("one"));
    }
    world.pass(5);
    assert_eq!(world.looked_up().await, None);
}

#[tokio::test]
async fn an_error_is_remembered_only_when_asked_for_and_for_its_own_time() {
    for error_ttl in [None, Some(5 * SECOND)] {
        let world = World::new(Settings { error_ttl, ..settings() });
        assert_eq!(world.ask(Err(())).await, down());
        let again = world.ask(Ok("one")).await;
        assert_eq!(again, if error_ttl.is_some() { down() } else { fresh("one") });
        if error_ttl.is_some() {
            assert!(matches!(world.cache.get(&key()).await, Lookup::Miss), "an error is no value");
            world.pass(5);
            assert_eq!(world.ask(Ok("one")).await, fresh("one"));
        }
    }
}

#[tokio::test]
async fn a_remembered_error_is_invalidated_like_a_value() {
    let world = World::new(Settings { error_ttl: Some(5 * SECOND), ..settings() });
    assert_eq!(world.ask(Err(())).await, down());
    world.cache.invalidate(&[video()]).await;
    assert_eq!(world.ask(Ok("one")).await, fresh("one"));
    for remove in [false, true] {
        world.cache.remove(&key()).await;
        let (caller, gate) = world.begin();
        while world.cache.stats().flights == 0 {
            tokio::task::yield_now().await;
        }
        match remove {
            true => world.cache.remove(&key()).await,
            false => world.cache.invalidate(&[video()]).await,
        }
        gate.send(Err(failure())).unwrap();
        assert_eq!(caller.await.unwrap(), down());
        let next = world.ask(Ok("two")).await;
        assert_eq!(next, fresh("two"), "an error from before was remembered; removed: {remove}");
    }
}

#[tokio::test]
async fn a_batch_serves_what_is_stale_and_refreshes_it_apart() {
    let world = World::new(settings());
    world.ask(Ok("one")).await.unwrap();
    world.pass(10);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let load = move |keys: Vec<Key>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { Ok(keys.iter().map(|_| loaded("two")).collect()) }
    };
    let wanted = |id: &str| Wanted { key: Key::new("captions", id), scopes: vec![video()] };
    let answers = world.cache.get_or_load_many(&[wanted("a"), wanted("b")], load).await;
    let answers: Vec<Told> = answers.into_iter().map(told).collect();
    assert_eq!(answers, [stale("one"), fresh("two")]);
    world.landed().await;
    assert_eq!(world.ask(Ok("unused")).await, fresh("two"));
    assert_eq!(calls.load(Ordering::SeqCst), 2, "the refresh held the missing key up");
}

#[tokio::test]
async fn a_namespace_that_memory_does_not_keep_is_loaded_each_time() {
    let world = World::new(Settings { memory: Keep::No, ..settings() });
    assert_eq!(world.ask(Ok("one")).await, fresh("one"));
    assert_eq!(world.ask(Ok("two")).await, fresh("two"));
    let bounded = World::new(Settings { memory: Keep::AtMost(3 * SECOND), ..settings() });
    assert_eq!(bounded.ask(Ok("one")).await, fresh("one"));
    bounded.pass(2);
    assert_eq!(bounded.ask(Ok("two")).await, fresh("one"));
    bounded.pass(1);
    assert_eq!(bounded.ask(Ok("two")).await, fresh("two"));
}

#[cfg(unix)]
mod below {
    use rushes_cache::Disk;
    use tempfile::TempDir;

    use super::*;

    fn over_disk(folder: &TempDir, settings: Settings, clock: &Clock) -> World {
        let disk = Disk::open_with(folder.path(), 1 << 20, clock.clone()).unwrap();
        let builder = Cache::builder().memory(8 << 20).clock(clock.clone()).tier(disk);
        let cache = builder.namespace("captions", settings).build();
        World { cache, clock: clock.clone() }
    }

    #[tokio::test]
    async fn after_a_restart_a_value_on_disk_stands_in_unless_it_was_invalidated() {
        for invalidate in [false, true] {
            let (folder, clock) = (TempDir::new().unwrap(), Clock::manual());
            let world = over_disk(&folder, settings(), &clock);
            world.ask(Ok("one")).await.unwrap();
            world.cache.close().await.unwrap();
            let world = over_disk(&folder, settings(), &clock);
            world.pass(20);
            if invalidate {
                world.cache.invalidate(&[video()]).await;
                assert_eq!(world.ask(Err(())).await, down());
            } else {
                assert_eq!(world.ask(Err(())).await, stale("one"));
                assert_eq!(world.ask(Ok("too soon")).await, stale("one"));
            }
            world.pass(10);
            assert_eq!(world.ask(Err(())).await, down(), "it stood in for longer than it may");
        }
    }

    #[tokio::test]
    async fn a_refresh_takes_what_is_newer_below_and_nothing_older() {
        let (folder, clock) = (TempDir::new().unwrap(), Clock::manual());
        let world = over_disk(&folder, settings(), &clock);
        world.ask(Ok("one")).await.unwrap();
        world.cache.close().await.unwrap();
        let world = over_disk(&folder, settings(), &clock);
        world.pass(10);
        assert_eq!(world.ask(Ok("two")).await, stale("one"), "promoted with its soft time");
        assert_eq!(world.ask(Ok("two")).await, stale("one"));
        world.landed().await;
        assert_eq!(world.ask(Ok("unused")).await, fresh("two"), "the old record was taken again");
    }

    #[tokio::test]
    async fn a_namespace_says_whether_and_for_how_long_the_disk_keeps_it() {
        let plain = Settings { soft_ttl: None, stand_in: None, ..settings() };
        let cases = [
            (Keep::No, 0, Origin::Source),
            (Keep::AtMost(5 * SECOND), 4, Origin::Disk),
            (Keep::AtMost(5 * SECOND), 5, Origin::Source),
            (Keep::Yes, 19, Origin::Disk),
            (Keep::Yes, 20, Origin::Source),
        ];
        for (disk, seconds, origin) in cases {
            let (folder, clock) = (TempDir::new().unwrap(), Clock::manual());
            let settings = Settings { disk, ..plain };
            let world = over_disk(&folder, settings, &clock);
            world.ask(Ok("one")).await.unwrap();
            world.cache.close().await.unwrap();
            let world = over_disk(&folder, settings, &clock);
            world.pass(seconds);
            let load = || async { Ok(loaded("two")) };
            let fetched = world.cache.get_or_load(&key(), &[video()], load).await.unwrap();
            assert_eq!(fetched.origin, origin, "{disk:?} after {seconds} s");
        }
    }

    #[tokio::test]
    async fn what_may_idle_for_a_time_is_not_older_than_that_below() {
        let (folder, clock) = (TempDir::new().unwrap(), Clock::manual());
        let settings = Settings { idle: Some(5 * SECOND), soft_ttl: None, ..settings() };
        let world = over_disk(&folder, settings, &clock);
        world.ask(Ok("one")).await.unwrap();
        world.pass(5);
        assert_eq!(world.ask(Ok("two")).await, fresh("two"), "the disk brought it back");
    }
}
