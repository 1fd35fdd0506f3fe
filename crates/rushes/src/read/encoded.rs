//! Answers as they are sent: encoded once, then taken as they lie.

use bytes::Bytes;
use rushes_cache::{Key, LoadError, Loaded};
use rushes_codec::encoding::Encoding;
use rushes_store::BlobHash;

use super::fetch::{absent, failed, namespace};
use crate::engine::Rushes;
use crate::error::{Error, Kind, Result};

impl Rushes {
    /// An answer's body in an encoding of HTTP. The encoded form lies in the memory tier under the
    /// hash of the body, `hash`: another body is another key, so it can never be out of date.
    ///
    /// # Errors
    /// `Internal` when the encoder fails.
    pub async fn encoded(&self, body: Bytes, hash: &BlobHash, encoding: Encoding) -> Result<Bytes> {
        let key = Key::new(namespace::ENCODED, format!("{hash}.{}", encoding.name()));
        let encode = move || async move {
            let encoded = tokio::task::spawn_blocking(move || encoding.encode(&body))
                .await
                .map_err(|error| Error::caused(Kind::Internal, "an encoding was stopped", error))
                .and_then(|encoded| Ok(encoded?));
            let bytes = encoded.map_err(|error| std::sync::Arc::new(error) as LoadError)?;
            Ok(Loaded { bytes: Some(bytes.into()), ttl: None })
        };
        let found = self.inner.cache.get_or_load(&key, &[], encode).await;
        let value = found.map_err(|error| failed(&error))?.value.ok_or_else(absent)?;
        Ok(value.to_bytes())
    }
}
