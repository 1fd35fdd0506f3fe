//! The read path: request, key, cache, and on a miss one query.

mod entries;
mod fetch;
mod served;

pub use entries::{Entries, EntriesRequest};
#[allow(unused_imports)] // until the answers use it
pub(crate) use fetch::From;
pub use served::{Served, Tier};
