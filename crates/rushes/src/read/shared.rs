//! Lists that all readers share, in answers: serialised as the list itself.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<T: Serialize, S: Serializer>(
    list: &Arc<Vec<T>>,
    out: S,
) -> Result<S::Ok, S::Error> {
    list.as_slice().serialize(out)
}

pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Arc<Vec<T>>, D::Error> {
    Vec::deserialize(from).map(Arc::new)
}

/// Lists of things that are shared one by one.
pub(crate) mod each {
    use super::*;

    pub(crate) fn serialize<T: Serialize, S: Serializer>(
        list: &[Arc<T>],
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.collect_seq(list.iter().map(Arc::as_ref))
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Arc<T>>, D::Error> {
        Ok(Vec::deserialize(from)?.into_iter().map(Arc::new).collect())
    }
}
