//! Cached values: bytes, what they decode to, and how long and on what condition they may be
//! served.

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::cache::LoadError;
use crate::clock::Millis;
use crate::generation::{Counter, Fence, Names};
use crate::ghosts::Tag;
use crate::key::{Key, Scope};
use crate::life::{Age, Life, random};
use crate::namespace::Namespace;
use crate::predicate::{Predicate, cover};
use crate::shim::Mutex;

/// Bytes of the second allocation of an entry.
const RARE: u64 = size_of::<Rare>() as u64;

static NOTHING: Bytes = Bytes::new();

/// A decoded value, shared by its readers.
type Decoded = Arc<dyn Any + Send + Sync>;

/// What a load brought, with all that a look-up has to check, in one allocation. What few entries
/// have is in a second one.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) key: Key,
    /// `None`: known not to exist.
    bytes: Option<Bytes>,
    fence: Fence,
    /// Before this moment it is fresh; from then on its [`Life`] is asked, if it has one.
    gate: Millis,
    /// Its name among the sampled keys, if it is one.
    tag: Option<Tag>,
    rare: OnceLock<Box<Rare>>,
}

/// What few entries have.
#[derive(Debug, Default)]
struct Rare {
    life: Option<Life>,
    /// What the loader answered instead of a value.
    error: Option<LoadError>,
    decoded: OnceLock<Decoded>,
    decoding: Mutex<()>,
    /// Bytes charged to the memory tier for `decoded`; written under the shard's lock only.
    decoded_bytes: AtomicU32,
}

impl Stored {
    pub(crate) fn new(
        key: Key,
        bytes: Option<Bytes>,
        fence: Fence,
        life: Life,
        tag: Option<Tag>,
    ) -> Self {
        let plain = life.is_plain();
        let gate = if plain { life.expires } else { life.quiet_until() };
        let rare = OnceLock::new();
        if !plain {
            rare.get_or_init(|| Box::new(Rare { life: Some(life), ..Rare::default() }));
        }
        Self { key, bytes: bytes.map(fitted), fence, gate, tag, rare }.counted()
    }

    /// A loader's error, to be answered until `expires`.
    pub(crate) fn failed(key: Key, error: LoadError, fence: Fence, expires: Millis) -> Self {
        let rare = OnceLock::from(Box::new(Rare { error: Some(error), ..Rare::default() }));
        Self { key, bytes: None, fence, gate: expires, tag: None, rare }.counted()
    }

    /// Counts it among what its namespace holds, until it is dropped.
    fn counted(self) -> Self {
        let counters = &self.namespace().counters;
        counters.entries.fetch_add(1, Ordering::Relaxed);
        counters.bytes.fetch_add(self.weight(), Ordering::Relaxed);
        self
    }

    /// Its name among the sampled keys, if it is one.
    #[inline]
    pub(crate) fn tag(&self) -> Option<Tag> {
        self.tag
    }

    /// Whether it says the same as these bytes.
    pub(crate) fn says(&self, bytes: Option<&Bytes>) -> bool {
        self.error().is_none() && self.bytes.as_ref() == bytes
    }

    /// Its scopes, by the names of all counters.
    pub(crate) fn scopes(&self, names: &Names) -> Vec<Scope> {
        self.fence.scopes(names)
    }

    /// Whether nothing that covers it was invalidated since its load began.
    #[inline]
    pub(crate) fn valid(&self) -> bool {
        self.fence.holds()
    }

    /// Whether no predicate covers it.
    pub(crate) fn escapes(&self, predicates: Option<&[Predicate]>) -> bool {
        predicates.is_none_or(|list| !cover(list, &self.key, self.fence.born()))
    }

    /// Whether it carries the scope of this counter.
    pub(crate) fn carries(&self, counter: &Arc<Counter>) -> bool {
        self.fence.carries(counter)
    }

    /// What may be done with it now, invalidations aside.
    #[inline]
    pub(crate) fn age(&self, now: Millis) -> Age {
        if now < self.gate { Age::Fresh } else { self.age_by_life(now) }
    }

    #[cold]
    fn age_by_life(&self, now: Millis) -> Age {
        self.life().map_or(Age::Over, |life| life.age(now, random))
    }

    /// Whether it may be served, as stale at least.
    pub(crate) fn stands_in(&self, now: Millis) -> bool {
        self.valid() && now < self.life().map_or(self.gate, |life| life.kept)
    }

    /// Whether it should have been refreshed by now.
    pub(crate) fn is_stale(&self, now: Millis) -> bool {
        now >= self.gate && self.life().is_some_and(|life| now >= life.soft.min(life.expires))
    }

    /// Its moments, when it has more than an expiry.
    pub(crate) fn life(&self) -> Option<&Life> {
        self.rare.get()?.life.as_ref()
    }

    /// What the loader answered instead of a value.
    pub(crate) fn error(&self) -> Option<&LoadError> {
        self.rare.get()?.error.as_ref()
    }

    /// The namespace.
    #[inline]
    pub(crate) fn namespace(&self) -> &Arc<Namespace> {
        self.fence.namespace()
    }

    /// Bytes of memory it holds, except for what is the same for every entry.
    pub(crate) fn weight(&self) -> u64 {
        let bytes = self.bytes.as_ref().map_or(0, Bytes::len);
        (self.key.len() + bytes) as u64 + self.rare.get().map_or(0, |rare| rare.weight())
    }

    /// Notes the weight of the decoded value. The memory tier calls it under its lock.
    pub(crate) fn charge(&self, bytes: u32) {
        let (rare, before) = (self.rare(), self.weight());
        let bytes = if rare.is_original() { bytes } else { bytes.saturating_add(RARE as u32) };
        rare.decoded_bytes.store(bytes, Ordering::Relaxed);
        let more = self.weight().saturating_sub(before);
        self.namespace().counters.bytes.fetch_add(more, Ordering::Relaxed);
    }

    fn rare(&self) -> &Rare {
        self.rare.get_or_init(Box::default)
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let counters = &self.namespace().counters;
        counters.entries.fetch_sub(1, Ordering::Relaxed);
        counters.bytes.fetch_sub(self.weight(), Ordering::Relaxed);
    }
}

impl Rare {
    /// Whether the entry had it from the beginning: else it is charged together with what was
    /// decoded, so that an entry's weight only ever changes under the shard's lock.
    fn is_original(&self) -> bool {
        self.life.is_some() || self.error.is_some()
    }

    fn weight(&self) -> u64 {
        let own = if self.is_original() { RARE } else { 0 };
        own + u64::from(self.decoded_bytes.load(Ordering::Relaxed))
    }
}

/// The same bytes in an allocation of their own size: a short slice of a long buffer would keep
/// the whole buffer alive, uncounted.
fn fitted(bytes: Bytes) -> Bytes {
    match bytes.try_into_mut() {
        Ok(unique) if unique.capacity() - unique.len() <= unique.len() / 16 => unique.freeze(),
        Ok(roomy) => Bytes::copy_from_slice(&roomy),
        Err(shared) => Bytes::copy_from_slice(&shared),
    }
}

/// A cached value: bytes as they travel, and what they decode to, decoded once. Cloning shares.
#[derive(Clone, Debug)]
pub struct Value(Arc<Stored>);

impl Value {
    /// The value, unless it is known not to exist.
    #[inline]
    pub(crate) fn of(stored: Arc<Stored>) -> Option<Self> {
        stored.bytes.is_some().then_some(Self(stored))
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        // Only what has bytes becomes a value.
        self.0.bytes.as_ref().unwrap_or(&NOTHING)
    }

    /// What the bytes mean to `decode`, computed once and then shared by all readers of this
    /// memory entry. `decode` answers the value and the bytes of memory that it holds: these are
    /// charged to the entry. A failure is not remembered. An entry remembers one type, the first
    /// that it was decoded to; whoever asks for another decodes for himself.
    pub fn decoded<T: Any + Send + Sync, E>(
        &self,
        decode: impl FnOnce(&Bytes) -> Result<(T, usize), E>,
    ) -> Result<Arc<T>, E> {
        if let Some(shared) = self.shared() {
            return Ok(shared);
        }
        let rare = self.0.rare();
        let _one_at_a_time = rare.decoding.lock();
        if let Some(shared) = self.shared() {
            return Ok(shared);
        }
        let (value, bytes) = decode(self.bytes())?;
        let value = Arc::new(value);
        let first = rare.decoded.set(Arc::clone(&value) as Decoded).is_ok();
        if let (true, Some(memory)) = (first, self.0.namespace().memory.upgrade()) {
            memory.charge(&self.0, u32::try_from(bytes).unwrap_or(u32::MAX));
        }
        Ok(value)
    }

    fn shared<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(self.0.rare.get()?.decoded.get()?).downcast().ok()
    }
}
