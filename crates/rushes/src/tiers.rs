//! The cache's tiers, as the settings name them.

#[cfg(test)]
#[cfg(feature = "redis")]
mod tests;

use std::sync::{Arc, Weak};
use std::time::Duration;

use rushes_cache::{CacheBuilder, Scope};

use crate::config::Settings;
use crate::engine::Inner;
use crate::error::{Error, Kind, Result};
use crate::read::Scopes;

/// How long after a failed attempt to get in step the next one is made: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Adds the tier that the settings name; `identity` tells the library from every other one.
#[cfg(feature = "redis")]
pub(crate) fn with_redis(
    builder: CacheBuilder,
    settings: &Settings,
    identity: &str,
) -> Result<CacheBuilder> {
    use rushes_cache::{Redis, RedisOptions};
    let Some(url) = settings.redis() else { return Ok(builder) };
    let options = RedisOptions {
        prefix: format!("{}{:.16}:", settings.redis_prefix, identity),
        longest: settings.ttl.max(Duration::from_secs(1)),
        // The store tells what other processes changed, whether or not Redis can be heard.
        deaf: None,
        ..RedisOptions::default()
    };
    let redis = Redis::open(url.reveal(), options);
    let redis = redis.map_err(|error| Error::invalid(format!("the setting redis: {error}")))?;
    Ok(builder.tier(redis))
}

/// The same in a build without that tier.
#[cfg(not(feature = "redis"))]
pub(crate) fn with_redis(
    builder: CacheBuilder,
    settings: &Settings,
    _: &str,
) -> Result<CacheBuilder> {
    match settings.redis() {
        None => Ok(builder),
        Some(_) => Err(Error::invalid("the setting redis: this build has no Redis tier")),
    }
}

/// Brings the shared tiers in step with the store in the background, as soon as they can be
/// reached; until then they are not read.
pub(crate) fn get_in_step(inner: &Arc<Inner>) {
    if inner.cache.is_shared() {
        tokio::spawn(keep_trying(Arc::downgrade(inner)));
    }
}

async fn keep_trying(inner: Weak<Inner>) {
    let mut pause = PAUSES.0;
    while let Some(inner) = inner.upgrade() {
        match step(&inner).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "the shared tier is not in step yet"),
        }
        drop(inner);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Invalidates what was changed since anybody last did so: a process may have died in between.
async fn step(inner: &Inner) -> Result<()> {
    let away = |error| Error::caused(Kind::Unavailable, "the shared tier cannot be asked", error);
    let marked = inner.cache.marked().await.map_err(away)?;
    // Before the changes are read: those that come later are applied as they come.
    let seq = inner.store.seq().await?;
    match marked.filter(|marked| *marked <= seq) {
        Some(marked) => {
            let change = inner.store.changes_since(marked).await?;
            let scopes: Vec<Scope> = change.changes.iter().flat_map(Scopes::touched).collect();
            inner.cache.invalidate(&scopes).await;
        }
        None => inner.cache.clear().await,
    }
    if !inner.cache.owes_nothing() {
        return Err(Error::new(Kind::Unavailable, "the shared tier could not be told"));
    }
    inner.cache.in_step(seq).await;
    Ok(())
}
