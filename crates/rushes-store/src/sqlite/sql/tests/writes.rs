//! Statements that write, one by one, in batches and as upserts.

use std::sync::{Arc, Mutex};

use super::{Fixture, execute, first, foreign, rows_of};
use crate::Error;
use crate::sql::{Batch, Freshness, Query, SqlParams, SqlValue, Upsert};

#[tokio::test(flavor = "multi_thread")]
async fn execute_writes_to_tables_of_the_users_only() {
    let fixture = Fixture::new();
    let count = Query::new("SELECT count(*) FROM notes", SqlParams::NONE);
    fixture.ask(&count).await;
    assert_eq!(execute(&fixture, "DELETE FROM notes WHERE video_id = 'b'").await.unwrap(), 2);
    let near = fixture.sql().fingerprint(&count, Freshness::Near).await.unwrap();
    assert_eq!(near, fixture.fingerprint(&count).await, "an own write is seen at once");
    assert_eq!(first(&fixture.ask(&count).await.0), &SqlValue::Integer(1));
    execute(&fixture, "CREATE TABLE more (x CHECK (x > 0))").await.unwrap();
    for (sql, why) in [
        ("DELETE FROM entries", "belongs to the library"),
        ("UPDATE sql_generations SET gen = 0", "belongs to the library"),
        ("DROP TABLE videos", "belongs to the library"),
        ("CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM entries; END", ""),
        ("CREATE TRIGGER rushes_x AFTER INSERT ON notes BEGIN SELECT 1; END", "are taken"),
        ("PRAGMA journal_mode = DELETE", "not allowed"),
        ("COMMIT", "transaction of its own"),
        ("ATTACH 'x' AS y", "ATTACH"),
        ("INSERT INTO more VALUES (0)", "CHECK"),
        ("SELECT 1", "only reads"),
    ] {
        let done = execute(&fixture, sql).await;
        if why.is_empty() {
            // It may be made, but not do its work.
            done.unwrap();
            let error = execute(&fixture, "INSERT INTO notes (rank) VALUES (1)").await.unwrap_err();
            assert!(error.to_string().contains("belongs to the library"), "{error}");
            execute(&fixture, "DROP TRIGGER t").await.unwrap();
            continue;
        }
        let error = done.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(why), "{sql}: {error}");
    }
    execute(&fixture, "INSERT INTO more VALUES (1)").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_tells_its_progress_and_the_row_that_failed() {
    let fixture = Fixture::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let progress: crate::Progress = Arc::new(move |done| teller.lock().unwrap().push(done));
    for sql in [
        "INSERT INTO notes (video_id, rank, word) VALUES (?, ?, ?)",
        "INSERT INTO notes (video_id, rank, word) SELECT ?, ?, ?",
    ] {
        fixture.foreign("DELETE FROM notes");
        told.lock().unwrap().clear();
        let of = Query::new("SELECT count(*) FROM notes WHERE video_id = ?", vec!["v1"]);
        let other = Query::new("SELECT count(*) FROM notes WHERE video_id = ?", vec!["x"]);
        fixture.ask(&of).await;
        fixture.ask(&other).await;
        let batch = Batch { size: 100, ..Batch::new(sql, rows_of(0..250)) };
        let done = fixture.sql().execute_batch(batch, Some(Arc::clone(&progress))).await.unwrap();
        assert_eq!((done.changed, done.executed, done.failed), (250, 250, None), "{sql}");
        assert_eq!(*told.lock().unwrap(), [100, 200, 250]);
        assert_eq!(first(&fixture.ask(&of).await.0), &SqlValue::Integer(50));
        assert!(fixture.ask(&other).await.1, "{sql}");

        for (atomic, kept) in [(true, 0), (false, 100)] {
            fixture.foreign("DELETE FROM notes");
            let mut rows = rows_of(0..250);
            rows[170] = rows[3].clone();
            let batch = Batch { atomic, ..Batch::new(sql, rows) };
            let done = fixture.sql().execute_batch(batch, None).await.unwrap();
            let failed = done.failed.unwrap();
            assert_eq!((failed.index, done.executed), (170, kept), "{sql}");
            assert!(failed.why.contains("UNIQUE"), "{}", failed.why);
            let count = foreign(&fixture.path)
                .query_row("SELECT count(*) FROM notes", [], |row| row.get(0));
            assert_eq!(count, Ok(kept), "{sql}");
        }
    }
    let none = Batch { size: 0, ..Batch::new("DELETE FROM notes", vec![SqlParams::NONE]) };
    assert!(matches!(fixture.sql().execute_batch(none, None).await, Err(Error::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn upserts_update_what_is_there_and_drop_its_answers() {
    let fixture = Fixture::new();
    fixture
        .foreign("CREATE TABLE tags (video_id TEXT, tag TEXT, n INT, PRIMARY KEY (video_id, tag))");
    let upsert = |table: &str, columns: [&str; 3], keys: &[&str], rows: [[&str; 2]; 2]| Upsert {
        table: table.to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        keys: keys.iter().map(ToString::to_string).collect(),
        rows: rows.map(|[video, tag]| vec![video.into(), tag.into(), 1.into()]).to_vec(),
        size: 100,
        atomic: true,
    };
    let tags = Query::new("SELECT count(*) FROM tags WHERE video_id = 'a'", SqlParams::NONE);
    let b = Query::new("SELECT word FROM notes WHERE video_id = 'b' ORDER BY id", SqlParams::NONE);
    fixture.ask(&tags).await;
    fixture.ask(&b).await;
    let rows = [["a", "x"], ["a", "x"]];
    let quick = upsert("TAGS", ["video_id", "tag", "n"], &["video_id", "tag"], rows);
    let done = fixture.sql().upsert(quick, None).await.unwrap();
    assert_eq!((done.changed, done.failed), (2, None));
    assert_eq!(first(&fixture.ask(&tags).await.0), &SqlValue::Integer(1));
    // The row leaves video b for a, of which the rows themselves tell nothing.
    let rows = [["a", "two"], ["a", "three"]];
    let moving = upsert("notes", ["video_id", "word", "rank"], &["word"], rows);
    fixture.sql().upsert(moving, None).await.unwrap();
    assert_eq!(fixture.ask(&b).await.0.rows, [[SqlValue::Null]]);
    let own = upsert("videos", ["id", "name", "ready"], &[], [["a", "b"], ["c", "d"]]);
    let error = fixture.sql().upsert(own, None).await.unwrap_err();
    assert!(error.to_string().contains("belongs to the library"), "{error}");
}
