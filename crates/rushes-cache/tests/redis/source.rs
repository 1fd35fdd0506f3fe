//! A source whose value is its version, so that a stale read shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rushes_cache::{Cache, Fetched, Key, Loaded, Origin, Redis, Scope};

/// How long one waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn video() -> Scope {
    Scope::path(["video", "42"])
}

pub(crate) fn key(id: &str) -> Key {
    Key::new("captions", format!("video/42/{id}"))
}

/// One process' cache: memory over Redis.
pub(crate) fn node(tier: Redis) -> Cache {
    Cache::builder().memory(8 << 20).tier(tier).build()
}

/// What all caches load from.
#[derive(Clone, Default)]
pub(crate) struct Source {
    version: Arc<AtomicU32>,
    loads: Arc<AtomicU32>,
}

impl Source {
    /// Replaces the value, and tells no cache.
    pub(crate) fn write(&self) -> u32 {
        self.version.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// How often it was asked.
    pub(crate) fn loads(&self) -> u32 {
        self.loads.load(Ordering::SeqCst)
    }

    /// The value, after a while.
    pub(crate) async fn load_slowly(&self, takes: Duration) -> bytes::Bytes {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let version = self.version.load(Ordering::SeqCst);
        tokio::time::sleep(takes).await;
        version.to_be_bytes().to_vec().into()
    }

    pub(crate) async fn read(&self, cache: &Cache, id: &str) -> (u32, Origin) {
        let source = self.clone();
        let load = move || async move {
            source.loads.fetch_add(1, Ordering::SeqCst);
            let version = source.version.load(Ordering::SeqCst);
            Ok(Loaded { bytes: Some(version.to_be_bytes().to_vec().into()), ttl: None })
        };
        version(&cache.get_or_load(&key(id), &[video()], load).await.unwrap())
    }
}

pub(crate) fn version(fetched: &Fetched) -> (u32, Origin) {
    let bytes = fetched.value.as_ref().unwrap().bytes();
    (u32::from_be_bytes(bytes[..].try_into().unwrap()), fetched.origin)
}

/// Asks again and again until it is so.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) -> Duration {
    let begin = Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < PATIENCE, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    begin.elapsed()
}

/// Waits until what a cache loaded has reached its Redis tier.
pub(crate) async fn written(cache: &Cache, puts: u64) {
    eventually("a put", async || cache.stats().tiers[0].1.puts >= puts).await;
}

/// Waits until a cache hears what another one invalidates. Until then it drops what it has.
pub(crate) async fn hears(other: &Cache, one: &Cache) {
    one.invalidate(&[Scope::new("unrelated")]).await;
    let token = one.token();
    eventually("hearing", async || other.knows(&token, Duration::from_millis(20)).await).await;
}
