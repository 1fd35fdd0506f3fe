//! What a write hands to its caller, so that a read anywhere can wait for it.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use crate::cache::{Cache, Fetched, LoadError, Loaded, Origin};
use crate::entry::Entry;
use crate::key::{Key, Scope};
use crate::value::Value;

/// A place in the log of invalidations that several processes share. Later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When the log began, milliseconds since 1970 by the clock of its server.
    pub epoch: u64,
    /// The number of the invalidation in it.
    pub sequence: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.sequence)
    }
}

impl FromStr for Position {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let (epoch, sequence) = text.split_once('-').ok_or(NotAToken)?;
        let number = |digits: &str| digits.parse().map_err(|_| NotAToken);
        Ok(Self { epoch: number(epoch)?, sequence: number(sequence)? })
    }
}

/// Stands for an invalidation: whoever shows it to a cache, of this process or of another that
/// shares a tier with it, reads nothing from before. As text it is opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(pub(crate) Known);

/// Who knows of an invalidation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Only this cache: there is no other.
    Here,
    /// All who have read the log up to here.
    Logged(Position),
    /// The cache of this number, which could not yet tell the others.
    Owed(u64),
}

/// The text is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a token that a write has answered")]
pub struct NotAToken;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Known::Here => write!(f, "0"),
            Known::Logged(position) => write!(f, "{position}"),
            Known::Owed(cache) => write!(f, "owed-{cache:x}"),
        }
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        if text == "0" {
            return Ok(Self(Known::Here));
        }
        if let Some(cache) = text.strip_prefix("owed-") {
            return u64::from_str_radix(cache, 16)
                .map(|cache| Self(Known::Owed(cache)))
                .map_err(|_| NotAToken);
        }
        text.parse().map(|position| Self(Known::Logged(position)))
    }
}

impl Cache {
    /// Stands for every invalidation that this cache has acknowledged so far.
    pub fn token(&self) -> Token {
        let Some(shared) = self.0.tiers.iter().find(|tier| tier.tier().is_shared()) else {
            return Token(Known::Here);
        };
        if !shared.owes_nothing() {
            return Token(Known::Owed(self.0.id));
        }
        Token(shared.tier().position().map_or(Known::Here, Known::Logged))
    }

    /// Whether this cache knows what the token stands for; waits `at_most` so long until it does.
    pub async fn knows(&self, token: &Token, at_most: Duration) -> bool {
        let position = match token.0 {
            Known::Here => return true,
            Known::Owed(cache) => return cache == self.0.id,
            Known::Logged(position) => position,
        };
        let Some(shared) = self.0.tiers.iter().find(|tier| tier.tier().is_shared()) else {
            return false;
        };
        tokio::time::timeout(at_most, shared.tier().reached(position)).await.is_ok()
    }

    /// [`Cache::get_or_load`] for whoever holds a token: waits `at_most` so long until this cache
    /// knows what the token stands for, else asks the loader and keeps nothing.
    ///
    /// # Errors
    /// As [`Cache::get_or_load`].
    ///
    /// # Panics
    /// As [`Cache::get_or_load`].
    pub async fn get_or_load_after<F, Fut>(
        &self,
        token: &Token,
        at_most: Duration,
        key: &Key,
        scopes: &[Scope],
        load: F,
    ) -> Result<Fetched, LoadError>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded, LoadError>> + Send + 'static,
    {
        if self.knows(token, at_most).await {
            return self.get_or_load(key, scopes, load).await;
        }
        let namespace = self.0.namespaces.of(key);
        let fence = self.0.generations.fence(&namespace, scopes);
        let entry = Entry::new(load().await?.bytes);
        let value = Value::of(self.0.stored(key, entry, fence));
        Ok(Fetched { value, origin: Origin::Source, stale: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_way_through_text() {
        let position = Position { epoch: 1_700_000_000_000, sequence: 7 };
        for known in [Known::Here, Known::Logged(position), Known::Owed(0xbeef)] {
            let token = Token(known);
            assert_eq!(token.to_string().parse(), Ok(token));
        }
        for wrong in
            ["", "x", "1", "1-", "-1", "owed-", "owed-xyz", "1-2-3", "99999999999999999999-1"]
        {
            assert_eq!(wrong.parse::<Token>(), Err(NotAToken), "{wrong:?}");
        }
    }
}
