//! The read path: request, key, cache, and on a miss one query.

mod cache_stats;
mod cursor;
mod encoded;
mod entries;
mod fetch;
mod freshness;
pub(crate) mod grid;
mod kept;
mod key;
mod library;
mod messages;
mod meter;
mod segments;
mod served;
pub(crate) mod shared;
mod stream;
#[cfg(test)]
mod tests;
mod total;

pub(crate) use cursor::{opened, sealed};
pub use entries::{Entries, EntriesRequest};
pub(crate) use entries::{kinds, limit, never_computed};
pub(crate) use fetch::{From, failed, served_by};
pub(crate) use freshness::{Freshness, scopes_of};
pub(crate) use kept::namespaces;
pub(crate) use key::Scopes;
pub(crate) use meter::Meter;
pub(crate) use served::Watch;
pub use served::{Served, Tier};
pub use total::{Counted, Total};
