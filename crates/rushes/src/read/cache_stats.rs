//! The cache's figures as JSON, for `stats`, the metrics and the page.

use serde_json::{Map, Value, json};

use crate::engine::Rushes;

impl Rushes {
    /// What the cache did since the library was opened, and what it holds now (bytes).
    pub(crate) fn cache_stats(&self) -> Value {
        let stats = self.inner.cache.stats();
        let namespaces: Map<String, Value> = stats
            .namespaces
            .iter()
            .map(|space| {
                let asked = space.hits + space.misses;
                let figures = json!({
                    "hits": space.hits,
                    "misses": space.misses,
                    "hit_ratio": if asked == 0 { None } else { Some(space.hits as f64 / asked as f64) },
                    "joins": space.joins,
                    "loads": space.loads,
                    "load_errors": space.load_errors,
                    "load_millis": space.load_millis,
                    "discarded": space.discarded,
                    "evictions": space.evictions,
                    "expired": space.expired,
                    "invalidated": space.invalidated,
                });
                (space.name.clone(), figures)
            })
            .collect();
        json!({
            "memory": {
                "entries": stats.memory.entries,
                "bytes": stats.memory.bytes,
                "capacity": stats.memory.capacity,
            },
            "namespaces": namespaces,
            "invalidations": stats.invalidations,
            "flights": stats.flights,
        })
    }
}
