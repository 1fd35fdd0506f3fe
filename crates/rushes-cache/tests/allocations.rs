//! What the memory tier takes from the allocator, counted: nothing on a hit, and no more for its
//! entries than they are charged.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rushes_cache::{Cache, Key, Loaded, Lookup, Scope, Settings};

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

/// The counters are one for the whole process, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What an allocator of common make takes for so many bytes: a word before them, then rounded up.
fn taken(bytes: usize) -> i64 {
    (bytes + 8).next_multiple_of(16).max(32) as i64
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        LIVE.fetch_add(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

fn key(n: usize) -> Key {
    Key::new("captions", format!("video{}/{n}", n % 97))
}

async fn fill(cache: &Cache, keys: std::ops::Range<usize>, bytes: usize) {
    for n in keys {
        let video = format!("{}", n % 97);
        let scopes = [Scope::path(["video", &video]), Scope::path(["kind", "caption"])];
        let load =
            move || async move { Ok(Loaded { bytes: Some(vec![7; bytes].into()), ttl: None }) };
        cache.get_or_load(&key(n), &scopes, load).await.unwrap();
    }
}

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

#[test]
fn a_hit_allocates_nothing() {
    let _alone = alone();
    const KEYS: usize = 10_000;
    let settings = Settings { ttl: Some(Duration::from_secs(3_600)), ..Settings::default() };
    let cache = Cache::builder().memory(64 << 20).namespace("captions", settings).build();
    let keys: Vec<Key> = (0..KEYS).map(key).collect();
    let runtime = runtime();
    runtime.block_on(fill(&cache, 0..KEYS, 200));
    let load = || async { Ok(Loaded { bytes: Some(Bytes::new()), ttl: None }) };
    let hits = async || {
        for key in &keys {
            assert!(matches!(cache.get(key).await, Lookup::Hit(_)));
            assert!(cache.peek(key).is_some());
            let fetched = cache.get_or_load(key, &[], load).await.unwrap();
            assert_eq!(fetched.value.unwrap().bytes().len(), 200);
        }
    };
    let before = CALLS.load(Ordering::Relaxed);
    runtime.block_on(hits());
    let calls = CALLS.load(Ordering::Relaxed) - before;
    assert_eq!(calls, 0, "allocations in {} hits", KEYS * 3);
}

#[test]
fn entries_take_no_more_than_they_are_charged() {
    let _alone = alone();
    let runtime = runtime();
    // Just before and behind where tables double; then more than fit, so that evicted ones are
    // remembered.
    for (capacity, bytes, counts) in [
        (256 << 20, 100, &[28_000, 29_500, 33_000, 57_000, 59_500, 66_000][..]),
        (64 << 20, 2_048, &[20_000, 80_000]),
        (16 << 20, 2_048, &[40_000]),
        (64 << 20, 20_000, &[4_000, 20_000]),
        (8 << 20, 500, &[30_000]),
    ] {
        let cache = Cache::builder().memory(capacity).build();
        let empty = LIVE.load(Ordering::Relaxed);
        // Set aside for what foretells the curve.
        let aside = (capacity / 32).min(2 << 20) as i64;
        let mut filled = 0;
        for &count in counts {
            runtime.block_on(fill(&cache, filled..count, bytes));
            filled = count;
            let taken = LIVE.load(Ordering::Relaxed) - empty;
            let memory = cache.stats().memory;
            let charged = memory.bytes as i64 + aside;
            let own = (memory.entries * (bytes + key(count).id().len() + "captions".len())) as i64;
            let each = |total: i64| (total - own) / memory.entries as i64;
            let said = format!(
                "{} of {count} entries of {bytes} take {} beyond, {} are charged",
                memory.entries,
                each(taken),
                each(charged)
            );
            println!("{said}");
            assert!(taken <= charged, "{said}");
            assert!(charged <= capacity as i64, "{said}");
        }
    }
}
