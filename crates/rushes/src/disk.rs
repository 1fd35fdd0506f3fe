//! The disk cache of a library: opened, told what changed while it was closed, closed.
//!
//! What lies on the disk was true when it was written. Others may have written to the library
//! since, while this cache was closed. So beside it stands a *mark*: which database it belongs to,
//! and the last commit whose changes it was told. On opening, everything that was touched since is
//! dropped before the first read; when the database is another one, or has gone back in time, all
//! is dropped.

use std::fs;
use std::path::PathBuf;

use rushes_cache::{Cache, Disk};
use rushes_store::Store;

use crate::config::Settings;
use crate::error::Result;
use crate::read::scopes_of;

/// Keys that a restart begins with, at most.
const HOTTEST: usize = 1_000;

/// The mark beside an open disk cache.
#[derive(Clone, Debug)]
pub(crate) struct DiskMark {
    folder: PathBuf,
    /// The database and the release that wrote the values.
    identity: String,
}

/// Opens the disk cache that the settings ask for, of this database. One that cannot be opened, or
/// that another process uses, is left out: reads go on without it.
pub(crate) fn open(settings: &Settings, database: &str) -> Option<(DiskMark, Disk)> {
    if settings.disk == 0 {
        return None;
    }
    let folder = settings.library.join("cache");
    let opened = Disk::open(folder.join("disk"), settings.disk);
    let disk = opened.inspect_err(|error| tracing::warn!(%error, "goes on without a disk cache"));
    let identity = format!("{} {database}", env!("CARGO_PKG_VERSION"));
    Some((DiskMark { folder, identity }, disk.ok()?))
}

impl DiskMark {
    /// Drops what was changed since the mark was set, and sets it anew. Answers the commit up to
    /// which all is known.
    pub(crate) async fn catch_up(&self, cache: &Cache, store: &dyn Store) -> Result<u64> {
        let now = store.seq().await?;
        let seq = match self.read().filter(|marked| *marked <= now) {
            Some(marked) => {
                let change = store.changes_since(marked).await?;
                cache.invalidate(&scopes_of(&change)).await;
                change.seq.max(marked)
            }
            None => {
                cache.clear().await;
                now
            }
        };
        self.set(seq);
        Ok(seq)
    }

    /// Closes the cache in peace, and says up to which commit it was told all changes.
    pub(crate) async fn close(&self, cache: &Cache, seen: u64) {
        if let Err(error) = cache.record_hottest(&self.hottest(), HOTTEST) {
            tracing::warn!(%error, "cannot record the hottest keys");
        }
        match cache.close().await {
            Ok(()) => self.set(seen),
            Err(error) => tracing::warn!(%error, "cannot close the disk cache"),
        }
    }

    /// Where the keys are recorded that the next start begins with.
    pub(crate) fn hottest(&self) -> PathBuf {
        self.folder.join("hottest")
    }

    fn read(&self) -> Option<u64> {
        let text = fs::read_to_string(self.path()).ok()?;
        let (identity, seq) = text.rsplit_once('\n')?;
        if identity == self.identity { seq.parse().ok() } else { None }
    }

    /// A mark that cannot be set stays where it was: more is dropped next time than had to be. One
    /// of another database goes, so that it is not taken for this one's.
    fn set(&self, seq: u64) {
        let fresh = self.path().with_extension("new");
        let written = fs::write(&fresh, format!("{}\n{seq}", self.identity));
        if let Err(error) = written.and_then(|()| fs::rename(fresh, self.path())) {
            tracing::warn!(%error, "cannot note how far the disk cache is");
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("mark")
    }
}
