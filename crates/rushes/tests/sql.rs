//! SQL through the engine: cached, exact, timed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rushes::config::Settings;
use rushes::read::Tier;
use rushes::sql::{Batch, Freshness, SqlParams, SqlRequest, SqlValue};
use rushes::{ErrorKind, Rushes};

async fn library() -> (tempfile::TempDir, Rushes) {
    let folder = tempfile::tempdir().unwrap();
    let rushes = Rushes::open(Settings::library(folder.path())).await.unwrap();
    let table = "CREATE TABLE notes (id INTEGER PRIMARY KEY, video_id TEXT, n INT)";
    rushes.execute(table, &SqlParams::NONE).await.unwrap();
    (folder, rushes)
}

fn of(video: &str) -> SqlRequest {
    SqlRequest::new("SELECT sum(n), count(*) FROM notes WHERE video_id = ?", vec![video])
}

async fn insert(rushes: &Rushes, video: &str, n: i64) {
    let sql = "INSERT INTO notes (video_id, n) VALUES (?, ?)";
    let params = SqlParams::Positional(vec![video.into(), n.into()]);
    assert_eq!(rushes.execute(sql, &params).await.unwrap().rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn own_writes_are_seen_at_once_by_both_freshnesses() {
    let (_folder, rushes) = library().await;
    for n in 1..50 {
        insert(&rushes, "a", n).await;
        for freshness in [Freshness::Near, Freshness::Strict] {
            let request = SqlRequest { freshness, ..of("a") };
            let answer = rushes.query(&request).await.unwrap();
            assert_eq!(answer.rows.rows[0][1], SqlValue::Integer(n), "{freshness:?}");
        }
        let again = rushes.query(&of("a")).await.unwrap();
        assert_eq!(again.served.tier, Tier::Memory);
        let other = rushes.query(&of("b")).await.unwrap();
        assert!(n == 1 || other.served.tier == Tier::Memory, "the other video's answer went");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_databases_keep_answers_apart_and_together() {
    let (_folder, rushes) = library().await;
    let (_other_folder, other) = library().await;
    insert(&rushes, "a", 7).await;
    insert(&other, "a", 8).await;
    let tagged = SqlRequest { tags: vec!["report".into()], ..of("a") };
    for _ in 0..2 {
        assert_eq!(rushes.query(&tagged).await.unwrap().rows.rows[0][0], SqlValue::Integer(7));
        assert_eq!(other.query(&tagged).await.unwrap().rows.rows[0][0], SqlValue::Integer(8));
    }
    rushes.query(&of("a")).await.unwrap();
    rushes.forget("report").await;
    assert_eq!(rushes.query(&tagged).await.unwrap().served.tier, Tier::Store);
    assert_eq!(rushes.query(&of("a")).await.unwrap().served.tier, Tier::Memory);
    let bare = SqlRequest { cache: false, ..of("a") };
    assert_eq!(rushes.query(&bare).await.unwrap().served.tier, Tier::Store);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_tell_each_statement_apart_whatever_its_values() {
    let (_folder, rushes) = library().await;
    for video in ["a", "b", "a"] {
        rushes.query(&of(video)).await.unwrap();
    }
    let wrong = SqlRequest::new("SELECT n FROM notes WHERE id = ?", SqlParams::NONE);
    let error = rushes.query(&wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let statements = rushes.statements(100);
    let figures = |part: &str| {
        statements.iter().find(|figures| figures.statement.contains(part)).unwrap().clone()
    };
    let asked = figures("video_id = ?");
    assert_eq!((asked.count, asked.cached, asked.rows, asked.errors), (3, 1, 2, 0), "{asked:?}");
    assert!(asked.min_micros > 0 && asked.p50_micros <= asked.max_micros, "{asked:?}");
    assert_eq!(figures("id = ?").verb, "SELECT");
    assert_eq!(figures("WHERE id").errors, 1);
}

/// Two tasks ask, another process writes by plain SQL: every answer is at least as new as what was
/// acknowledged before it was asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_process_that_writes_is_never_behind_a_strict_answer() {
    let (folder, rushes) = library().await;
    insert(&rushes, "a", 0).await;
    let program = "
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
for n in range(300):
    db.execute('INSERT INTO notes (video_id, n) VALUES (?, 1)', ('a' if n % 3 else 'b',))
    print(n + 1, flush=True)
";
    let mut writer = Command::new("python3")
        .args(["-c", program])
        .arg(folder.path().join("rushes.db"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let all = || SqlRequest::new("SELECT count(*) FROM notes", SqlParams::NONE);
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (rushes, over) = (rushes.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut last, mut hits) = (0, 0);
                while !over.load(Ordering::Acquire) {
                    let answer = rushes.query(&all()).await.unwrap();
                    let SqlValue::Integer(count) = answer.rows.rows[0][0] else { panic!() };
                    assert!(count >= last, "went back from {last} to {count}");
                    last = count;
                    hits += usize::from(answer.served.tier == Tier::Memory);
                    tokio::task::yield_now().await;
                }
                hits
            })
        })
        .collect();
    let lines = std::io::BufReader::new(writer.stdout.take().unwrap());
    for line in std::io::BufRead::lines(lines) {
        let acknowledged: i64 = line.unwrap().parse().unwrap();
        let answer = rushes.query(&all()).await.unwrap();
        let SqlValue::Integer(count) = answer.rows.rows[0][0] else { panic!() };
        assert!(count > acknowledged, "{count} rows, though {acknowledged} and one were written");
    }
    assert!(writer.wait().unwrap().success());
    over.store(true, Ordering::Release);
    for reader in readers {
        assert!(reader.await.unwrap() > 0, "no answer came from the cache");
    }
    let near = SqlRequest { freshness: Freshness::Near, ..all() };
    tokio::time::timeout(Duration::from_secs(10), async {
        while rushes.query(&near).await.unwrap().rows.rows[0][0] != SqlValue::Integer(301) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

/// A process that is killed in the midst of writing: what it was told is there, and no cached
/// answer of a process that opens the library afterwards, or had it open, is behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_writer_leaves_nothing_stale() {
    let (folder, rushes) = library().await;
    let program = "
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60)
n = 0
while True:
    n += 1
    db.execute('INSERT INTO notes (video_id, n) VALUES (?, 1)', ('a',))
    db.execute('INSERT INTO notes (video_id, n) VALUES (?, 1)', ('a',))
    db.commit()
    print(n, flush=True)
";
    let mut written = 0;
    for round in 1..=20 {
        let mut writer = Command::new("python3")
            .args(["-c", program])
            .arg(folder.path().join("rushes.db"))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(writer.stdout.take().unwrap()));
        let mut acknowledged = 0;
        for _ in 0..round {
            acknowledged = lines.next().unwrap().unwrap().parse::<i64>().unwrap();
            rushes.query(&of("a")).await.unwrap();
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        let cached = rushes.query(&of("a")).await.unwrap();
        let bare = rushes.query(&SqlRequest { cache: false, ..of("a") }).await.unwrap();
        assert_eq!(cached.rows, bare.rows);
        let SqlValue::Integer(count) = bare.rows.rows[0][1] else { panic!() };
        assert!(count % 2 == 0 && count >= written + acknowledged * 2, "{count}");
        written = count;
    }
    assert_eq!(rushes.check().await.unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_transaction_or_many_and_names_its_bad_row() {
    let (_folder, rushes) = library().await;
    rushes.query(&of("v")).await.unwrap();
    let row = |id: i64| SqlParams::Positional(vec![id.into(), "v".into(), 1.into()]);
    let sql = "INSERT INTO notes (id, video_id, n) VALUES (?, ?, ?)";
    let mut rows: Vec<_> = (0..1000).map(row).collect();
    rows.push(row(5));
    let batch = Batch { atomic: false, ..Batch::new(sql, rows) };
    let done = rushes.execute_batch(batch, None).await.unwrap();
    assert_eq!((done.executed, done.failed.unwrap().index), (1000, 1000));
    let answer = rushes.query(&of("v")).await.unwrap();
    assert_eq!(answer.rows.rows[0][1], SqlValue::Integer(1000));
}
