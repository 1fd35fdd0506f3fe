//! A copy of a library's rows, taken while others read and write.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::connection::{Access, SqliteOptions, access_to_read, open_reader};
use super::{migrate, queries, videos};
use crate::error::{Error, Result};
use crate::model::BlobHash;

/// Pages that are copied between two words to the caller: 4 MB.
const PAGES: i32 = 1000;

/// Told how many pages are copied, and how many there are; an error ends the copying.
pub type CopyProgress<'a> = &'a mut dyn FnMut(u64, u64) -> Result<()>;

/// All rows of a library as of one moment, in a file of their own that nobody else knows yet.
///
/// The copy has an identity of its own: what caches that several share hold for the one library is
/// never taken for the other's. All methods block.
#[derive(Debug)]
pub struct SqliteCopy {
    db: Connection,
    file: PathBuf,
}

impl SqliteCopy {
    /// Copies the library in the file `from` into the new file `to`, and brings the copy to the
    /// present schema. Nobody waits for this: writers go on, and the copy shows none of what they
    /// commit meanwhile. `alone` says that `from` may not be written by this process.
    ///
    /// [`Error::NotFound`] when there is no such file, [`Error::Invalid`] when it is no library,
    /// [`Error::TooNew`] when a newer release made it.
    pub fn make(from: &Path, alone: bool, to: &Path, told: CopyProgress<'_>) -> Result<Self> {
        if !from.is_file() {
            return Err(Error::NotFound(format!("there is no library in {}", from.display())));
        }
        let access = if alone { access_to_read(from)? } else { Access::Whole };
        let source = open_reader(from, &SqliteOptions::default(), access)?;
        migrate::verify_known(&source, from)?;
        let mut db = Connection::open(to)?;
        copy(&source, &mut db, told)?;
        // Synced once, at the end.
        db.pragma_update(None, "synchronous", "OFF")?;
        migrate::migrate(&mut db, to, SqliteOptions::default().busy_timeout)?;
        db.execute("UPDATE library SET identity = lower(hex(randomblob(16)))", [])?;
        Ok(Self { db, file: to.to_owned() })
    }

    /// The blobs that its rows name; see [`crate::Store::named`].
    pub fn named(&self, after: Option<&BlobHash>, limit: usize) -> Result<Vec<BlobHash>> {
        queries::named(&self.db, after, limit)
    }

    /// Those of `blobs` that none of its rows names.
    pub fn unused(&self, blobs: Vec<BlobHash>) -> Result<Vec<BlobHash>> {
        videos::unused(&self.db, blobs)
    }

    /// Bytes, rows and versions; see [`crate::Store::facts`].
    pub fn facts(&self) -> Result<serde_json::Value> {
        queries::facts(&self.db)
    }

    /// Problems, one a line; empty when it is sound.
    pub fn check(&mut self) -> Result<Vec<String>> {
        let mut problems = queries::check(&self.db)?;
        problems.extend(queries::check_text(&self.db.transaction()?)?);
        Ok(problems)
    }

    /// Closes the file, which is whole in itself and on the disk when this returns.
    pub fn finish(self) -> Result<()> {
        let Self { db, file } = self;
        db.close().map_err(|(_, error)| error)?;
        let synced = std::fs::File::open(&file).and_then(|file| file.sync_all());
        synced.map_err(Error::io(format!("sync {}", file.display())))
    }
}

/// Copies as of one moment: the source's own snapshot, which no writer can end.
fn copy(source: &Connection, to: &mut Connection, told: CopyProgress<'_>) -> Result<()> {
    let snapshot = source.unchecked_transaction()?;
    snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let backup = Backup::new(&snapshot, to)?;
    loop {
        let step = backup.step(PAGES)?;
        let progress = backup.progress();
        let pages = |count: i32| u64::try_from(count).unwrap_or_default();
        let all = pages(progress.pagecount);
        told(all.saturating_sub(pages(progress.remaining)), all)?;
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ => std::thread::yield_now(),
        }
    }
}
