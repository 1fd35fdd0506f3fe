//! Several tasks and another process write and read at once: every strict answer lies between what
//! was acknowledged before it was asked for and what had been begun when it came, cached or not.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use rushes::Rushes;
use rushes::read::Tier;
use rushes::sql::{Freshness, SqlParams, SqlRequest, SqlValue};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::library::Library;

/// Videos, each written to by one writer; the last by another process.
const VIDEOS: usize = 4;
const READERS: usize = 3;
/// Writes of the other process.
const WRITES: i64 = 25;
/// An answer comes from the cache at last, however slow the machine.
const LONGEST: Duration = Duration::from_secs(60);

/// What all tasks share.
#[derive(Default)]
struct Shared {
    written: Written,
    hits: Hits,
    over: AtomicBool,
}

/// How often each video was written to: begun, and acknowledged.
#[derive(Default)]
struct Written([(AtomicI64, AtomicI64); VIDEOS]);

impl Written {
    fn begun(&self, range: std::ops::Range<usize>) -> i64 {
        range.map(|video| self.0[video].0.load(Ordering::SeqCst)).sum()
    }

    fn acknowledged(&self, range: std::ops::Range<usize>) -> i64 {
        range.map(|video| self.0[video].1.load(Ordering::SeqCst)).sum()
    }
}

/// Answers that came from the cache. Each writer waits for one before it writes again, so that
/// there are some to be made untrue.
#[derive(Default)]
struct Hits {
    count: AtomicUsize,
    heard: Notify,
}

impl Hits {
    fn note(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.heard.notify_waiters();
    }

    /// Waits until there are more than `before`, or all is over; how many there are.
    async fn more_than(&self, before: usize, over: &AtomicBool) -> usize {
        loop {
            let mut heard = pin!(self.heard.notified());
            heard.as_mut().enable();
            let count = self.count.load(Ordering::SeqCst);
            if count > before || over.load(Ordering::SeqCst) {
                return count;
            }
            let heard = tokio::time::timeout(LONGEST, heard).await;
            heard.expect("no answer came from the cache");
        }
    }
}

async fn ask(rushes: &Rushes, request: &SqlRequest) -> (i64, Tier) {
    let answer = rushes.query(request).await.unwrap();
    let value = answer.rows.rows.first().map(|row| row[0].clone());
    let count = match value {
        Some(SqlValue::Integer(count)) => count,
        Some(SqlValue::Real(sum)) => sum as i64,
        other => panic!("{other:?}"),
    };
    (count, answer.served.tier)
}

/// Reads one video, or all of them, in turn.
async fn read(library: Arc<Library>, shared: Arc<Shared>) {
    let Shared { written, hits, over } = &*shared;
    let of = library.sql("SELECT sum(n) FROM counts WHERE video_id = ?1");
    let all = "SELECT sum(n) FROM counts";
    let mut turn = 0;
    while !over.load(Ordering::SeqCst) {
        turn += 1;
        let video = turn % (VIDEOS + 1);
        let (range, request) = match video {
            VIDEOS => (0..VIDEOS, SqlRequest::new(all, SqlParams::NONE)),
            video => (video..video + 1, SqlRequest::new(of.as_str(), vec![format!("v{video}")])),
        };
        let low = written.acknowledged(range.clone());
        let (count, tier) = ask(&library.rushes, &request).await;
        let high = written.begun(range);
        assert!(low <= count && count <= high, "video {video}: {count} is not in {low}..={high}");
        if tier == Tier::Memory {
            hits.note();
        }
    }
}

async fn write(library: Arc<Library>, shared: Arc<Shared>, video: usize) {
    let Shared { written, hits, over } = &*shared;
    let sql = library.sql("UPDATE counts SET n = n + 1 WHERE video_id = ?1");
    let params = SqlParams::from(vec![format!("v{video}")]);
    let mut seen = 0;
    while !over.load(Ordering::SeqCst) {
        written.0[video].0.fetch_add(1, Ordering::SeqCst);
        library.rushes.execute(&sql, &params).await.unwrap();
        written.0[video].1.fetch_add(1, Ordering::SeqCst);
        seen = hits.more_than(seen, over).await;
    }
}

async fn all_at_once(library: Library) {
    library.execute("CREATE TABLE counts (video_id VARCHAR(9), n INT)").await;
    for video in 0..VIDEOS {
        library.execute(&format!("INSERT INTO counts VALUES ('v{video}', 0)")).await;
    }
    let (library, shared) = (Arc::new(library), Arc::<Shared>::default());
    let readers = (0..READERS)
        .map(|_| tokio::spawn(read(Arc::clone(&library), Arc::clone(&shared))))
        .collect::<Vec<_>>();
    let writers = (0..VIDEOS - 1)
        .map(|video| tokio::spawn(write(Arc::clone(&library), Arc::clone(&shared), video)));
    let tasks: Vec<_> = readers.into_iter().chain(writers).collect();
    let (foreign, told) = (library.foreign(), Arc::clone(&shared));
    let runtime = Handle::current();
    let other = tokio::task::spawn_blocking(move || {
        let Shared { written, hits, over } = &*told;
        let (begun, acknowledged) = &written.0[VIDEOS - 1];
        let mut seen = 0;
        for _ in 0..WRITES {
            seen = runtime.block_on(hits.more_than(seen, over));
            begun.fetch_add(1, Ordering::SeqCst);
            foreign(&format!("UPDATE counts SET n = n + 1 WHERE video_id = 'v{}'", VIDEOS - 1));
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    });
    let wrote = other.await;
    shared.over.store(true, Ordering::SeqCst);
    shared.hits.heard.notify_waiters();
    wrote.unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    let request = SqlRequest::new("SELECT sum(n) FROM counts", SqlParams::NONE);
    for freshness in [Freshness::Strict, Freshness::Near] {
        let (count, _) = ask(&library.rushes, &SqlRequest { freshness, ..request.clone() }).await;
        assert_eq!(count, shared.written.acknowledged(0..VIDEOS), "{freshness:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_are_true_while_all_write_on_sqlite() {
    all_at_once(Library::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_are_true_while_all_write_on_postgres() {
    all_at_once(Library::postgres("threads").await).await;
}
