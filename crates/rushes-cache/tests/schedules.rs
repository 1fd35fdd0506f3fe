//! The races between fills, readers and invalidations, under hundreds of schedules each:
//! `cargo test -p rushes-cache --features shuttle --test schedules`.
//!
//! The explorer switches tasks at every lock and atomic of the cache and of the map under it. It
//! knows interleavings, not weak memory: the orderings of the atomics are argued where they stand.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rushes_cache::{
    Cache, CacheBuilder, Clock, Key, LoadError, Loaded, Lookup, Pattern, Scope, Settings,
};
use shuttle::future::{block_on, spawn};
use shuttle::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Schedules of each kind for each race; `RUSHES_SCHEDULES=20000` for a long look.
fn schedules() -> usize {
    std::env::var("RUSHES_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(300)
}

/// A source that is written to, a cache in front of it, and what the writer has acknowledged.
struct World {
    cache: Cache,
    source: AtomicU8,
    acknowledged: AtomicU8,
    loads: AtomicUsize,
    /// Whether every second load does.
    fails: bool,
}

impl World {
    fn new() -> Arc<Self> {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Arc<Self> {
        Self::over(Cache::builder().memory(1 << 20), settings)
    }

    fn over(builder: CacheBuilder, settings: Settings) -> Arc<Self> {
        let builder = builder.clock(Clock::manual());
        Arc::new(Self {
            cache: builder.namespace("n", settings).build(),
            source: AtomicU8::new(0),
            acknowledged: AtomicU8::new(0),
            loads: AtomicUsize::new(0),
            fails: settings.stand_in.is_some(),
        })
    }

    /// A read through the cache; it must not bring what was replaced before it began.
    async fn read(self: &Arc<Self>) -> u8 {
        loop {
            if let Some(read) = self.try_read().await {
                return read;
            }
        }
    }

    /// The same; `None` when the source failed and nothing stood in.
    async fn try_read(self: &Arc<Self>) -> Option<u8> {
        let least = self.acknowledged.load(Ordering::SeqCst);
        let world = Arc::clone(self);
        let load = move || async move {
            let loads = world.loads.fetch_add(1, Ordering::SeqCst);
            if world.fails && loads % 2 == 1 {
                return Err(Arc::new(std::fmt::Error) as LoadError);
            }
            let bytes = Some(Bytes::from(vec![world.source.load(Ordering::SeqCst)]));
            Ok(Loaded { bytes, ttl: None })
        };
        let fetched = self.cache.get_or_load(&key(), &[video(), table()], load).await.ok()?;
        Some(self.checked(fetched.value.unwrap().bytes(), least))
    }

    /// A look-up that loads nothing; it must not find what was replaced before it began.
    async fn look(&self) {
        let least = self.acknowledged.load(Ordering::SeqCst);
        if let Lookup::Hit(value) = self.cache.get(&key()).await {
            self.checked(value.bytes(), least);
        }
    }

    fn checked(&self, bytes: &[u8], least: u8) -> u8 {
        let got = bytes[0];
        assert!(got >= least, "stale: read {got} after {least} was acknowledged");
        got
    }

    async fn write(&self, version: u8, how: How) {
        self.source.store(version, Ordering::SeqCst);
        match how {
            How::Scope => self.cache.invalidate(&[video()]).await,
            How::SecondScope => self.cache.invalidate(&[table()]).await,
            How::Namespace => self.cache.invalidate_namespace("n").await,
            How::Everything => self.cache.clear().await,
            How::Remove => self.cache.remove(&key()).await,
            How::Pattern => self.cache.invalidate_matching(&Pattern::within("n", "?")).await,
        }
        self.acknowledged.store(version, Ordering::SeqCst);
    }
}

#[derive(Clone, Copy)]
enum How {
    Scope,
    SecondScope,
    Namespace,
    Everything,
    Remove,
    Pattern,
}

fn key() -> Key {
    Key::new("n", "k")
}

fn video() -> Scope {
    Scope::new("video/1")
}

fn table() -> Scope {
    Scope::new("table/entries")
}

/// Both kinds of schedule: uniformly random ones, and ones with few but deep reorderings.
fn explore(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(scenario.clone(), schedules());
    shuttle::check_pct(scenario, schedules(), 3);
}

fn writers_race_readers(how: How) {
    race(how, Settings::default());
}

fn race(how: How, settings: Settings) {
    explore(move || {
        let world = World::with(settings);
        let reader = |world: Arc<World>| async move {
            world.read().await;
            world.read().await;
        };
        let readers = [(); 2].map(|()| spawn(reader(Arc::clone(&world))));
        let writer = spawn({
            let world = Arc::clone(&world);
            async move {
                world.write(1, how).await;
                assert_eq!(world.read().await, 1);
                world.write(2, how).await;
            }
        });
        let looker = spawn({
            let world = Arc::clone(&world);
            async move { world.look().await }
        });
        block_on(async {
            for task in readers.into_iter().chain([writer, looker]) {
                task.await.unwrap();
            }
            assert_eq!(world.read().await, 2);
            // The explorer ends with this task: refreshes must have ended before.
            world.cache.close().await.unwrap();
        });
    });
}

#[test]
fn no_schedule_of_a_scope_invalidation_lets_a_stale_read_through() {
    writers_race_readers(How::Scope);
}

#[test]
fn no_schedule_of_another_scope_lets_a_stale_read_through() {
    writers_race_readers(How::SecondScope);
}

#[test]
fn no_schedule_of_a_namespace_invalidation_lets_a_stale_read_through() {
    writers_race_readers(How::Namespace);
}

#[test]
fn no_schedule_of_a_clear_lets_a_stale_read_through() {
    writers_race_readers(How::Everything);
}

#[test]
fn no_schedule_of_a_removal_lets_a_stale_read_through() {
    writers_race_readers(How::Remove);
}

#[test]
fn no_schedule_of_a_pattern_and_its_sweep_lets_a_stale_read_through() {
    writers_race_readers(How::Pattern);
}

/// Two patterns that cover the same key: the sweep of one may run while the other is added.
#[test]
fn no_schedule_of_two_patterns_lets_a_stale_read_through() {
    explore(|| {
        let world = World::new();
        let reader = spawn({
            let world = Arc::clone(&world);
            async move {
                for _ in 0..3 {
                    world.read().await;
                }
            }
        });
        let other = spawn({
            let world = Arc::clone(&world);
            async move {
                world.cache.invalidate_matching(&Pattern::within("n", "?*")).await;
            }
        });
        block_on(async {
            world.read().await;
            world.write(1, How::Pattern).await;
            world.read().await;
            world.write(2, How::Pattern).await;
            reader.await.unwrap();
            other.await.unwrap();
            assert_eq!(world.read().await, 2);
            world.cache.close().await.unwrap();
            assert_eq!(world.cache.stats().patterns, 0);
        });
    });
}

/// Every read serves what is there and refreshes it behind.
#[test]
fn no_schedule_of_a_refresh_lets_a_stale_read_through() {
    for how in [How::Scope, How::Namespace, How::Remove, How::Pattern] {
        race(how, Settings { soft_ttl: Some(Duration::ZERO), ..Settings::default() });
    }
}

/// Every value is past its time at once and stands in for the loads that fail.
#[test]
fn no_schedule_of_a_stand_in_lets_a_stale_read_through() {
    let (ttl, retry) = (Some(Duration::ZERO), Duration::ZERO);
    let stand_in = Some(Duration::from_secs(60));
    for how in [How::Scope, How::Everything, How::Remove, How::Pattern] {
        race(how, Settings { ttl, stand_in, retry, ..Settings::default() });
    }
}

#[test]
fn no_schedule_loads_a_key_twice() {
    explore(|| {
        let world = World::new();
        let tasks = [(); 4].map(|()| {
            let world = Arc::clone(&world);
            spawn(async move { world.read().await })
        });
        block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(world.loads.load(Ordering::SeqCst), 1);
        assert_eq!(world.cache.stats().flights, 0);
    });
}

/// The entry leaves for want of room and comes back while it is removed or invalidated.
#[test]
fn no_schedule_of_evictions_lets_a_stale_read_through() {
    for how in [How::Scope, How::Remove, How::Pattern] {
        explore(move || {
            let tight = Cache::builder().memory(1 << 20).entries(2);
            let world = World::over(tight, Settings::default());
            let crowd = spawn({
                let world = Arc::clone(&world);
                async move {
                    for n in 0..4 {
                        let load = || async { Ok(Loaded::default()) };
                        let other = Key::new("n", format!("other {n}"));
                        world.cache.get_or_load(&other, &[], load).await.unwrap();
                    }
                }
            });
            let reader = spawn({
                let world = Arc::clone(&world);
                async move {
                    world.read().await;
                    world.read().await;
                }
            });
            block_on(async {
                world.read().await;
                world.write(1, how).await;
                world.read().await;
                world.write(2, how).await;
                crowd.await.unwrap();
                reader.await.unwrap();
                assert_eq!(world.read().await, 2);
                assert!(world.cache.stats().memory.entries <= 2);
                world.cache.close().await.unwrap();
            });
        });
    }
}

#[test]
fn no_schedule_of_sweeps_revives_an_entry() {
    explore(|| {
        let world = World::new();
        // Each new scope makes a shard of counters drop those that nobody holds.
        let sweeper = spawn({
            let world = Arc::clone(&world);
            async move {
                for n in 0..24 {
                    let load = || async { Ok(Loaded::default()) };
                    let (key, scope) = (Key::new("n", "other"), Scope::new(n.to_string()));
                    world.cache.get_or_load(&key, &[scope], load).await.unwrap();
                    world.cache.remove(&key).await;
                }
            }
        });
        let writer = spawn({
            let world = Arc::clone(&world);
            async move {
                world.read().await;
                world.write(1, How::Scope).await;
                world.read().await;
            }
        });
        block_on(async {
            sweeper.await.unwrap();
            writer.await.unwrap();
        });
    });
}

#[test]
fn no_schedule_decodes_twice_or_charges_wrongly() {
    explore(|| {
        let world = World::new();
        let decodes = Arc::new(AtomicUsize::new(0));
        let tasks = [(); 3].map(|()| {
            let (world, decodes) = (Arc::clone(&world), Arc::clone(&decodes));
            spawn(async move {
                world.read().await;
                if let Lookup::Hit(value) = world.cache.get(&key()).await {
                    let decoded = value.decoded(|_| {
                        decodes.fetch_add(1, Ordering::SeqCst);
                        Ok::<_, ()>(((), 1_000))
                    });
                    decoded.unwrap();
                }
            })
        });
        block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(decodes.load(Ordering::SeqCst), 1);
            world.cache.remove(&key()).await;
            assert_eq!(world.cache.stats().memory.bytes, 0);
        });
    });
}
