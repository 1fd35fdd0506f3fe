//! What a write answers, with the token by which other processes see it.

use rushes::{Result, Rushes};
use serde::Serialize;

/// An answer and the write's token.
#[derive(Debug, Serialize)]
pub(crate) struct Written<T> {
    /// What was done.
    #[serde(flatten)]
    pub(crate) done: T,
    /// Whoever shows it to a process over the same library reads nothing older.
    pub(crate) token: String,
}

impl<T> Written<T> {
    /// Adds the token to what the engine has just done.
    pub(crate) async fn by(engine: &Rushes, done: T) -> Result<Self> {
        Ok(Self { done, token: engine.token().await? })
    }
}
