//! An entry as memory keeps it: what a load brought, with all that a look-up has to check, in one
//! allocation behind a thin pointer.
//!
//! ```text
//! handles   8 bytes  how many there are
//! Record   48 bytes  fence, expiry, lengths
//! length    8 bytes  of what follows
//! key, then value
//! ```
//! So an entry costs little beyond its key and value, and a look-up that compares the key has the
//! record in the processor's cache already. What few entries have is in a second allocation.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use once_cell::race::OnceBox;
use triomphe::ThinArc;

use crate::cache::LoadError;
use crate::clock::Millis;
use crate::eviction::Tag;
use crate::generation::{Counter, Fence, Names};
use crate::key::{Key, Scope};
use crate::life::{Age, Life, random};
use crate::namespace::Namespace;
use crate::predicate::{Predicate, cover};
use crate::shim::{Mutex, MutexGuard};

/// Bytes of the second allocation of an entry.
const RARE: u64 = size_of::<Rare>() as u64;

/// A decoded value, shared by its readers.
pub(crate) type Decoded = Arc<dyn Any + Send + Sync>;

/// An entry. Cloning gives another handle to it.
#[derive(Clone)]
pub(crate) struct Stored(ThinArc<Record, u8>);

/// What precedes key and value.
struct Record {
    fence: Fence,
    /// Before this moment it is fresh; from then on its [`Life`] is asked, if it has one.
    gate: Millis,
    rare: OnceBox<Rare>,
    /// Its name among the sampled keys, if it is one.
    tag: Option<Tag>,
    /// Bytes of the key. A key of 4 GiB is cut, and so never found again.
    key: u32,
    /// Bytes of key and value as its namespace counts them: at most 4 GiB.
    counted: u32,
    /// Whether there is no value: it is known not to exist, or an error stands for it.
    absent: bool,
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
    /// A value, or with `None` the knowledge that there is none.
    pub(crate) fn new(
        key: &Key,
        value: Option<&[u8]>,
        fence: Fence,
        life: Life,
        tag: Option<Tag>,
    ) -> Self {
        if life.is_plain() {
            return Self::pack(key, value, fence, life.expires, OnceBox::new(), tag);
        }
        let gate = life.quiet_until();
        let rare = Rare { life: Some(life), ..Rare::default() };
        Self::pack(key, value, fence, gate, OnceBox::with_value(Box::new(rare)), tag)
    }

    /// A loader's error, to be answered until `expires`.
    pub(crate) fn failed(key: &Key, error: LoadError, fence: Fence, expires: Millis) -> Self {
        let rare = Rare { error: Some(error), ..Rare::default() };
        Self::pack(key, None, fence, expires, OnceBox::with_value(Box::new(rare)), None)
    }

    fn pack(
        key: &Key,
        value: Option<&[u8]>,
        fence: Fence,
        gate: Millis,
        rare: OnceBox<Rare>,
        tag: Option<Tag>,
    ) -> Self {
        let text = [key.as_bytes(), value.unwrap_or_default()].concat();
        let short = |length| u32::try_from(length).unwrap_or(u32::MAX);
        let (key, counted) = (short(key.len()), short(text.len()));
        let record = Record { fence, gate, rare, tag, key, counted, absent: value.is_none() };
        let counters = &record.fence.namespace().counters;
        counters.entries.fetch_add(1, Ordering::Relaxed);
        counters.bytes.fetch_add(record.counted(), Ordering::Relaxed);
        Self(ThinArc::from_header_and_slice(record, &text))
    }

    #[inline]
    fn record(&self) -> &Record {
        &self.0.header.header
    }

    /// The key, as [`Key::as_bytes`].
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        let text = &self.0.slice;
        text.get(..self.record().key as usize).unwrap_or(text)
    }

    /// The value; `None`: known not to exist, or an error.
    #[inline]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        let value = || self.0.slice.get(self.record().key as usize..).unwrap_or_default();
        (!self.record().absent).then(value)
    }

    /// Whether both are handles to one entry.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.heap_ptr() == other.0.heap_ptr()
    }

    /// Its name among the sampled keys, if it is one.
    #[inline]
    pub(crate) fn tag(&self) -> Option<Tag> {
        self.record().tag
    }

    /// Whether it says the same as this value.
    pub(crate) fn says(&self, value: Option<&[u8]>) -> bool {
        self.error().is_none() && self.value() == value
    }

    /// Its scopes, by the names of all counters.
    pub(crate) fn scopes(&self, names: &Names) -> Vec<Scope> {
        self.record().fence.scopes(names)
    }

    /// Whether nothing that covers it was invalidated since its load began.
    #[inline]
    pub(crate) fn valid(&self) -> bool {
        self.record().fence.holds()
    }

    /// Whether no predicate covers it.
    pub(crate) fn escapes(&self, predicates: Option<&[Predicate]>) -> bool {
        predicates.is_none_or(|list| !cover(list, self.key(), self.record().fence.born()))
    }

    /// Whether it carries the scope of this counter.
    pub(crate) fn carries(&self, counter: &Arc<Counter>) -> bool {
        self.record().fence.carries(counter)
    }

    /// What may be done with it now, invalidations aside.
    #[inline]
    pub(crate) fn age(&self, now: Millis) -> Age {
        if now < self.record().gate { Age::Fresh } else { self.age_by_life(now) }
    }

    #[cold]
    fn age_by_life(&self, now: Millis) -> Age {
        self.life().map_or(Age::Over, |life| life.age(now, random))
    }

    /// Whether it may be served, as stale at least.
    pub(crate) fn stands_in(&self, now: Millis) -> bool {
        self.valid() && now < self.life().map_or(self.record().gate, |life| life.kept)
    }

    /// Whether it should have been refreshed by now.
    pub(crate) fn is_stale(&self, now: Millis) -> bool {
        let due = |life: &Life| now >= life.soft.min(life.expires);
        now >= self.record().gate && self.life().is_some_and(due)
    }

    /// Its moments, when it has more than an expiry.
    pub(crate) fn life(&self) -> Option<&Life> {
        self.record().rare.get()?.life.as_ref()
    }

    /// What the loader answered instead of a value.
    #[inline]
    pub(crate) fn error(&self) -> Option<&LoadError> {
        self.record().rare.get()?.error.as_ref()
    }

    /// The namespace.
    #[inline]
    pub(crate) fn namespace(&self) -> &Arc<Namespace> {
        self.record().fence.namespace()
    }

    /// Bytes of memory it holds, except for what is the same for every entry.
    pub(crate) fn weight(&self) -> u64 {
        self.len() + self.record().rare_weight()
    }

    /// Bytes of key and value.
    pub(crate) fn len(&self) -> u64 {
        self.0.slice.len() as u64
    }

    /// Notes the weight of the decoded value. The memory tier calls it under its lock.
    pub(crate) fn charge(&self, bytes: u32) {
        let (rare, before) = (self.rare(), self.weight());
        let bytes = if rare.is_original() { bytes } else { bytes.saturating_add(RARE as u32) };
        rare.decoded_bytes.store(bytes, Ordering::Relaxed);
        let more = self.weight().saturating_sub(before);
        self.namespace().counters.bytes.fetch_add(more, Ordering::Relaxed);
    }

    /// What the value was decoded to.
    pub(crate) fn decoded(&self) -> Option<&Decoded> {
        self.record().rare.get()?.decoded.get()
    }

    /// Lets one caller decode at a time.
    pub(crate) fn decoding(&self) -> MutexGuard<'_, ()> {
        self.rare().decoding.lock()
    }

    /// Keeps what the value was decoded to, unless something is kept already.
    pub(crate) fn keep_decoded(&self, decoded: Decoded) -> bool {
        self.rare().decoded.set(decoded).is_ok()
    }

    fn rare(&self) -> &Rare {
        self.record().rare.get_or_init(Box::default)
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.value().map(<[u8]>::len);
        f.debug_struct("Stored")
            .field("key", &Key::from_bytes(self.key()))
            .field("bytes", &bytes)
            .finish()
    }
}

impl Record {
    /// What its namespace counts.
    fn counted(&self) -> u64 {
        u64::from(self.counted) + self.rare_weight()
    }

    fn rare_weight(&self) -> u64 {
        self.rare.get().map_or(0, Rare::weight)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let counters = &self.fence.namespace().counters;
        counters.entries.fetch_sub(1, Ordering::Relaxed);
        counters.bytes.fetch_sub(self.counted(), Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_as_small_as_it_is_drawn() {
        assert_eq!((size_of::<Record>(), size_of::<Option<Stored>>()), (48, size_of::<usize>()));
    }
}
