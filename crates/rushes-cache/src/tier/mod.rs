//! The tiers a value can be found in.
//!
//! Below the memory tier, which is built into the cache, any number of [`Tier`]s follow. A tier
//! keeps generations of its own: what it answers was not invalidated there since the load that
//! brought it began, whenever the record arrived. So a put that comes late needs no lock and no
//! order: it is dead on arrival.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::batch::Wanted;
use crate::cache::Origin;
use crate::entry::Entry;
use crate::hearer::Hearer;
use crate::key::{Key, Scope};
use crate::pattern::{Pattern, Where};
use crate::token::Position;

#[cfg(unix)]
pub(crate) mod disk;
pub(crate) mod guard;
pub(crate) mod map;
pub(crate) mod memory;
#[cfg(feature = "redis")]
pub(crate) mod redis;

/// What a look into a tier brings: the generations before it, and the entry, if there is one.
pub type Look = (Stamp, Option<Entry>);

/// An entry to be kept, and the generations before its load.
#[derive(Clone, Debug)]
pub struct Put {
    /// The key.
    pub key: Key,
    /// The entry.
    pub entry: Entry,
    /// What [`Tier::stamp`] or [`Tier::look`] told.
    pub stamp: Stamp,
}

/// A store of entries below the memory tier.
#[async_trait]
pub trait Tier: Send + Sync + fmt::Debug {
    /// What its answers are called.
    fn origin(&self) -> Origin;

    /// The generations of `key` and `scopes` now. Taken before a load begins; what the load brings
    /// is [put](Tier::put) with it.
    ///
    /// # Errors
    /// As all methods: when the tier cannot be reached or is broken; to the cache that is a miss.
    async fn stamp(&self, key: &Key, scopes: &[Scope]) -> Result<Stamp, TierError>;

    /// The entry, when it is whole, [kept](Entry::kept), and nothing that covers it was invalidated.
    /// It may be past its [`Entry::expires`]: the cache looks at that itself.
    async fn get(&self, key: &Key) -> Result<Option<Entry>, TierError>;

    /// Keeps an entry whose load began after `stamp` was taken.
    async fn put(&self, key: &Key, entry: &Entry, stamp: &Stamp) -> Result<(), TierError>;

    /// Drops a key, and what loads of it that are under way will bring.
    async fn remove(&self, key: &Key) -> Result<(), TierError>;

    /// [`Tier::remove`] for many keys.
    async fn remove_many(&self, keys: &[Key]) -> Result<(), TierError> {
        for key in keys {
            self.remove(key).await?;
        }
        Ok(())
    }

    /// Drops keys, and answers the generations that this very removal left, in their order: what
    /// is [put](Tier::put) with them is dead as soon as anybody removes the key again.
    async fn remove_to_set(&self, wanted: &[Wanted]) -> Result<Vec<Stamp>, TierError> {
        let keys: Vec<Key> = wanted.iter().map(|wanted| wanted.key.clone()).collect();
        self.remove_many(&keys).await?;
        let mut stamps = Vec::with_capacity(wanted.len());
        for Wanted { key, scopes } in wanted {
            stamps.push(self.stamp(key, scopes).await?);
        }
        Ok(stamps)
    }

    /// Drops all that carries one of the scopes, and what loads under way will bring.
    async fn invalidate(&self, scopes: &[Scope]) -> Result<(), TierError>;

    /// [`Tier::stamp`], then [`Tier::get`], in one go where the tier can.
    async fn look(&self, key: &Key, scopes: &[Scope]) -> Result<Look, TierError> {
        let stamp = self.stamp(key, scopes).await?;
        Ok((stamp, self.get(key).await?))
    }

    /// The same for many keys, in their order.
    async fn look_many(&self, wanted: &[Wanted]) -> Result<Vec<Look>, TierError> {
        let mut looks = Vec::with_capacity(wanted.len());
        for Wanted { key, scopes } in wanted {
            looks.push(self.look(key, scopes).await?);
        }
        Ok(looks)
    }

    /// [`Tier::put`] for many entries.
    async fn put_many(&self, puts: &[Put]) -> Result<(), TierError> {
        for Put { key, entry, stamp } in puts {
            self.put(key, entry, stamp).await?;
        }
        Ok(())
    }

    /// Whether other processes use it as well.
    fn is_shared(&self) -> bool {
        false
    }

    /// Asks to be the only one of all processes that loads each of the keys at these generations;
    /// answers in their order. `None`: another one does. A tier of one process has nothing to ask
    /// for.
    async fn claim(&self, wanted: &[(Key, Stamp)]) -> Result<Vec<Option<Claim>>, TierError> {
        Ok(vec![Some(Claim::default()); wanted.len()])
    }

    /// Keeps claims for as long again.
    async fn renew(&self, _claims: &[Claim]) -> Result<(), TierError> {
        Ok(())
    }

    /// Gives claims back.
    async fn release(&self, _claims: &[Claim]) -> Result<(), TierError> {
        Ok(())
    }

    /// Called once, when the tier becomes part of a cache. A tier that other processes share tells
    /// the hearer what they invalidate.
    fn attend(&self, _hearer: Hearer) {}

    /// Notes that all changes of the source up to `at` were handed to this tier. It is kept with the
    /// next invalidation, for whoever begins later.
    fn mark(&self, _at: u64) {}

    /// Up to where the changes of the source are known to have been handed to this tier, by this
    /// process or another; `None`: nobody knows.
    async fn marked(&self) -> Result<Option<u64>, TierError> {
        Ok(None)
    }

    /// Where in the log that all processes share this process' latest invalidation is.
    fn position(&self) -> Option<Position> {
        None
    }

    /// Waits until all invalidations up to a position were heard.
    async fn reached(&self, _position: Position) {}

    /// Drops every key that the pattern matches, and what loads under way will bring. A tier that
    /// cannot tell its keys apart drops more: the namespace, or everything.
    async fn invalidate_matching(&self, pattern: &Pattern) -> Result<(), TierError> {
        let scope = match pattern.parts() {
            (Where::In(name), _) => Scope::namespace(name),
            (Where::Like(_), _) => Scope::everything(),
        };
        self.invalidate(&[scope]).await
    }

    /// Ends its work in peace; afterwards every operation is an error.
    async fn close(&self) -> Result<(), TierError>;

    /// What it did and holds.
    fn stats(&self) -> TierStats;
}

/// The generations a tier had before a load began; only that tier reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub(crate) Vec<crate::entry::Seen>);

/// The right to load a key, held by one process at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Under what name it is kept.
    pub(crate) name: String,
    /// The slot of that name in a cluster.
    pub(crate) slot: u16,
    /// Tells its holder from others.
    pub(crate) holder: u64,
    /// How long it is kept without a sign of life; zero: there is nothing to keep.
    pub(crate) lasts: Duration,
}

/// Why a tier did not answer.
#[derive(Debug, thiserror::Error)]
pub enum TierError {
    /// The file or connection under it failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path or address.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It took longer than its budget.
    #[error("no answer within {0:?}")]
    Slow(Duration),
    /// It failed lately and is left alone for a while.
    #[error("left alone after failures")]
    Resting,
    /// It has as much to do as it may.
    #[error("too many operations are under way")]
    Busy,
    /// Any other reason.
    #[error("{0}")]
    Other(String),
}

/// What a tier did since it was opened, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierStats {
    /// Look-ups that found an entry.
    pub hits: u64,
    /// Look-ups that found none.
    pub misses: u64,
    /// Entries kept.
    pub puts: u64,
    /// Entries not kept: too large, too late, or the tier was busy or full.
    pub refused: u64,
    /// Entries dropped to make room.
    pub evictions: u64,
    /// Entries found torn or changed.
    pub corrupt: u64,
    /// Operations that failed.
    pub errors: u64,
    /// Operations that took longer than their budget.
    pub slow: u64,
    /// Operations not tried because the tier failed lately.
    pub skipped: u64,
    /// Whether it is left alone at present.
    pub resting: bool,
    /// Entries it holds.
    pub entries: usize,
    /// Bytes it holds.
    pub bytes: u64,
}
