//! Several tasks and another process write and read at once: every strict answer lies between what
//! was acknowledged before it was asked for and what had been begun when it came, cached or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use rushes::Rushes;
use rushes::read::Tier;
use rushes::sql::{Freshness, SqlParams, SqlRequest, SqlValue};

use crate::library::Library;

/// Videos, each written to by one writer; the last by another process.
const VIDEOS: usize = 4;
const READERS: usize = 3;
/// Writes of the other process.
const WRITES: i64 = 25;

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

/// Reads one video, or all of them, in turn; how many answers came from the cache.
async fn read(library: Arc<Library>, written: Arc<Written>, over: Arc<AtomicBool>) -> usize {
    let of = library.sql("SELECT sum(n) FROM counts WHERE video_id = ?1");
    let all = "SELECT sum(n) FROM counts";
    let (mut hits, mut turn) = (0, 0);
    while !over.load(Ordering::Acquire) {
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
        hits += usize::from(tier == Tier::Memory);
    }
    hits
}

async fn write(library: Arc<Library>, written: Arc<Written>, over: Arc<AtomicBool>, video: usize) {
    let sql = library.sql("UPDATE counts SET n = n + 1 WHERE video_id = ?1");
    let params = SqlParams::from(vec![format!("v{video}")]);
    while !over.load(Ordering::Acquire) {
        written.0[video].0.fetch_add(1, Ordering::SeqCst);
        library.rushes.execute(&sql, &params).await.unwrap();
        written.0[video].1.fetch_add(1, Ordering::SeqCst);
        // Now and then nobody writes, so that answers stay true for a while.
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
}

async fn all_at_once(library: Library) {
    library.execute("CREATE TABLE counts (video_id VARCHAR(9), n INT)").await;
    for video in 0..VIDEOS {
        library.execute(&format!("INSERT INTO counts VALUES ('v{video}', 0)")).await;
    }
    let (library, written, over) = (Arc::new(library), Arc::<Written>::default(), Arc::default());
    let readers: Vec<_> = (0..READERS)
        .map(|_| tokio::spawn(read(Arc::clone(&library), Arc::clone(&written), Arc::clone(&over))))
        .collect();
    let writers: Vec<_> = (0..VIDEOS - 1)
        .map(|video| {
            let (library, written) = (Arc::clone(&library), Arc::clone(&written));
            tokio::spawn(write(library, written, Arc::clone(&over), video))
        })
        .collect();
    let (foreign, told) = (library.foreign(), Arc::clone(&written));
    let other = tokio::task::spawn_blocking(move || {
        let (begun, acknowledged) = &told.0[VIDEOS - 1];
        for _ in 0..WRITES {
            begun.fetch_add(1, Ordering::SeqCst);
            foreign(&format!("UPDATE counts SET n = n + 1 WHERE video_id = 'v{}'", VIDEOS - 1));
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    });
    let wrote = other.await;
    over.store(true, Ordering::Release);
    wrote.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    for reader in readers {
        assert!(reader.await.unwrap() > 0, "no answer came from the cache");
    }
    let request = SqlRequest::new("SELECT sum(n) FROM counts", SqlParams::NONE);
    for freshness in [Freshness::Strict, Freshness::Near] {
        let (count, _) = ask(&library.rushes, &SqlRequest { freshness, ..request.clone() }).await;
        assert_eq!(count, written.acknowledged(0..VIDEOS), "{freshness:?}");
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
