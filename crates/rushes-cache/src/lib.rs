//! A coherent multi-tier cache: keys to bytes through memory, Redis and disk.
//!
//! A [`Key`] names a value, a [`Scope`] names what a commit can invalidate: a video, its captions,
//! a table. [`Cache::get_or_load`] answers from a tier or asks the loader, once for all who want
//! the same key at the same time. [`Cache::invalidate`] raises the generation of a scope: when it
//! has returned, nothing that was read before is served again, whether it was cached already or
//! was still being loaded.
//!
//! ```
//! use bytes::Bytes;
//! use rushes_cache::{Cache, Key, Loaded, LoadError, Origin, Scope};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let cache = Cache::builder().memory(64 << 20).build();
//! let (key, video) = (Key::new("captions", "42/0-30"), Scope::path(["video", "42"]));
//! let load = || async { Ok(Loaded { bytes: Some(Bytes::from("a red door")), ttl: None }) };
//!
//! let first = cache.get_or_load(&key, &[video.clone()], load).await?;
//! assert_eq!(first.origin, Origin::Source);
//! let second = cache.get_or_load(&key, &[video.clone()], load).await?;
//! assert_eq!(second.origin, Origin::Memory);
//!
//! cache.invalidate(&[video.clone()]).await;
//! let third = cache.get_or_load(&key, &[video], load).await?;
//! assert_eq!(third.origin, Origin::Source);
//! # Ok::<(), LoadError>(()) }).unwrap();
//! ```

mod audit;
mod batch;
mod cache;
mod clock;
mod entry;
mod eviction;
mod flight;
mod generation;
mod ghosts;
mod hearer;
mod hot;
mod invalidate;
mod key;
mod landing;
mod life;
mod namespace;
mod pattern;
mod predicate;
mod refresh;
mod set;
mod shim;
mod stats;
mod step;
mod stored;
#[cfg(feature = "testing")]
pub mod testing;
mod tier;
mod token;
mod turn;
mod value;
mod warm;
mod work;

pub use batch::Wanted;
pub use cache::{Cache, CacheBuilder, Fetched, LoadError, Loaded, Lookup, Origin};
pub use clock::{Clock, Millis};
pub use entry::{Entry, MOST_SCOPES};
pub use flight::Lost;
pub use ghosts::{Curve, CurvePoint};
pub use hearer::Hearer;
pub use hot::HotKey;
pub use key::{Key, Scope};
pub use namespace::{Keep, Settings};
pub use pattern::{BadPattern, Pattern};
pub use stats::{MemoryStats, NamespaceStats, Stats};
#[cfg(unix)]
pub use tier::disk::Disk;
pub use tier::guard::Patience;
#[cfg(feature = "redis")]
pub use tier::redis::{Redis, RedisOptions};
pub use tier::{Claim, Look, Put, Stamp, Tier, TierError, TierStats};
pub use token::{Position, Token};
pub use value::Value;
pub use warm::{Budget, Progress, Warming};
