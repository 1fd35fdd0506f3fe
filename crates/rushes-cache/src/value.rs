//! Cached values: bytes, what they decode to, and how long and on what condition they may be
//! served.

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::clock::Millis;
use crate::generation::Fence;
use crate::key::Key;
use crate::namespace::Namespace;
use crate::shim::Mutex;

/// A decoded value, shared by its readers.
type Decoded = Arc<dyn Any + Send + Sync>;

/// What a load brought, with all that a look-up has to check, in one allocation.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) key: Key,
    bytes: Bytes,
    /// Known not to exist; `bytes` is empty then.
    absent: bool,
    /// Bytes charged to the memory tier for `decoded`; written under the shard's lock only.
    decoded_bytes: AtomicU32,
    fence: Fence,
    expires: Millis,
    pub(crate) namespace: Arc<Namespace>,
    decoded: OnceLock<Decoded>,
    decoding: Mutex<()>,
}

impl Stored {
    pub(crate) fn new(
        key: Key,
        bytes: Option<Bytes>,
        expires: Millis,
        fence: Fence,
        namespace: Arc<Namespace>,
    ) -> Self {
        Self {
            key,
            absent: bytes.is_none(),
            bytes: bytes.map(fitted).unwrap_or_default(),
            decoded_bytes: AtomicU32::new(0),
            fence,
            expires,
            namespace,
            decoded: OnceLock::new(),
            decoding: Mutex::new(()),
        }
    }

    /// Whether nothing that covers it was invalidated since its load began.
    #[inline]
    pub(crate) fn valid(&self) -> bool {
        self.fence.holds()
    }

    /// Whether its time is not up.
    #[inline]
    pub(crate) fn fresh(&self, now: Millis) -> bool {
        now < self.expires
    }

    /// Bytes of memory it holds, except for what is the same for every entry.
    pub(crate) fn weight(&self) -> u64 {
        let decoded = self.decoded_bytes.load(Ordering::Relaxed);
        (self.key.len() + self.bytes.len()) as u64 + u64::from(decoded) + self.fence.heap_bytes()
    }

    /// Notes the weight of the decoded value. The memory tier calls it under its lock.
    pub(crate) fn charge(&self, bytes: u32) {
        self.decoded_bytes.store(bytes, Ordering::Relaxed);
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
        (!stored.absent).then_some(Self(stored))
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
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
        let _one_at_a_time = self.0.decoding.lock();
        if let Some(shared) = self.shared() {
            return Ok(shared);
        }
        let (value, bytes) = decode(&self.0.bytes)?;
        let value = Arc::new(value);
        let first = self.0.decoded.set(Arc::clone(&value) as Decoded).is_ok();
        if let (true, Some(memory)) = (first, self.0.namespace.memory.upgrade()) {
            memory.charge(&self.0, u32::try_from(bytes).unwrap_or(u32::MAX));
        }
        Ok(value)
    }

    fn shared<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(self.0.decoded.get()?).downcast().ok()
    }
}
