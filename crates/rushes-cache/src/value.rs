//! Cached values as callers get them: bytes, and what they decode to.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;

use crate::stored::{Decoded, Stored};

/// A cached value: bytes as they travel, and what they decode to, decoded once. Cloning shares.
#[derive(Clone, Debug)]
pub struct Value(Stored);

impl Value {
    /// The value, unless it is known not to exist.
    #[inline]
    pub(crate) fn of(stored: Stored) -> Option<Self> {
        stored.value().is_some().then_some(Self(stored))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // Only what has bytes becomes a value.
        self.0.value().unwrap_or_default()
    }

    /// The bytes for whoever keeps or sends them: shared, not copied.
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from_owner(self.clone())
    }

    /// What the bytes mean to `decode`, computed once and then shared by all readers of this
    /// memory entry. `decode` answers the value and the bytes of memory that it holds: these are
    /// charged to the entry. A failure is not remembered. An entry remembers one type, the first
    /// that it was decoded to; whoever asks for another decodes for himself.
    pub fn decoded<T: Any + Send + Sync, E>(
        &self,
        decode: impl FnOnce(&[u8]) -> Result<(T, usize), E>,
    ) -> Result<Arc<T>, E> {
        if let Some(shared) = self.shared() {
            return Ok(shared);
        }
        let _one_at_a_time = self.0.decoding();
        if let Some(shared) = self.shared() {
            return Ok(shared);
        }
        let (value, bytes) = decode(self.bytes())?;
        let value = Arc::new(value);
        let first = self.0.keep_decoded(Arc::clone(&value) as Decoded);
        if let (true, Some(memory)) = (first, self.0.namespace().memory.upgrade()) {
            memory.charge(&self.0, u32::try_from(bytes).unwrap_or(u32::MAX));
        }
        Ok(value)
    }

    fn shared<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(self.0.decoded()?).downcast().ok()
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}
