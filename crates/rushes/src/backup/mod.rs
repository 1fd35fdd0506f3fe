//! Copies of a whole library, rows and files, taken while it is in use; and putting one back.
//!
//! A backup is a library of its own: a folder that opens like any other. [`Rushes::backup`] makes
//! one of an open library, [`Rushes::restore`] a library of one. Both are the same work
//! (`transfer.rs`) into a folder that holds nothing yet (`place.rs`).

mod place;
mod transfer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use crate::config::{Database, Settings};
use crate::engine::{Rushes, checked_path};
use crate::error::{Error, Result};
use crate::write::blocking;
use transfer::Transfer;

/// How far a backup is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum BackupEvent {
    /// Files were copied, or found copied by an attempt before.
    Files {
        /// How many.
        done: u64,
        /// How many there are.
        all: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Pages of the database were copied.
    Rows {
        /// How many.
        done: u64,
        /// How many there are.
        all: u64,
    },
    /// The copy of the database is checked.
    Checking,
}

/// A finished backup, or a library that was made of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUp {
    /// Where it is.
    pub folder: PathBuf,
    /// The commit that it shows the library as of.
    pub seq: u64,
    /// Its videos.
    pub videos: u64,
    /// Its entries.
    pub entries: u64,
    /// Files that its rows name: pictures, timing indexes, uploaded videos.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of its database.
    pub database_bytes: u64,
    /// What was missing or damaged where it was copied from, a line each; empty when all is well.
    pub problems: Vec<String>,
}

impl Rushes {
    /// Copies the library, as of one moment, into a folder that is not there or empty, while others
    /// read and write it. What an interrupted attempt left there is gone on with. The folder is a
    /// library once this returns, and none before. Dropping the call ends the copying.
    ///
    /// Files that rows name and that are missing or damaged here are told in the answer; the rest is
    /// backed up all the same. Fails when the folder holds anything else, is within the library, has
    /// not enough room, or when the copied database is damaged.
    pub async fn backup(&self, to: &Path, told: Option<Sender<BackupEvent>>) -> Result<BackedUp> {
        let library = self.inner.settings.library.clone();
        let database = match &self.inner.settings.database {
            None => library.join("rushes.db"),
            Some(Database::File(file)) => file.clone(),
            Some(Database::Postgres(_)) => return Err(in_postgres()),
        };
        let only_read = self.is_read_only();
        let blobs = self.inner.blobs.clone();
        let to = checked_path(to)?.to_owned();
        run(move |stop| Transfer { library, database, only_read, blobs, to, told, stop }.run())
            .await
    }

    /// Makes a library of a backup, where the settings say: a folder that is not there or empty.
    /// The backup is left as it is. What an interrupted attempt left is gone on with.
    ///
    /// Fails as [`Rushes::backup`] does, and when `from` is no library or one of a newer release.
    pub async fn restore(
        from: &Path,
        settings: &Settings,
        told: Option<Sender<BackupEvent>>,
    ) -> Result<BackedUp> {
        match &settings.database {
            None => {}
            Some(Database::Postgres(_)) => return Err(in_postgres()),
            Some(Database::File(file)) => {
                return Err(Error::invalid(format!(
                    "a restored library keeps its rows in its folder: leave out the setting \
                     database ({})",
                    file.display()
                )));
            }
        }
        let library = checked_path(from)?.to_owned();
        let to = checked_path(&settings.library)?.to_owned();
        run(move |stop| Transfer::of_backup(library, to, told, stop)?.run()).await
    }
}

fn in_postgres() -> Error {
    Error::invalid(
        "this is for libraries in SQLite, and the setting database names PostgreSQL: use pg_dump, \
         pg_restore and a copy of the library's folder, as docs/postgres.md says under Backup",
    )
}

/// Says that nobody waits any more, when it is dropped.
struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn run(
    work: impl FnOnce(Arc<AtomicBool>) -> Result<BackedUp> + Send + 'static,
) -> Result<BackedUp> {
    let waits = Waits(Arc::default());
    let stop = Arc::clone(&waits.0);
    blocking(move || work(stop)).await
}
