//! Values on this machine's disk: bounded by bytes, checksummed, kept over a restart.

mod generations;
mod index;
mod patterns;
mod segments;
mod session;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::runtime::{Handle, RuntimeFlavor};

use self::generations::Generations;
use self::patterns::Patterns;
use self::segments::{Name, Segments, Slot, name};
use self::session::Session;
use super::{Stamp, Tier, TierError, TierStats};
use crate::cache::Origin;
use crate::clock::{Clock, millis};
use crate::entry::{Entry, Seen, decode, encode, key_scope_id, scope_id};
use crate::key::{Key, Scope};
use crate::pattern::Pattern;
use crate::stats::{TierCounters, count};

/// How long a disk that refused a write is not written to.
const PAUSE_AFTER_FAILED_WRITE: Duration = Duration::from_secs(30);
/// The smallest tier that makes sense.
const LEAST_BYTES: u64 = 1 << 20;

/// The disk tier. Dropping it brings all to the disk and closes the folder in peace.
#[derive(Clone)]
pub struct Disk(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    /// `None` once closed.
    files: Mutex<Option<Files>>,
    clock: Clock,
    counters: TierCounters,
    /// Until when nothing is written after a failure, as the clock counts.
    writes_off_until: AtomicU64,
}

struct Files {
    session: Session,
    segments: Segments,
    generations: Generations,
    patterns: Patterns,
}

impl Files {
    /// Whether nothing that covers what has `seen` this was invalidated since.
    fn hold(&self, key: &Key, seen: &[Seen]) -> bool {
        let lowest = seen.iter().map(|seen| seen.generation).min().unwrap_or_default();
        self.generations.hold(seen) && !self.patterns.cover(key, lowest)
    }

    /// Kills what the pattern covers.
    fn cut(&mut self, pattern: &Pattern) -> io::Result<()> {
        let number = self.generations.next();
        self.patterns.add(number, pattern)?;
        let oldest = self.segments.oldest().unwrap_or(number);
        if let Some(floor) = self.patterns.crowded(oldest) {
            self.generations.raise_floor(floor)?;
        }
        self.patterns.drop_to(self.generations.floor())
    }
}

impl Disk {
    /// Opens the cache in `folder`, creating it when needed. Records and their index stay within
    /// `bytes` (at least 1 MiB); the index takes some 80 bytes of memory per record.
    ///
    /// After a kill all is still there. After the machine went down it begins empty: what reached
    /// the disk cannot be told from what did not.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or another process uses it.
    pub fn open(folder: impl AsRef<Path>, bytes: u64) -> Result<Self, TierError> {
        Self::open_with(folder, bytes, Clock::system())
    }

    /// The same by another clock, of which only the wall time is used.
    ///
    /// # Errors
    /// As [`Disk::open`].
    pub fn open_with(
        folder: impl AsRef<Path>,
        bytes: u64,
        clock: Clock,
    ) -> Result<Self, TierError> {
        let folder = folder.as_ref();
        let opened = Shared::open(folder, bytes.max(LEAST_BYTES), clock);
        opened.map(|shared| Self(Arc::new(shared))).map_err(|source| failed("open", folder, source))
    }

    /// Runs `work` where it may wait for the disk.
    async fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Shared) -> io::Result<T> + Send + 'static,
    ) -> Result<T, TierError> {
        let shared = Arc::clone(&self.0);
        let done = match Handle::current().runtime_flavor() {
            // Handing over to another thread costs more than a read from the page cache.
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(|| work(&shared)),
            _ => match tokio::task::spawn_blocking(move || work(&shared)).await {
                Ok(done) => done,
                Err(error) => return Err(TierError::Other(error.to_string())),
            },
        };
        done.map_err(|source| {
            count(&self.0.counters.errors);
            failed(what, &self.0.folder, source)
        })
    }
}

fn failed(what: &str, folder: &Path, source: io::Error) -> TierError {
    TierError::Io { what: format!("{what} the cache in {}", folder.display()), source }
}

#[async_trait]
impl Tier for Disk {
    fn origin(&self) -> Origin {
        Origin::Disk
    }

    async fn stamp(&self, key: &Key, scopes: &[Scope]) -> Result<Stamp, TierError> {
        let sequence = self.0.with(|files| files.generations.sequence());
        let generation = sequence.map_err(|source| failed("read", &self.0.folder, source))?;
        let ids = std::iter::once(key_scope_id(key)).chain(scopes.iter().map(scope_id));
        Ok(Stamp(ids.map(|scope| Seen { scope, generation }).collect()))
    }

    async fn get(&self, key: &Key) -> Result<Option<Entry>, TierError> {
        let key = key.clone();
        self.run("read", move |shared| shared.get(&key)).await
    }

    async fn put(&self, key: &Key, entry: &Entry, stamp: &Stamp) -> Result<(), TierError> {
        let (key, entry, stamp) = (key.clone(), entry.clone(), stamp.clone());
        self.run("write", move |shared| shared.put(&key, &entry, &stamp)).await
    }

    async fn remove(&self, key: &Key) -> Result<(), TierError> {
        let scope = key_scope_id(key);
        self.run("invalidate", move |shared| shared.raise(&[scope])).await
    }

    async fn invalidate(&self, scopes: &[Scope]) -> Result<(), TierError> {
        let scopes: Vec<u64> = scopes.iter().map(scope_id).collect();
        self.run("invalidate", move |shared| shared.raise(&scopes)).await
    }

    async fn invalidate_matching(&self, pattern: &Pattern) -> Result<(), TierError> {
        let pattern = pattern.clone();
        let cut = move |shared: &Shared| {
            // This process knows; only the next one would not.
            shared.with(|files| files.cut(&pattern).or_else(|_| files.session.distrust()))?
        };
        self.run("invalidate", cut).await
    }

    fn stats(&self) -> TierStats {
        let counted = self.0.counters.read();
        let held = self.0.with(|Files { segments, .. }| TierStats {
            entries: segments.len(),
            bytes: segments.bytes(),
            evictions: segments.evictions,
            ..counted
        });
        held.unwrap_or(counted)
    }

    async fn close(&self) -> Result<(), TierError> {
        self.run("close", Shared::close).await
    }
}

impl Shared {
    fn open(folder: &Path, bytes: u64, clock: Clock) -> io::Result<Self> {
        let (session, trusted) = Session::begin(folder)?;
        if !trusted {
            empty(folder)?;
        }
        session.open()?;
        let segments = Segments::open(folder, bytes)?;
        let mut generations = Generations::open(folder)?;
        let (patterns, whole) = Patterns::open(folder)?;
        generations.resume(patterns.latest());
        if !whole {
            let all = generations.next();
            generations.raise_floor(all)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            files: Mutex::new(Some(Files { session, segments, generations, patterns })),
            clock,
            counters: TierCounters::default(),
            writes_off_until: AtomicU64::new(0),
        })
    }

    /// Does something with the files, one at a time.
    fn with<T>(&self, work: impl FnOnce(&mut Files) -> T) -> io::Result<T> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.as_mut().map(work).ok_or_else(|| io::Error::other("it was closed"))
    }

    fn get(&self, key: &Key) -> io::Result<Option<Entry>> {
        let name = name(key.as_bytes());
        let entry = match self.with(|files| files.segments.find(name))? {
            Some((file, slot)) => self.read(key, name, &file, slot)?,
            None => None,
        };
        count(if entry.is_some() { &self.counters.hits } else { &self.counters.misses });
        Ok(entry)
    }

    fn read(&self, key: &Key, name: Name, file: &File, slot: Slot) -> io::Result<Option<Entry>> {
        let mut record = vec![0; slot.length as usize];
        file.read_exact_at(&mut record, u64::from(slot.offset))?;
        let decoded = decode(&Bytes::from(record));
        if decoded.is_none() {
            count(&self.counters.corrupt);
        }
        let wall = self.clock.wall();
        self.with(|files| {
            let valid = decoded.filter(|decoded| {
                let holds = files.hold(key, &decoded.seen);
                holds && decoded.key == *key && decoded.entry.is_kept(wall)
            });
            if valid.is_none() {
                files.segments.forget(name, slot);
            }
            valid.map(|decoded| decoded.entry)
        })
    }

    fn put(&self, key: &Key, entry: &Entry, stamp: &Stamp) -> io::Result<()> {
        let record = encode(key, entry, &stamp.0);
        let off = self.clock.now() < self.writes_off_until.load(Ordering::Relaxed);
        let (Some(record), false) = (record, off) else {
            count(&self.counters.refused);
            return Ok(());
        };
        let seen = stamp.0.iter().map(|seen| seen.generation).min().unwrap_or_default();
        let name = name(key.as_bytes());
        let taken = self.with(|files| {
            // Not needed to be right, only to not fill the disk with the dead.
            if files.hold(key, &stamp.0) {
                files.segments.append(name, &record, seen)
            } else {
                Ok(false)
            }
        })?;
        let taken = taken.inspect_err(|_| {
            let pause = millis(PAUSE_AFTER_FAILED_WRITE);
            self.writes_off_until.store(self.clock.now() + pause, Ordering::Relaxed);
        })?;
        count(if taken { &self.counters.puts } else { &self.counters.refused });
        Ok(())
    }

    fn raise(&self, scopes: &[u64]) -> io::Result<()> {
        self.with(|Files { session, segments, generations, patterns }| {
            let logged = generations.raise(scopes);
            let oldest = segments.oldest().unwrap_or(generations.sequence());
            let logged = logged.and_then(|()| generations.shorten(oldest));
            let logged = logged.and_then(|()| patterns.drop_to(generations.floor()));
            // This process knows; only the next one would not.
            logged.or_else(|_| session.distrust())
        })?
    }

    /// Brings all to the disk and gives the folder back; does nothing the second time.
    fn close(&self) -> io::Result<()> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(files) = files else { return Ok(()) };
        files.segments.write_index()?;
        files.segments.sync()?;
        files.generations.sync()?;
        files.patterns.sync()?;
        files.session.close()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot close the disk cache");
        }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}

/// Deletes what an earlier session left; nothing that the tier did not make.
fn empty(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let ours = ["segment", "index", "log", "new"];
        if path.extension().is_some_and(|extension| ours.iter().any(|own| extension == *own)) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
