//! Writing to tables of the user's: one statement, many rows, and never the library's own.

use std::sync::{Arc, Mutex};

use rushes_store::testing::PostgresServer;
use rushes_store::{
    Batch, Error, Fingerprint, Freshness, Progress, Query, SqlParams, SqlValue, Store, Upsert,
};

use crate::cached::{Fixture, MINUTE, first};

async fn execute(fixture: &Fixture, sql: &str) -> Result<u64, Error> {
    Ok(fixture.store.sql().execute(sql, &SqlParams::NONE, MINUTE).await?.rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn execute_writes_to_tables_of_the_users_only() {
    let fixture = Fixture::new("execute").await;
    let count = Query::new("SELECT count(*) FROM notes", SqlParams::NONE);
    fixture.ask(&count).await;
    assert_eq!(execute(&fixture, "DELETE FROM notes WHERE video_id = 'b'").await.unwrap(), 2);
    let near = fixture.store.sql().fingerprint(&count, Freshness::Near).await.unwrap();
    assert!(matches!(near, Fingerprint::Of { .. }), "{near:?}");
    assert_eq!(near, fixture.fingerprint(&count).await, "an own write is seen at once");
    assert_eq!(first(&fixture.ask(&count).await.0), &SqlValue::Integer(1));
    execute(&fixture, "CREATE TABLE more (x INT CHECK (x > 0))").await.unwrap();
    fixture
        .foreign(
            "CREATE FUNCTION sly() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN DELETE FROM rushes.entries; RETURN NULL; END';
             CREATE TRIGGER sly AFTER DELETE ON more EXECUTE FUNCTION sly()",
        )
        .await;
    for (sql, why) in [
        ("DELETE FROM entries", "belongs to the library"),
        ("TRUNCATE rushes.videos CASCADE", "belongs to the library"),
        ("WITH x AS (DELETE FROM rushes.messages RETURNING 1) SELECT * FROM x", "belongs to the"),
        ("UPDATE rushes.sql_generations SET gen = 0", "belongs to the library"),
        ("DELETE FROM rushes.sql_writes", "belongs to the library"),
        ("INSERT INTO rushes.sql_writes VALUES ('a', '', -1)", "check constraint"),
        ("UPDATE rushes.library SET seq = 0", "belongs to the library"),
        ("DELETE FROM more", "belongs to the library"),
        ("DROP TABLE rushes.again", "belongs to the library"),
        ("ALTER TABLE rushes.videos RENAME name TO title", "belongs to the library"),
        ("CREATE INDEX mine ON rushes.entries (text)", "belongs to the library"),
        ("CREATE OR REPLACE VIEW rushes.timeline AS SELECT 1", ""),
        ("COMMIT", "transaction of its own"),
        ("COPY more FROM PROGRAM 'echo 1'", "not allowed"),
        (
            "INSERT INTO more SELECT length(set_config('rushes.guest', 'off', false))",
            "set_config()",
        ),
        ("INSERT INTO more SELECT length(pg_read_file('/etc/passwd'))", "pg_read_file()"),
        ("INSERT INTO more VALUES (0)", "check constraint"),
        ("INSERT INTO more VALUES (1); DELETE FROM more", "multiple commands"),
        ("INSERT INTO more VALUES ($1)", "1 placeholders, but 0"),
        ("CREATE TEMP TABLE t (x INT)", "temporary tables"),
        ("SELECT 1", "only reads"),
    ] {
        let error = execute(&fixture, sql).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(why), "{sql}: {error}");
    }
    assert_eq!(execute(&fixture, "INSERT INTO more VALUES (1)").await.unwrap(), 1);
    let slow = "INSERT INTO more SELECT 1 FROM pg_sleep(600)";
    let short = std::time::Duration::from_millis(100);
    let error = fixture.store.sql().execute(slow, &SqlParams::NONE, short).await.unwrap_err();
    assert!(matches!(&error, Error::TooLarge(why) if why.contains("0.1 s")), "{error}");
    let left = PostgresServer::shared().psql("execute", "SELECT count(*) FROM more");
    assert_eq!(left, "1");
}

fn row(n: i64) -> Vec<SqlValue> {
    vec![n.into(), format!("v{}", n % 5).into(), n.into(), format!("w\\{n}\t\n'é").into()]
}

fn rows_of(range: std::ops::Range<i64>) -> Vec<SqlParams> {
    range.map(|n| SqlParams::Positional(row(n))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_tells_its_progress_and_the_row_that_failed() {
    let fixture = Fixture::new("batch").await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let progress: Progress = Arc::new(move |done| teller.lock().unwrap().push(done));
    let sql = fixture.store.sql();
    for text in [
        "INSERT INTO notes (id, video_id, rank, word) VALUES ($1, $2, $3, $4)",
        "INSERT INTO notes (id, video_id, rank, word) SELECT $1, $2, $3, $4",
    ] {
        fixture.foreign("DELETE FROM notes").await;
        told.lock().unwrap().clear();
        let of = Query::new("SELECT count(*) FROM notes WHERE video_id = $1", vec!["v1"]);
        let other = Query::new("SELECT count(*) FROM notes WHERE video_id = $1", vec!["x"]);
        fixture.ask(&of).await;
        fixture.ask(&other).await;
        let batch = Batch { size: 100, ..Batch::new(text, rows_of(0..250)) };
        let done = sql.execute_batch(batch, Some(Arc::clone(&progress))).await.unwrap();
        assert_eq!((done.changed, done.executed, done.failed), (250, 250, None), "{text}");
        assert_eq!(*told.lock().unwrap(), [100, 200, 250]);
        assert_eq!(first(&fixture.ask(&of).await.0), &SqlValue::Integer(50));
        assert!(fixture.ask(&other).await.1, "{text}");
        let kept =
            Query::new("SELECT id, video_id, rank, word FROM notes WHERE id = 7", SqlParams::NONE);
        assert_eq!(fixture.ask(&kept).await.0.rows, [row(7)]);

        for (atomic, kept) in [(true, 0), (false, 100)] {
            fixture.foreign("DELETE FROM notes").await;
            let mut rows = rows_of(0..250);
            rows[170] = rows[3].clone();
            let batch = Batch { atomic, ..Batch::new(text, rows) };
            let done = sql.execute_batch(batch, None).await.unwrap();
            let failed = done.failed.unwrap();
            assert_eq!((failed.index, done.executed), (170, kept), "{text}");
            assert!(failed.why.contains("duplicate key"), "{}", failed.why);
            let count = PostgresServer::shared().psql("batch", "SELECT count(*) FROM notes");
            assert_eq!(count, kept.to_string(), "{text}");
        }
        fixture.foreign("DELETE FROM notes").await;
        let mut rows = rows_of(0..5);
        rows[2] = SqlParams::Positional(vec![2.into(), "v".into(), "x".into(), "nul\0".into()]);
        let done = sql.execute_batch(Batch::new(text, rows), None).await.unwrap();
        assert_eq!((done.failed.unwrap().index, done.executed), (2, 0));
    }
    let none = Batch { size: 0, ..Batch::new("DELETE FROM notes", vec![SqlParams::NONE]) };
    assert!(matches!(sql.execute_batch(none, None).await, Err(Error::Invalid(_))));
    let wrong = Batch::new("DELETE FROM entries WHERE id = $1", vec![vec![1_i64].into()]);
    let done = sql.execute_batch(wrong, None).await.unwrap();
    assert!(done.failed.unwrap().why.contains("belongs to the library"));
}

#[tokio::test(flavor = "multi_thread")]
async fn upserts_update_what_is_there_and_drop_its_answers() {
    let fixture = Fixture::new("upserts").await;
    fixture
        .foreign(
            "CREATE TABLE tags (video_id TEXT, tag VARCHAR(3), n NUMERIC(4, 1), raw BYTEA, more JSONB,
             at TIMESTAMPTZ, PRIMARY KEY (video_id, tag));
             CREATE TABLE numbered (id INT GENERATED ALWAYS AS IDENTITY, word TEXT)",
        )
        .await;
    let sql = fixture.store.sql();
    let columns = ["video_id", "TAG", "n", "raw", "more", "at"].map(str::to_owned).to_vec();
    let upsert = |keys: &[&str], rows: Vec<Vec<SqlValue>>| Upsert {
        table: "Tags".to_owned(),
        columns: columns.clone(),
        keys: keys.iter().map(ToString::to_string).collect(),
        rows,
        size: 100,
        atomic: true,
    };
    let tag = |video: &str, tag: &str, n: f64| {
        let raw = SqlValue::Blob(vec![0, 92, 255]);
        let more = SqlValue::from("{\"a\": [1]}");
        vec![video.into(), tag.into(), n.into(), raw, more, "2026-01-02 03:04:05+00".into()]
    };
    let tags = Query::new("SELECT n, raw FROM tags WHERE video_id = 'a'", SqlParams::NONE);
    fixture.ask(&tags).await;
    let keys = ["video_id", "tag"];
    // The same row twice: the later one is what stays.
    for rows in
        [vec![tag("a", "x", 1.5), tag("a", "x", 2.5)], vec![tag("a", "x", 3.5), tag("b", "x", 4.5)]]
    {
        let last = rows.iter().rfind(|row| row[0] == "a".into()).unwrap()[2].clone();
        let done = sql.upsert(upsert(&keys, rows), None).await.unwrap();
        assert_eq!((done.changed, done.failed), (2, None));
        let (rows, hit) = fixture.ask(&tags).await;
        assert!(!hit);
        assert_eq!(rows.rows, [vec![last, SqlValue::Blob(vec![0, 92, 255])]]);
    }
    let rows = vec![tag("c", "y", 1.0), tag("c", "long", 1.0), tag("c", "z", 1.0)];
    for keys in [&keys[..], &[]] {
        let done = sql.upsert(upsert(keys, rows.clone()), None).await.unwrap();
        let failed = done.failed.unwrap();
        assert_eq!((failed.index, done.executed), (1, 0), "{}", failed.why);
        assert!(failed.why.contains("too long"), "{}", failed.why);
    }
    let numbered = Upsert {
        table: "numbered".to_owned(),
        columns: vec!["id".to_owned(), "word".to_owned()],
        keys: Vec::new(),
        rows: vec![vec![1.into(), "x".into()]],
        size: 1,
        atomic: true,
    };
    let error = sql.upsert(numbered.clone(), None).await.unwrap_err();
    assert!(error.to_string().contains("non-DEFAULT"), "{error}");
    let own = Upsert {
        table: "messages".to_owned(),
        columns: vec!["content".to_owned()],
        rows: vec![vec!["x".into()]],
        ..numbered.clone()
    };
    let failed = sql.upsert(own, None).await.unwrap().failed.unwrap();
    assert!(failed.why.contains("null value") || failed.why.contains("library"), "{}", failed.why);
    for (table, column) in [("gone", "x"), ("tags", "gone")] {
        let wrong = Upsert {
            table: table.to_owned(),
            columns: vec![column.to_owned()],
            rows: vec![vec![1.into()]],
            ..numbered.clone()
        };
        let error = sql.upsert(wrong, None).await.unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
    }
}

/// Twenty thousand rows by COPY, of which a late one is wrong: it is named, and nothing is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_among_many_is_named() {
    let fixture = Fixture::new("many").await;
    fixture.foreign("DELETE FROM notes").await;
    let mut rows: Vec<Vec<SqlValue>> = (0..20_000).map(row).collect();
    rows[15_432][0] = "no number".into();
    let upsert = Upsert {
        table: "notes".to_owned(),
        columns: ["id", "video_id", "rank", "word"].map(str::to_owned).to_vec(),
        keys: Vec::new(),
        rows,
        size: 100,
        atomic: true,
    };
    let done = fixture.store.sql().upsert(upsert.clone(), None).await.unwrap();
    let failed = done.failed.unwrap();
    assert_eq!((failed.index, done.changed), (15_432, 0), "{}", failed.why);
    let count = || PostgresServer::shared().psql("many", "SELECT count(*) FROM notes");
    assert_eq!(count(), "0");
    let mut upsert = upsert;
    upsert.rows[15_432][0] = 15_432.into();
    let done = fixture.store.sql().upsert(upsert, None).await.unwrap();
    assert_eq!((done.changed, done.executed, done.failed), (20_000, 20_000, None));
    assert_eq!(count(), "20000");
}
