//! A coherent multi-tier cache: keys to bytes through memory, Redis and disk.

mod cache;
mod key;

pub use cache::{Cache, CacheBuilder, Fetched, LoadError, Loaded, Lookup, Origin, Value};
pub use key::{Key, Scope};
