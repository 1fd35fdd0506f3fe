//! The conformance suite, and what is particular to a file.

use std::path::Path;
use std::sync::{Arc, Barrier};

use rusqlite::{Connection, StatementStatus};

use super::connection::{Access, open_reader};
use super::{Durability, SqliteOptions, SqliteStore, entries};
use crate::error::Error;
use crate::store::Store;
use crate::testing::{Opening, conformance};

fn open(path: &Path) -> Result<SqliteStore, Error> {
    SqliteStore::open(path, &SqliteOptions::default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance(&|name| {
        let path = folder.path().join(format!("{name}.db"));
        let opening: Opening =
            Box::pin(async move { Arc::new(open(&path).unwrap()) as Arc<dyn Store> });
        opening
    })
    .await;
}

#[tokio::test]
async fn works_on_a_runtime_of_one_thread_and_with_full_sync() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { durability: Durability::Power, readers: 0, ..Default::default() };
    let store = SqliteStore::open(&folder.path().join("new/folder/a.db"), &options).unwrap();
    assert_eq!(store.seq().await.unwrap(), 0);
    assert_eq!(store.check().await.unwrap(), [""; 0]);
    assert_eq!(store.facts().await.unwrap()["entries"], 0);
}

#[test]
fn many_may_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let path = folder.path().join(format!("{round}.db"));
        let barrier = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    open(&path).unwrap();
                });
            }
        });
        let db = Connection::open(&path).unwrap();
        let steps: i64 =
            db.query_row("SELECT count(*) FROM migrations", [], |row| row.get(0)).unwrap();
        assert_eq!(steps, super::migrate::latest());
    }
}

#[test]
fn refuses_files_that_are_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is not a database, though it is long enough".repeat(100)).unwrap();
    assert!(matches!(open(&text), Err(Error::Corrupt(_))));
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    assert!(matches!(open(&other), Err(Error::Invalid(_))));
    let tables: i64 = Connection::open(&other)
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1, "somebody else's database was altered");
}

#[test]
fn refuses_a_newer_or_altered_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    let latest = super::migrate::latest();
    db.pragma_update(None, "user_version", latest + 1).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(&error, Error::TooNew(why) if why.contains("a.db")), "{error}");
    db.pragma_update(None, "user_version", latest).unwrap();
    open(&path).unwrap();
    db.execute("UPDATE migrations SET checksum = 'x' WHERE version = 1", []).unwrap();
    assert!(matches!(open(&path), Err(Error::Corrupt(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_what_was_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = open(&path).unwrap();
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "INSERT INTO videos (id) VALUES ('x'); INSERT INTO recipes VALUES (1, '', '', '', '{}');
         INSERT INTO lanes (video, kind, recipe, count) VALUES (1, 'caption', 1, 2);
         INSERT INTO entries VALUES (7, 1, 0, 1, 0, 0, '{}', 'words', NULL, NULL);",
    )
    .unwrap();
    let problems = store.check().await.unwrap().join("\n");
    for part in ["count", "given again", "text index"] {
        assert!(problems.contains(part), "{part} is not in {problems}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_what_it_may_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a 100%?#.db");
    let writer = open(&path).unwrap();
    let put = |name: &str| {
        let run = crate::testing::fixture::video(name);
        let writer = &writer;
        async move { writer.put_video(&run).await.unwrap() }
    };
    put("one.mp4").await;
    // Beside a writer, whose log it reads.
    let reader = SqliteStore::open_to_read(&path, &SqliteOptions::default()).unwrap();
    put("two.mp4").await;
    assert_eq!(reader.videos(10, None).await.unwrap().items.len(), 2);
    assert_eq!(reader.changes_since(1).await.unwrap().seq, 2);
    let refused = reader.put_video(&crate::testing::fixture::video("three.mp4")).await;
    assert!(matches!(refused, Err(Error::Invalid(why)) if why.contains("only be read")));
    // A copy of its files without the index of the log.
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let error = SqliteStore::open_to_read(&copy, &SqliteOptions::default()).unwrap_err();
    assert!(matches!(&error, Error::Invalid(why) if why.contains("log")), "{error}");
    // After the last has closed, nothing is made beside it.
    drop((reader, writer));
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = files();
    let frozen = SqliteStore::open_to_read(&path, &SqliteOptions::default()).unwrap();
    assert_eq!(frozen.videos(10, None).await.unwrap().items.len(), 2);
    assert_eq!(frozen.check().await.unwrap(), [""; 0]);
    assert_eq!(files(), before);
}

/// A cached statement was once prepared anew for each read, because the table that it reads has
/// partial indexes: single reads took 45 us instead of 12.
#[test]
fn cached_statements_are_prepared_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(open(&path).unwrap());
    let db = open_reader(&path, &SqliteOptions::default(), Access::Whole).unwrap();
    for id in 0..3 {
        assert_eq!(entries::entry(&db, id).unwrap(), None);
    }
    let statement = db.prepare_cached(&entries::by_id()).unwrap();
    assert_eq!(statement.get_status(StatementStatus::Run), 3, "not the statement that was run");
    assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
}
