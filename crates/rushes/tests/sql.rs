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

fn word(n: i64) -> SqlParams {
    SqlParams::Positional(vec![format!("v{}", n % 50).into(), n.into()])
}

async fn filled(rushes: &Rushes, rows: i64) {
    let sql = "INSERT INTO notes (video_id, n) VALUES (?, ?)";
    let batch = Batch::new(sql, (0..rows).map(word).collect());
    assert_eq!(rushes.execute_batch(batch, None).await.unwrap().executed, rows as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_tasks_ask_one_by_one_is_one_statement() {
    let (_folder, rushes) = library().await;
    filled(&rushes, 200).await;
    let loader =
        rushes.loader("SELECT video_id, n FROM notes WHERE video_id IN (?) ORDER BY n", "video_id");
    let loader = loader.unwrap();
    let ask = || async {
        let loads = (0..50).map(|n| loader.load(format!("v{n}")));
        futures::future::join_all(loads).await
    };
    let asked = |rushes: &Rushes| -> u64 {
        let statements = rushes.statements(100);
        statements.iter().filter(|one| one.verb == "SELECT").map(|one| one.count).sum()
    };
    for (n, rows) in ask().await.into_iter().enumerate() {
        let rows = rows.unwrap();
        assert_eq!(rows.rows.len(), 4);
        assert!(rows.rows.iter().all(|row| row[0] == format!("v{n}").into()));
    }
    assert_eq!(asked(&rushes), 1, "{:?}", rushes.statements(10));
    ask().await;
    assert_eq!(asked(&rushes), 1, "each key is cached for itself");
    insert(&rushes, "v7", 1000).await;
    let again = ask().await;
    assert_eq!(again[7].as_ref().unwrap().rows.len(), 5);
    assert_eq!(asked(&rushes), 2, "one key was asked for again");
    assert_eq!(loader.load("nothing").await.unwrap().rows.len(), 0);
    let error = loader.load(SqlValue::Null).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let wrong = rushes.loader("SELECT nil FROM notes WHERE video_id IN (?)", "nil").unwrap();
    let (a, b) = tokio::join!(wrong.load("a"), wrong.load("b"));
    assert!(a.is_err() && b.unwrap_err().to_string().contains("nil"));
    assert!(rushes.loader("SELECT ? FROM notes WHERE n IN (?)", "n").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lose_and_double_nothing_while_others_write() {
    let (_folder, rushes) = library().await;
    filled(&rushes, 1000).await;
    let request = SqlRequest::new(
        "SELECT id, n % 7 AS part FROM notes WHERE video_id <> ? -- all but one",
        vec!["v3"],
    );
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page =
            rushes.query_page(&request, &["part", "id"], 64, cursor.as_deref()).await.unwrap();
        seen.extend(page.answer.rows.rows.iter().map(|row| row[0].clone()));
        let Some(next) = page.next else { break };
        assert!(rushes.query_page(&of("v1"), &["id"], 64, Some(&next)).await.is_err());
        let mut altered = next.clone().into_bytes();
        altered[3] = if altered[3] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(rushes.query_page(&request, &["part", "id"], 64, Some(&altered)).await.is_err());
        insert(&rushes, "v1", 0).await;
        cursor = Some(next);
    }
    let before: std::collections::BTreeSet<i64> = (1..=1000).filter(|id| id % 50 != 4).collect();
    let mut found: Vec<i64> = seen
        .into_iter()
        .filter_map(|id| match id {
            SqlValue::Integer(id) if id <= 1000 => Some(id),
            _ => None,
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, before.into_iter().collect::<Vec<_>>());
    let error = rushes.query_page(&request, &["gone"], 10, None).await.unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_as_of_one_moment_and_ends_when_it_is_dropped() {
    let (_folder, rushes) = library().await;
    filled(&rushes, 20_000).await;
    let request = SqlRequest::new("SELECT id, n FROM notes ORDER BY id", SqlParams::NONE);
    let mut stream = rushes.query_stream(&request);
    let mut count = 0;
    while let Some(rows) = stream.recv().await {
        let rows = rows.unwrap();
        assert!(rows.rows.len() <= 256 && rows.columns == ["id", "n"]);
        count += rows.rows.len();
        insert(&rushes, "v1", 0).await;
    }
    assert_eq!(count, 20_000);
    drop(rushes.query_stream(&request));
    let wrong = SqlRequest::new("SELECT nil FROM notes", SqlParams::NONE);
    assert!(rushes.query_stream(&wrong).recv().await.unwrap().is_err());
    tokio::time::timeout(Duration::from_secs(20), async {
        while rushes.stats().await.unwrap()["sql"]["pool"]["in_use"] != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("a dropped stream keeps its connection");
}
