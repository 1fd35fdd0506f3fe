//! The cache's figures as JSON, for `stats`, the metrics and the page.

use serde_json::{Map, Value, json};

use crate::engine::Rushes;

impl Rushes {
    /// What the cache did since the library was opened, and what it holds now (bytes).
    pub fn cache_figures(&self) -> Value {
        let stats = self.inner.cache.stats();
        let namespaces: Map<String, Value> = stats
            .namespaces
            .iter()
            .map(|space| {
                let asked = space.hits + space.misses;
                let figures = json!({
                    "hits": space.hits,
                    "stale_hits": space.stale_hits,
                    "redis_hits": space.redis_hits,
                    "disk_hits": space.disk_hits,
                    "promotions": space.promotions,
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
                    "removed": space.removed,
                    "refreshes": space.refreshes,
                    "audits": space.audits,
                    "stale": space.stale,
                    "entries": space.entries,
                    "bytes": space.bytes,
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
            "tiers": tiers(&stats),
            "namespaces": namespaces,
            "stale_total": stats.namespaces.iter().map(|space| space.stale).sum::<u64>(),
            "patterns": stats.patterns,
            "invalidations": stats.invalidations,
            "flights": stats.flights,
        })
    }
}

/// What the tiers below memory did and hold.
fn tiers(stats: &rushes_cache::Stats) -> Map<String, Value> {
    let figures = stats.tiers.iter().map(|(origin, tier)| {
        let figures = json!({
            "hits": tier.hits,
            "misses": tier.misses,
            "puts": tier.puts,
            "refused": tier.refused,
            "evictions": tier.evictions,
            "corrupt": tier.corrupt,
            "errors": tier.errors,
            "slow": tier.slow,
            "skipped": tier.skipped,
            // The breaker: 1 while the tier is left alone.
            "resting": u8::from(tier.resting),
            "entries": tier.entries,
            "bytes": tier.bytes,
        });
        (format!("{origin:?}").to_lowercase(), figures)
    });
    figures.collect()
}
