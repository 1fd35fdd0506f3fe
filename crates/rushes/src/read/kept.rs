//! Which tiers keep what, and for how long: the settings of the cache's namespaces.

use std::time::Duration;

use rushes_cache::{CacheBuilder, Keep, Settings as Namespace};

use super::fetch::namespace;

/// Of so many hits on records about one is compared with the store.
const AUDIT: u32 = 10_000;

/// Tells a cache how to keep what the engine reads. Results of queries stay on disk for
/// `query_ttl` at most; pictures, which cost decoding, as long as they are true.
pub(crate) fn namespaces(builder: CacheBuilder, query_ttl: Duration) -> CacheBuilder {
    let queries = Namespace { disk: Keep::AtMost(query_ttl), ..Namespace::default() };
    // What is made of memory in less time than another tier takes to answer.
    let near = Namespace { redis: Keep::No, disk: Keep::No, ..Namespace::default() };
    builder
        .namespace(namespace::ENCODED, near)
        .namespace(namespace::RECORDS, Namespace { audit: AUDIT, ..queries })
        .namespace(namespace::SEGMENTS, queries)
        .namespace(crate::sql::NAMESPACE, queries)
}
