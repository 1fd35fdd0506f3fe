//! The copying itself: files first, then, while nobody deletes any, the rows and what they name.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rushes_store::{BlobHash, BlobState, Blobs, Error as StoreError, SqliteCopy};
use tokio::sync::mpsc::Sender;

use super::place::Place;
use super::{BackedUp, BackupEvent};
use crate::error::{Error, Kind, Result};

/// Blobs that are asked for at once.
const PAGE: usize = 1000;
/// Faulty files that are told by name.
const NAMED: usize = 20;

/// From which library to which folder, who is told, and whether anybody still waits.
pub(super) struct Transfer {
    pub(super) library: PathBuf,
    pub(super) database: PathBuf,
    /// Whether the library may not be written by this process.
    pub(super) only_read: bool,
    pub(super) blobs: Blobs,
    pub(super) to: PathBuf,
    pub(super) told: Option<Sender<BackupEvent>>,
    pub(super) stop: Arc<AtomicBool>,
}

/// Files that are in their new place, with their bytes.
type Copied = BTreeMap<BlobHash, u64>;

impl Transfer {
    /// From a library that nobody has opened.
    pub(super) fn of_backup(
        library: PathBuf,
        to: PathBuf,
        told: Option<Sender<BackupEvent>>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self> {
        let database = library.join("rushes.db");
        if !database.is_file() {
            return Err(Error::not_found(format!(
                "there is no backup in {}: name the folder that rushes backup made",
                library.display()
            )));
        }
        let may = |place| rustix::fs::access(place, rustix::fs::Access::WRITE_OK).is_ok();
        let only_read = !may(&library) || !may(&database);
        let blobs = Blobs::open_to_read(library.join("blobs"));
        Ok(Self { library, database, only_read, blobs, to, told, stop })
    }

    /// Copies all, and says what became of it.
    ///
    /// Most files are copied while others put and delete theirs. Then nobody may delete any until
    /// the rows are copied and what they name that is not there yet: every row finds its file.
    pub(super) fn run(self) -> Result<BackedUp> {
        let place = Place::take(&self.to, &self.library)?;
        let blobs = Blobs::open(place.folder().join("blobs"))?;
        let mut copied = self.files(&place, &blobs)?;
        let hold = if self.only_read { None } else { Some(self.blobs.hold()?) };
        let mut told = |done, all| Ok(self.tell(BackupEvent::Rows { done, all })?);
        let mut copy = SqliteCopy::make(&self.database, self.only_read, &place.part(), &mut told)?;
        let problems = self.rest(&copy, &blobs, &mut copied)?;
        drop(hold);
        self.tell(BackupEvent::Checking)?;
        if let Some(problem) = copy.check()?.first() {
            let text = format!("the copied database is damaged: {problem}; see rushes doctor");
            return Err(Error::new(Kind::Corrupt, text));
        }
        drop_spare(&copy, &blobs, &mut copied)?;
        let facts = copy.facts()?;
        copy.finish()?;
        // What was learned for prefetching is of use, and can be learned again.
        let _ = fs::copy(self.library.join("moves.bin"), place.folder().join("moves.bin"));
        let number = |name: &str| facts.get(name).and_then(serde_json::Value::as_u64);
        Ok(BackedUp {
            database_bytes: fs::metadata(place.part()).map_or(0, |file| file.len()),
            folder: place.publish()?,
            seq: number("seq").unwrap_or_default(),
            videos: number("videos").unwrap_or_default(),
            entries: number("entries").unwrap_or_default(),
            files: copied.len() as u64,
            bytes: copied.values().sum(),
            problems,
        })
    }

    /// Copies the files that are there. What goes meanwhile was deleted; what is damaged may be
    /// named by nobody.
    fn files(&self, place: &Place, blobs: &Blobs) -> Result<Copied> {
        let there: BTreeMap<BlobHash, u64> = blobs.list()?.into_iter().collect();
        let files = self.blobs.list()?;
        let rows = fs::metadata(&self.database).map_or(0, |file| file.len());
        let new = files.iter().filter(|(hash, _)| !there.contains_key(hash));
        place.check_room(rows + new.map(|(_, bytes)| bytes).sum::<u64>())?;
        let (mut copied, all) = (Copied::new(), files.len() as u64);
        let mut total = 0;
        for (done, (hash, _)) in (1..).zip(&files) {
            if let BlobState::Sound(bytes) = blobs.copy_from(&self.blobs, hash)? {
                copied.insert(*hash, bytes);
                total += bytes;
            }
            self.tell(BackupEvent::Files { done, all, bytes: total })?;
        }
        Ok(copied)
    }

    /// Copies what the rows name and is not there yet. Tells what cannot be.
    fn rest(&self, copy: &SqliteCopy, blobs: &Blobs, copied: &mut Copied) -> Result<Vec<String>> {
        let (mut problems, mut faults) = (Vec::new(), 0_usize);
        let mut after = None;
        loop {
            let page = copy.named(after.as_ref(), PAGE)?;
            for hash in &page {
                if copied.contains_key(hash) {
                    continue;
                }
                let fault = match blobs.copy_from(&self.blobs, hash)? {
                    BlobState::Sound(bytes) => {
                        copied.insert(*hash, bytes);
                        continue;
                    }
                    BlobState::Missing => "is missing",
                    BlobState::Damaged => "is damaged",
                };
                faults += 1;
                if faults <= NAMED {
                    problems.push(format!("{} {fault}", self.blobs.path(hash).display()));
                }
            }
            after = page.last().copied();
            if after.is_none() {
                break;
            }
        }
        if faults > NAMED {
            problems.push(format!("and {} more; see rushes doctor", faults - NAMED));
        }
        Ok(problems)
    }

    /// Says how far it is; fails when nobody waits any more.
    fn tell(&self, event: BackupEvent) -> std::result::Result<(), Stopped> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Stopped);
        }
        if let Some(told) = &self.told {
            // Whoever does not listen any more may still wait for the end.
            let _ = told.blocking_send(event);
        }
        Ok(())
    }
}

/// Nobody waits for the backup any more.
struct Stopped;

impl From<Stopped> for Error {
    fn from(_: Stopped) -> Self {
        Self::new(Kind::Cancelled, "the backup was interrupted; the same again goes on with it")
    }
}

impl From<Stopped> for StoreError {
    fn from(_: Stopped) -> Self {
        Self::Busy("the backup was interrupted; the same again goes on with it".to_owned())
    }
}

/// Deletes files that no row names: of videos that were deleted meanwhile, and leftovers.
fn drop_spare(copy: &SqliteCopy, blobs: &Blobs, copied: &mut Copied) -> Result<()> {
    let files: Vec<BlobHash> = blobs.list()?.into_iter().map(|(hash, _)| hash).collect();
    for some in files.chunks(PAGE) {
        for hash in copy.unused(some.to_vec())? {
            blobs.remove(&hash)?;
            copied.remove(&hash);
        }
    }
    Ok(())
}
