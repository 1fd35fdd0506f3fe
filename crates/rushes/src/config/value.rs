//! What settings hold beside numbers, times and paths.

use std::fmt;
use std::path::PathBuf;

/// What is read before it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefetching {
    /// Nothing.
    Off,
    /// The kinds that belong to what was asked for, in the same window: captions and objects with
    /// frames, frames with captions and with objects, captions with transcript.
    Related,
    /// What followed such reads before, in this session and others.
    #[default]
    Learned,
}

impl Prefetching {
    /// Its name, as in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Related => "related",
            Self::Learned => "learned",
        }
    }
}

/// Where the rows of a library are.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// In a SQLite file.
    File(PathBuf),
    /// In a PostgreSQL database, by its URL, which may hold a password.
    Postgres(String),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

/// A URL that may hold a password: it shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// The URL, password included.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RedisUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl(…)")
    }
}
