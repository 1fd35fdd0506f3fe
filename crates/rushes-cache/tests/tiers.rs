//! What must hold when tiers lie below memory: the same guarantees, whatever the tiers do.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rushes_cache::testing::{Fault, FaultyTier, conformance};
use rushes_cache::{
    Cache, Clock, Disk, Entry, Fetched, Key, Loaded, Lookup, Origin, Patience, Scope, Stamp, Tier,
    TierError, TierStats,
};
use tempfile::TempDir;
use tokio::sync::Semaphore;

const MIB: u64 = 1 << 20;

fn key(id: &str) -> Key {
    Key::new("captions", id)
}

fn video() -> Scope {
    Scope::path(["video", "42"])
}

/// A source whose value is its version, so that a stale read shows.
#[derive(Clone, Default)]
struct Source(Arc<AtomicU32>);

impl Source {
    fn write(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    async fn read(&self, cache: &Cache, id: &str) -> (u32, Origin) {
        let source = self.clone();
        let load = move || async move {
            let version = source.0.load(Ordering::SeqCst);
            Ok(Loaded { bytes: Some(version.to_be_bytes().to_vec().into()), ttl: None })
        };
        version(&cache.get_or_load(&key(id), &[video()], load).await.unwrap())
    }
}

fn version(fetched: &Fetched) -> (u32, Origin) {
    let bytes = fetched.value.as_ref().unwrap().bytes();
    (u32::from_be_bytes(bytes[..].try_into().unwrap()), fetched.origin)
}

fn disk(folder: &TempDir) -> Disk {
    Disk::open(folder.path(), 64 * MIB).unwrap()
}

/// Waits until what was loaded has reached the tier.
async fn written(cache: &Cache, puts: u64) {
    while cache.stats().tiers[0].1.puts < puts {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_disk_tier_conforms() {
    let (folder, clock) = (TempDir::new().unwrap(), Clock::manual());
    let tier = Disk::open_with(folder.path(), 64 * MIB, clock.clone()).unwrap();
    conformance(&tier, &clock).await.unwrap();
    let folder = TempDir::new().unwrap();
    let tier = Disk::open_with(folder.path(), 64 * MIB, clock.clone()).unwrap();
    conformance(&FaultyTier::new(tier), &clock).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_tier_conforms_on_many_threads() {
    let (folder, clock) = (TempDir::new().unwrap(), Clock::manual());
    let tier = Disk::open_with(folder.path(), 64 * MIB, clock.clone()).unwrap();
    conformance(&tier, &clock).await.unwrap();
}

#[tokio::test]
async fn a_hit_below_is_promoted_with_what_is_left_of_its_time() {
    let (folder, clock) = (TempDir::new().unwrap(), Clock::manual());
    let tier = || Disk::open_with(folder.path(), 64 * MIB, clock.clone()).unwrap();
    let cache = || Cache::builder().memory(MIB).clock(clock.clone()).tier(tier()).build();
    let load =
        || async { Ok(Loaded { bytes: Some("x".into()), ttl: Some(Duration::from_secs(60)) }) };
    let fetch =
        async |cache: &Cache| cache.get_or_load(&key("a"), &[video()], load).await.unwrap().origin;
    let first = cache();
    assert_eq!(fetch(&first).await, Origin::Source);
    first.close().await.unwrap();
    clock.advance(Duration::from_secs(40));
    let second = cache();
    assert_eq!(fetch(&second).await, Origin::Disk);
    assert_eq!(fetch(&second).await, Origin::Memory);
    clock.advance(Duration::from_secs(19));
    assert_eq!(fetch(&second).await, Origin::Memory);
    clock.advance(Duration::from_secs(1));
    assert_eq!(fetch(&second).await, Origin::Source, "promotion began its time anew");
}

#[tokio::test]
async fn what_is_known_not_to_exist_is_kept_below_as_well() {
    let folder = TempDir::new().unwrap();
    let fetch = async |cache: &Cache| {
        let load = || async { Ok(Loaded::default()) };
        cache.get_or_load(&key("a"), &[video()], load).await.unwrap()
    };
    let cache = Cache::builder().tier(disk(&folder)).build();
    assert!(fetch(&cache).await.value.is_none());
    written(&cache, 1).await;
    let again = fetch(&cache).await;
    assert_eq!((again.value.is_none(), again.origin), (true, Origin::Disk));
    assert!(matches!(cache.get(&key("a")).await, Lookup::Absent));
}

#[tokio::test]
async fn an_invalidation_reaches_all_tiers_and_outlives_a_restart() {
    type Cut = fn(&Cache) -> Pin<Box<dyn Future<Output = ()> + '_>>;
    let cuts: [Cut; 4] = [
        |cache| Box::pin(async { cache.invalidate(&[video()]).await }),
        |cache| Box::pin(async { cache.invalidate_namespace("captions").await }),
        |cache| Box::pin(async { cache.clear().await }),
        |cache| Box::pin(async { cache.remove(&key("a")).await }),
    ];
    for cut in cuts {
        let (folder, source) = (TempDir::new().unwrap(), Source::default());
        let cache = || Cache::builder().memory(MIB).tier(disk(&folder)).build();
        let before = cache();
        source.read(&before, "a").await;
        written(&before, 1).await;
        let new = source.write();
        cut(&before).await;
        assert!(matches!(before.get(&key("a")).await, Lookup::Miss));
        before.close().await.unwrap();
        let after = cache();
        assert_eq!(source.read(&after, "a").await, (new, Origin::Source));
        after.close().await.unwrap();
        assert_eq!(source.read(&cache(), "a").await, (new, Origin::Disk));
    }
}

#[tokio::test]
async fn invalidate_while_promoting_lets_no_old_value_up() {
    let folder = TempDir::new().unwrap();
    let source = Source::default();
    let tier = FaultyTier::new(disk(&folder));
    let patience = Patience { budget: Duration::from_secs(60), ..Patience::default() };
    let cache = Cache::builder().memory(MIB).patient_tier(tier.clone(), patience).build();
    source.read(&cache, "a").await;
    written(&cache, 1).await;
    // Drops the value from memory only: another cache over the same tier.
    let cache = Cache::builder().memory(MIB).patient_tier(tier.clone(), patience).build();

    tier.set(Fault::Hangs);
    let reader = tokio::spawn({
        let (source, cache) = (source.clone(), cache.clone());
        async move { source.read(&cache, "a").await }
    });
    while cache.stats().flights == 0 {
        tokio::task::yield_now().await;
    }
    let new = source.write();
    let invalidation = tokio::spawn({
        let cache = cache.clone();
        async move { cache.invalidate(&[video()]).await }
    });
    tokio::task::yield_now().await;
    tier.set(Fault::None);
    invalidation.await.unwrap();
    reader.await.unwrap();
    assert_eq!(source.read(&cache, "a").await.0, new);
}

/// A tier with two moments that a test can hold: a get that has read, a removal that begins.
#[derive(Clone, Debug)]
struct Staged {
    tier: Arc<dyn Tier>,
    has_read: Arc<Semaphore>,
    may_answer: Arc<Semaphore>,
    removal_begins: Arc<Semaphore>,
    may_remove: Arc<Semaphore>,
}

impl Staged {
    /// All goes on by itself until a test takes the permits.
    fn new(tier: impl Tier + 'static) -> Self {
        let (open, shut) = (|| Arc::new(Semaphore::new(1_000)), || Arc::new(Semaphore::new(0)));
        let tier = Arc::new(tier);
        let (has_read, may_answer, removal_begins, may_remove) = (shut(), open(), shut(), open());
        Self { tier, has_read, may_answer, removal_begins, may_remove }
    }
}

async fn take(semaphore: &Semaphore) {
    semaphore.acquire().await.unwrap().forget();
}

#[async_trait]
impl Tier for Staged {
    fn origin(&self) -> Origin {
        self.tier.origin()
    }

    async fn stamp(&self, key: &Key, scopes: &[Scope]) -> Result<Stamp, TierError> {
        self.tier.stamp(key, scopes).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Entry>, TierError> {
        let found = self.tier.get(key).await;
        self.has_read.add_permits(1);
        take(&self.may_answer).await;
        found
    }

    async fn put(&self, key: &Key, entry: &Entry, stamp: &Stamp) -> Result<(), TierError> {
        self.tier.put(key, entry, stamp).await
    }

    async fn remove(&self, key: &Key) -> Result<(), TierError> {
        self.removal_begins.add_permits(1);
        take(&self.may_remove).await;
        self.tier.remove(key).await
    }

    async fn invalidate(&self, scopes: &[Scope]) -> Result<(), TierError> {
        self.removal_begins.add_permits(1);
        take(&self.may_remove).await;
        self.tier.invalidate(scopes).await
    }

    async fn close(&self) -> Result<(), TierError> {
        self.tier.close().await
    }

    fn stats(&self) -> TierStats {
        self.tier.stats()
    }
}

/// A load that begins after memory was cut but before the tier below it knows, reads the old value
/// there, and carries it up after the invalidation was acknowledged.
#[tokio::test]
async fn a_load_that_begins_amid_an_invalidation_carries_nothing_old_up() {
    let (folder, below) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let source = Source::default();
    let (upper, lower) = (Staged::new(disk(&folder)), Staged::new(disk(&below)));
    let patience = Patience { budget: Duration::from_secs(60), ..Patience::default() };
    let cache = || {
        let builder = Cache::builder().memory(MIB).patient_tier(upper.clone(), patience);
        builder.patient_tier(lower.clone(), patience).build()
    };
    let first = cache();
    source.read(&first, "a").await;
    written(&first, 1).await;
    drop(first);
    for removal in [false, true] {
        // Another one, whose memory is empty.
        let cache = cache();
        lower.may_remove.forget_permits(1_000);
        upper.may_answer.forget_permits(1_000);
        upper.has_read.forget_permits(1_000);
        let new = source.write();
        let invalidation = tokio::spawn({
            let cache = cache.clone();
            async move {
                match removal {
                    true => cache.remove(&key("a")).await,
                    false => cache.invalidate(&[video()]).await,
                }
            }
        });
        take(&lower.removal_begins).await;
        let reader = tokio::spawn({
            let (source, cache) = (source.clone(), cache.clone());
            async move { source.read(&cache, "a").await }
        });
        take(&upper.has_read).await;
        lower.may_remove.add_permits(1_000);
        invalidation.await.unwrap();
        upper.may_answer.add_permits(1_000);
        let carried = reader.await.unwrap();
        assert!(carried.0 < new, "the reader was to find the old value: {carried:?}");
        assert_eq!(source.read(&cache, "a").await.0, new);
        while !matches!(upper.tier.get(&key("a")).await, Ok(Some(_))) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_tier_is_a_miss_and_nothing_stale_comes_back_with_it() {
    for fault in [Fault::Fails, Fault::Hangs] {
        let folder = TempDir::new().unwrap();
        let source = Source::default();
        let tier = FaultyTier::new(disk(&folder));
        let clock = Clock::manual();
        let cache = Cache::builder().clock(clock.clone()).tier(tier.clone()).build();
        source.read(&cache, "a").await;
        written(&cache, 1).await;
        assert_eq!(source.read(&cache, "a").await, (0, Origin::Disk));

        tier.set(fault);
        let new = source.write();
        cache.invalidate(&[video()]).await;
        for _ in 0..20 {
            assert_eq!(source.read(&cache, "a").await, (new, Origin::Source));
        }
        let stats = cache.stats().tiers[0].1;
        assert!(stats.resting && stats.skipped > 10, "it is left alone: {stats:?}");
        assert!(stats.errors + stats.slow <= 8, "{stats:?}");

        tier.set(Fault::None);
        assert_eq!(source.read(&cache, "a").await.1, Origin::Source, "still left alone");
        clock.advance(Duration::from_secs(60));
        let version = source.read(&cache, "a").await.0;
        assert_eq!(version, new, "the old value is back");
        while source.read(&cache, "a").await.1 != Origin::Disk {
            tokio::task::yield_now().await;
        }
        assert!(!cache.stats().tiers[0].1.resting);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_lands_after_all_gave_it_up_is_dead_on_arrival() {
    let folder = TempDir::new().unwrap();
    let source = Source::default();
    let tier = FaultyTier::new(disk(&folder));
    let cache = Cache::builder().tier(tier.clone()).build();
    let stamp = tier.stamp(&key("a"), &[video()]).await.unwrap();
    tier.set(Fault::Hangs);
    let late = tokio::spawn({
        let tier = tier.clone();
        async move {
            let old = Entry::new(Some(Bytes::from(vec![0; 4])));
            tier.put(&key("a"), &old, &stamp).await
        }
    });
    tokio::task::yield_now().await;
    let new = source.write();
    cache.invalidate(&[video()]).await;
    tier.set(Fault::None);
    late.await.unwrap().unwrap();
    assert_eq!(source.read(&cache, "a").await.0, new);
}

#[tokio::test]
async fn a_cancelled_invalidation_goes_on_to_its_end() {
    let folder = TempDir::new().unwrap();
    let source = Source::default();
    let tier = FaultyTier::new(disk(&folder));
    let patience = Patience { budget: Duration::from_secs(60), ..Patience::default() };
    let cache = Cache::builder().memory(MIB).patient_tier(tier.clone(), patience).build();
    source.read(&cache, "a").await;
    written(&cache, 1).await;
    tier.set(Fault::Hangs);
    let new = source.write();
    let scopes = [video()];
    let invalidation = tokio::time::timeout(Duration::ZERO, cache.invalidate(&scopes));
    assert!(invalidation.await.is_err(), "the tier hangs");
    tier.set(Fault::None);
    assert_eq!(source.read(&cache, "a").await.0, new);
}

#[test]
fn a_corrupt_record_is_a_miss_and_counted() {
    let folder = TempDir::new().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let source = Source::default();
        let cache = Cache::builder().tier(disk(&folder)).build();
        source.read(&cache, "a").await;
        written(&cache, 1).await;
        let segment = segments(folder.path()).pop().unwrap();
        let mut bytes = fs::read(&segment).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&segment, bytes).unwrap();
        assert_eq!(source.read(&cache, "a").await.1, Origin::Source);
        assert_eq!(cache.stats().tiers[0].1.corrupt, 1);
    });
}

fn segments(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|name| name == "segment")).collect()
}

#[tokio::test]
async fn the_disk_tier_stays_within_its_bytes() {
    let folder = TempDir::new().unwrap();
    let tier = Disk::open(folder.path(), 4 * MIB).unwrap();
    let value = Bytes::from(vec![1; 20_000]);
    let entry = Entry::new(Some(value));
    for n in 0..1_000 {
        let key = key(&n.to_string());
        let stamp = tier.stamp(&key, &[video()]).await.unwrap();
        tier.put(&key, &entry, &stamp).await.unwrap();
        assert!(tier.stats().bytes <= 4 * MIB, "{:?}", tier.stats());
    }
    let on_disk: u64 =
        segments(folder.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!((2 * MIB..=4 * MIB).contains(&on_disk), "{on_disk} bytes of segments");
    assert!(tier.stats().evictions > 700);
    assert_eq!(tier.get(&key("999")).await.unwrap(), Some(entry));
    assert_eq!(tier.get(&key("0")).await.unwrap(), None);
}

#[tokio::test]
async fn a_restart_finds_everything_also_without_the_written_index() {
    let folder = TempDir::new().unwrap();
    let entry = |n: u32| Entry::new(Some(n.to_be_bytes().repeat(2_000).into()));
    let tier = Disk::open(folder.path(), 16 * MIB).unwrap();
    for n in 0..500 {
        let key = key(&n.to_string());
        let stamp = tier.stamp(&key, &[video()]).await.unwrap();
        tier.put(&key, &entry(n), &stamp).await.unwrap();
    }
    drop(tier);
    for with_index in [true, false] {
        if !with_index {
            for segment in segments(folder.path()) {
                fs::remove_file(segment.with_extension("index")).unwrap();
                let mut bytes = fs::read(&segment).unwrap();
                bytes.extend_from_slice(b"RUSHENT1 torn at the end");
                fs::write(&segment, bytes).unwrap();
            }
        }
        let tier = Disk::open(folder.path(), 16 * MIB).unwrap();
        assert_eq!(tier.stats().entries, 500, "index: {with_index}");
        for n in 0..500 {
            assert_eq!(tier.get(&key(&n.to_string())).await.unwrap(), Some(entry(n)));
        }
    }
}

#[tokio::test]
async fn a_closed_tier_is_a_miss_and_its_folder_free() {
    let folder = TempDir::new().unwrap();
    let (first, source) = (Cache::builder().tier(disk(&folder)).build(), Source::default());
    source.read(&first, "a").await;
    first.close().await.unwrap();
    assert_eq!(source.read(&first, "a").await.1, Origin::Source);
    let second = Cache::builder().tier(disk(&folder)).build();
    assert_eq!(source.read(&second, "a").await.1, Origin::Disk);
}
