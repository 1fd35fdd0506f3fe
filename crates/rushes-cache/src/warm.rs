//! Warming: many keys loaded in the background, within a budget, through the same door as every
//! fill; and the hottest keys, recorded so that the next start can begin with them.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::batch::Wanted;
use crate::cache::{Answer, Cache, LoadError, Loaded, Origin};
use crate::clock::millis;
use crate::ghosts::Curve;
use crate::hot::{self, HotKey};
use crate::key::Key;
use crate::shim::spawn;

/// What warming may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Keys that are asked for at most.
    pub keys: usize,
    /// It ends when values of so many bytes came.
    pub bytes: u64,
    /// It ends after so long.
    pub time: Duration,
    /// Keys that one load is given at most; between two loads other work goes first.
    pub batch: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { keys: 10_000, bytes: 64 << 20, time: Duration::from_secs(60), batch: 32 }
    }
}

/// How far warming is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Keys that it is about.
    pub of: u64,
    /// Keys that were asked for.
    pub asked: u64,
    /// Of these, the ones that came from a tier below or from the source.
    pub warmed: u64,
    /// Of these, the ones that could not be loaded.
    pub failed: u64,
    /// Bytes of the values that came.
    pub bytes: u64,
    /// Whether it has ended.
    pub done: bool,
}

/// Warming under way. Dropping it lets it go on.
#[derive(Debug)]
pub struct Warming {
    counts: Arc<Counts>,
    done: watch::Receiver<bool>,
}

#[derive(Debug, Default)]
struct Counts {
    of: AtomicU64,
    asked: AtomicU64,
    warmed: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    cancelled: AtomicBool,
}

impl Warming {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress {
            of: read(&self.counts.of),
            asked: read(&self.counts.asked),
            warmed: read(&self.counts.warmed),
            failed: read(&self.counts.failed),
            bytes: read(&self.counts.bytes),
            done: *self.done.borrow(),
        }
    }

    /// Ends it after the load that is under way.
    pub fn cancel(&self) {
        self.counts.cancelled.store(true, Ordering::Relaxed);
    }

    /// Waits for its end.
    pub async fn finished(mut self) -> Progress {
        // When the runtime goes down first, that is the end, too.
        self.done.wait_for(|done| *done).await.ok();
        self.progress()
    }
}

impl Cache {
    /// Loads what is not cached of `wanted`, in that order and in the background, as
    /// [`Cache::get_or_load_many`] does: what is invalidated meanwhile is not cached, and what
    /// others load is not loaded twice.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
    pub fn warm<F, Fut>(&self, wanted: Vec<Wanted>, budget: Budget, load: F) -> Warming
    where
        F: Fn(Vec<Key>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Loaded>, LoadError>> + Send + 'static,
    {
        let (ended, done) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let most = wanted.len().min(budget.keys);
        counts.of.store(most as u64, Ordering::Relaxed);
        let warming = Warming { counts: Arc::clone(&counts), done };
        let (cache, working) = (self.clone(), self.0.work.begin());
        let ends = self.0.clock.now().saturating_add(millis(budget.time));
        spawn(async move {
            let _working = working;
            let load = Arc::new(load);
            for batch in wanted.get(..most).unwrap_or_default().chunks(budget.batch.max(1)) {
                if !counts.may_go_on(budget) || cache.0.clock.now() >= ends {
                    break;
                }
                let load = Arc::clone(&load);
                let answers = cache.get_or_load_many(batch, move |keys| load(keys)).await;
                answers.iter().for_each(|answer| counts.note(answer));
            }
            ended.send_replace(true);
        });
        warming
    }

    /// The keys that are hit most, by a sample of the hits, the hottest first.
    pub fn top(&self, most: usize) -> Vec<HotKey> {
        self.0.memory.as_ref().map(|memory| memory.hot.top(most)).unwrap_or_default()
    }

    /// What memory of other sizes would give, estimated from a sample of the keys.
    pub fn curve(&self) -> Curve {
        let Some(memory) = &self.0.memory else { return Curve::default() };
        let served =
            self.0.namespaces.stats().iter().map(|one| one.hits + one.stale_hits).sum::<u64>();
        memory.ghosts.curve(served + memory.fills.load(Ordering::Relaxed))
    }

    /// Records the hottest keys that are in memory, for [`Cache::hottest_before`] after the next
    /// start. Answers how many.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record_hottest(&self, path: &Path, most: usize) -> io::Result<usize> {
        let list = self.hottest(most);
        hot::write(path, &list)?;
        Ok(list.len())
    }

    /// The keys that were recorded, to be given to [`Cache::warm`]; none when there is no record or
    /// it is damaged.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn hottest_before(path: &Path) -> io::Result<Vec<Wanted>> {
        hot::read(path)
    }

    /// The hottest keys that are in memory, with their scopes.
    pub fn hottest(&self, most: usize) -> Vec<Wanted> {
        let Some(memory) = &self.0.memory else { return Vec::new() };
        let names = self.0.generations.names();
        let wanted = |hot: HotKey| {
            let stored = memory.resident(&hot.key)?;
            Some(Wanted { scopes: stored.scopes(&names), key: hot.key })
        };
        memory.hot.top(most).into_iter().filter_map(wanted).collect()
    }
}

impl Counts {
    fn may_go_on(&self, budget: Budget) -> bool {
        let within = self.bytes.load(Ordering::Relaxed) < budget.bytes;
        within && !self.cancelled.load(Ordering::Relaxed)
    }

    fn note(&self, answer: &Answer) {
        let add = |counter: &AtomicU64, more: u64| {
            counter.fetch_add(more, Ordering::Relaxed);
        };
        add(&self.asked, 1);
        match answer {
            Err(_) => add(&self.failed, 1),
            Ok(fetched) if fetched.origin == Origin::Memory => {}
            Ok(fetched) => {
                add(&self.warmed, 1);
                add(
                    &self.bytes,
                    fetched.value.as_ref().map_or(0, |value| value.bytes().len() as u64),
                );
            }
        }
    }
}
