//! What a write hands to its caller, so that a read by any process sees it.
//!
//! The store numbers its commits, so a token is the number of one: whoever shows it is answered by
//! a cache that has dropped what was committed up to there. It needs no Redis.

use std::time::{Duration, Instant};

use crate::engine::Rushes;
use crate::error::{Error, Kind, Result};

/// How long a read waits for a commit that the store does not show yet.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// Characters of the library's identity in a token.
const MARK: usize = 12;

impl Rushes {
    /// Stands for every write of this library that was acknowledged so far.
    pub async fn token(&self) -> Result<String> {
        Ok(format!("{}-{}", self.token_mark(), self.inner.store.seq().await?))
    }

    /// Returns when reads see what the token stands for. Fails when it is not of this library, or
    /// stands for a commit that the store does not show within a second.
    pub async fn after(&self, token: &str) -> Result<()> {
        let seq = self.read_token(token)?;
        let until = Instant::now() + PATIENCE;
        while !self.inner.freshness.has_seen(seq) {
            self.catch_up().await?;
            if !self.inner.freshness.has_seen(seq) && Instant::now() > until {
                let why = "the library does not show the write that this token stands for; was an \
                           older copy put in its place?";
                return Err(Error::new(Kind::Unavailable, why));
            }
            if !self.inner.freshness.has_seen(seq) {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        }
        Ok(())
    }

    fn read_token(&self, token: &str) -> Result<u64> {
        let wrong = || Error::invalid("the token is not one that a write has answered");
        let (mark, seq) = token.split_once('-').ok_or_else(wrong)?;
        if mark != self.token_mark() {
            return Err(Error::invalid("the token is of another library"));
        }
        seq.parse().map_err(|_| wrong())
    }

    fn token_mark(&self) -> &str {
        let identity = self.inner.store.sql().identity();
        identity.get(..MARK).unwrap_or(identity)
    }
}
