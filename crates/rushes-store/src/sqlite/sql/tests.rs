use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::json;

use crate::sql::SqlOptions;
use crate::sql::{
    Batch, Example, Fingerprint, Freshness, Query, Rows, Sql, SqlParams, SqlValue, Upsert,
};
use crate::sqlite::{SqliteOptions, SqliteStore};
use crate::store::Store;
use crate::{Error, Result};

const MINUTE: Duration = Duration::from_secs(60);

/// A library with a table of the user's, and a plain connection as another process would have.
struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
    store: SqliteStore,
    /// Answers by statement and fingerprint, as a cache would keep them.
    cache: Mutex<HashMap<String, Rows>>,
}

impl Fixture {
    fn new() -> Self {
        Self::with(SqlOptions::default())
    }

    fn with(sql: SqlOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let options = SqliteOptions { sql, ..SqliteOptions::default() };
        let store = SqliteStore::open(&path, &options).unwrap();
        let fixture = Self { _folder: folder, path, store, cache: Mutex::default() };
        fixture.foreign(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, video_id TEXT, rank INT, word TEXT UNIQUE);
             INSERT INTO notes VALUES (1, 'a', 1, 'one'), (2, 'b', 2, 'two'), (3, 'b', 3, NULL)",
        );
        fixture
    }

    fn sql(&self) -> &dyn Sql {
        self.store.sql()
    }

    fn foreign(&self, sql: &str) {
        foreign(&self.path).execute_batch(sql).unwrap();
    }

    async fn fingerprint(&self, query: &Query) -> Fingerprint {
        self.sql().fingerprint(query, Freshness::Strict).await.unwrap()
    }

    /// The answer and whether a cache would have had it.
    async fn ask(&self, query: &Query) -> (Rows, bool) {
        let fingerprint = self.fingerprint(query).await;
        if let Fingerprint::None(_) = fingerprint {
            return (self.sql().read(query).await.unwrap(), false);
        }
        let key = format!("{fingerprint:?} {query:?}");
        if let Some(rows) = self.cache.lock().unwrap().get(&key) {
            return (rows.clone(), true);
        }
        let rows = self.sql().read(query).await.unwrap();
        self.cache.lock().unwrap().insert(key, rows.clone());
        (rows, false)
    }

    async fn hit(&self, sql: &str) -> bool {
        self.ask(&Query::new(sql, SqlParams::NONE)).await.1
    }
}

fn foreign(path: &Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(MINUTE).unwrap();
    db
}

fn first(rows: &Rows) -> &SqlValue {
    &rows.rows[0][0]
}

async fn why_not(fixture: &Fixture, sql: &str) -> String {
    match fixture.fingerprint(&Query::new(sql, SqlParams::NONE)).await {
        Fingerprint::None(why) => why.to_string(),
        found => panic!("{sql} would be cached: {found:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_drops_the_answers_about_its_video_only() {
    let fixture = Fixture::new();
    let of = |video: &str| {
        Query::new("SELECT word FROM notes WHERE video_id = ? ORDER BY id", vec![video])
    };
    let (a, b, all) = (of("a"), of("b"), Query::new("SELECT count(*) FROM notes", SqlParams::NONE));
    for query in [&a, &b, &all] {
        assert!(!fixture.ask(query).await.1);
        assert!(fixture.ask(query).await.1);
    }
    fixture.foreign("INSERT INTO notes (video_id, word) VALUES ('b', 'new')");
    assert!(fixture.ask(&a).await.1, "the other video's answer was dropped");
    assert_eq!(fixture.ask(&b).await.0.rows.len(), 3);
    assert_eq!(first(&fixture.ask(&all).await.0), &SqlValue::Integer(4));

    fixture.foreign("UPDATE notes SET video_id = 'A ' WHERE word = 'new'");
    assert_eq!(fixture.ask(&b).await.0.rows.len(), 2, "a row that went to another video");
    fixture.foreign("DELETE FROM notes WHERE video_id = 'a'");
    assert_eq!(fixture.ask(&a).await.0.rows.len(), 0);
    assert!(fixture.ask(&b).await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_replaced_are_noticed() {
    let fixture = Fixture::new();
    let b = Query::new("SELECT id FROM notes WHERE video_id = 'b'", SqlParams::NONE);
    for (write, left) in [
        ("INSERT OR REPLACE INTO notes VALUES (2, 'a', 9, 'other')", 1),
        ("INSERT INTO notes VALUES (4, 'b', 4, 'four')", 2),
        ("REPLACE INTO notes (video_id, word) VALUES ('a', 'four')", 1),
        ("UPDATE OR REPLACE notes SET id = 3 WHERE id = 1", 0),
    ] {
        fixture.ask(&b).await;
        assert!(fixture.ask(&b).await.1);
        fixture.foreign(write);
        assert_eq!(fixture.ask(&b).await.0.rows.len(), left, "{write}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_and_altered_tables_are_watched() {
    let fixture = Fixture::new();
    let count = "SELECT count(*) FROM notes";
    for change in [
        "ALTER TABLE notes ADD COLUMN more TEXT",
        "DROP TABLE notes; CREATE TABLE notes (id INTEGER PRIMARY KEY, video TEXT)",
        "ALTER TABLE notes RENAME TO old; CREATE TABLE notes (x)",
        "DROP TRIGGER rushes_notes_ai",
        "DROP TABLE notes; CREATE VIEW notes AS SELECT * FROM old",
    ] {
        fixture.hit(count).await;
        assert!(fixture.hit(count).await, "before {change}");
        fixture.foreign(change);
        let table = if change.contains("VIEW") { "old" } else { "notes" };
        fixture.hit(count).await;
        let query = Query::new(count, SqlParams::NONE);
        let before = fixture.ask(&query).await.0;
        fixture.foreign(&format!("INSERT INTO {table} DEFAULT VALUES"));
        let (after, hit) = fixture.ask(&query).await;
        assert!(!hit && after != before, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_without_a_write_is_not_cached() {
    let fixture = Fixture::new();
    fixture.foreign("CREATE VIRTUAL TABLE words USING fts5 (word)");
    for (sql, why) in [
        ("SELECT random()", "random()"),
        ("SELECT date('now')", "date()"),
        ("SELECT CURRENT_TIMESTAMP", "current_timestamp()"),
        ("SELECT * FROM notes WHERE rank < strftime('%s')", "strftime()"),
        ("SELECT * FROM sqlite_schema", "no table"),
        ("SELECT * FROM library", "no table"),
        ("SELECT * FROM words", "no table"),
        ("SELECT * FROM pragma_table_info('notes')", "no table"),
        ("PRAGMA table_info(notes)", "PRAGMA"),
        ("SELECT last_insert_rowid()", "last_insert_rowid()"),
    ] {
        let found = why_not(&fixture, sql).await;
        assert!(found.contains(why), "{sql}: {found}");
        fixture.sql().read(&Query::new(sql, SqlParams::NONE)).await.unwrap();
    }
    for sql in [
        "SELECT 1 + 1, upper('a')",
        "SELECT max(rank), group_concat(word), count(*) FROM notes GROUP BY video_id",
        "SELECT row_number() OVER (ORDER BY rank) FROM notes",
        "SELECT value FROM json_each('[1, 2]')",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 3) SELECT n FROM c",
        "SELECT rowid FROM entries_text WHERE entries_text MATCH 'heron' ORDER BY rank",
        "SELECT * FROM timeline WHERE video = 'a' AND kind = 'caption'",
    ] {
        fixture.hit(sql).await;
        assert!(fixture.hit(sql).await, "{sql}: {:?}", fixture.sql().explain(sql).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_would_do_harm_are_refused_or_stopped() {
    let fixture = Fixture::new();
    let ask = |sql: &'static str| {
        let query =
            Query { timeout: Duration::from_millis(300), ..Query::new(sql, SqlParams::NONE) };
        let sql = fixture.sql();
        async move { sql.read(&query).await }
    };
    for (sql, why) in [
        ("ATTACH '/etc/passwd' AS x", "ATTACH"),
        ("PRAGMA writable_schema = 1", "PRAGMA writable_schema"),
        ("PRAGMA query_only = 0", "PRAGMA query_only"),
        ("PRAGMA schema_version = 7", "PRAGMA schema_version"),
        ("DELETE FROM notes", "DELETE from notes"),
        ("INSERT INTO notes (rank) VALUES (1) RETURNING id", "INSERT into notes"),
        ("CREATE TEMP TABLE t (x)", "temporary tables"),
        ("DROP TABLE notes", "only reading"),
        ("BEGIN", "transaction of its own"),
        ("VACUUM INTO '/tmp/x'", "only reading"),
        ("SELECT load_extension('x')", "reaches outside"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT 1; DROP TABLE notes", "only reading"),
        ("SELECT hex(randomblob(1000000000))", "too big"),
        ("SELECT nil FROM notes", "no such column"),
        ("SELECT ?", "1 placeholders, but 0"),
        ("", "statement"),
    ] {
        let error = ask(sql).await.map(|rows| panic!("{sql}: {rows:?}")).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(why), "{sql}: {error}");
    }
    let began = Instant::now();
    let endless =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c";
    for _ in 0..3 {
        let error = ask(endless).await.unwrap_err();
        assert!(matches!(&error, Error::TooLarge(why) if why.contains("0.3 s")), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    let many = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c";
    let query = Query { rows: 10, ..Query::new(many, SqlParams::NONE) };
    let error = fixture.sql().read(&query).await.unwrap_err();
    assert!(matches!(&error, Error::TooLarge(why) if why.contains("10 rows")), "{error}");
    let wide =
        Query { bytes: 1 << 20, ..Query::new("SELECT randomblob(2000000)", SqlParams::NONE) };
    assert!(matches!(fixture.sql().read(&wide).await, Err(Error::TooLarge(_))));
    assert_eq!(ask("SELECT count(*) FROM notes").await.unwrap().rows.len(), 1, "it still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_caller_interrupts_its_statement_and_frees_the_connection() {
    let fixture = Fixture::with(SqlOptions { connections: 1, wait: MINUTE, ..Default::default() });
    let endless = Query::new(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c",
        SqlParams::NONE,
    );
    let endless = Query { timeout: MINUTE * 60, ..endless };
    let left = tokio::time::timeout(Duration::from_millis(50), fixture.sql().read(&endless)).await;
    assert!(left.is_err(), "it should still run");
    let rows = fixture.sql().read(&Query::new("SELECT 7", SqlParams::NONE)).await.unwrap();
    assert_eq!(first(&rows), &SqlValue::Integer(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_says_so_and_opens_no_more_connections() {
    let wait = Duration::from_millis(30);
    let fixture = Fixture::with(SqlOptions { connections: 2, wait, ..Default::default() });
    let slow = Query {
        timeout: Duration::from_millis(600),
        ..Query::new(
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c",
            SqlParams::NONE,
        )
    };
    let sql = fixture.sql();
    let quick = async {
        while sql.figures()["in_use"] != 2 {
            tokio::task::yield_now().await;
        }
        sql.read(&Query::new("SELECT 1", SqlParams::NONE)).await
    };
    let (a, b, refused) = tokio::join!(sql.read(&slow), sql.read(&slow), quick);
    assert!(a.is_err() && b.is_err());
    let error = refused.unwrap_err();
    assert!(matches!(&error, Error::Busy(why) if why.contains("all 2 connections")), "{error}");
    let figures = sql.figures();
    assert_eq!((&figures["opened"], &figures["refused"]), (&json!(2), &json!(1)), "{figures}");
    assert_eq!(figures["in_use"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn prepared_statements_are_used_again() {
    let fixture = Fixture::with(SqlOptions { connections: 1, ..Default::default() });
    for rank in 0..10 {
        let query = Query::new("SELECT * FROM notes WHERE rank = ?", vec![rank]);
        fixture.sql().read(&query).await.unwrap();
    }
    let figures = fixture.sql().figures();
    assert_eq!(figures["statements_prepared"], 1, "{figures}");
    assert_eq!(figures["statements_reused"], 9);
}

async fn execute(fixture: &Fixture, sql: &str) -> Result<u64> {
    Ok(fixture.sql().execute(sql, &SqlParams::NONE, MINUTE).await?.rows)
}

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

fn rows_of(range: std::ops::Range<i64>) -> Vec<SqlParams> {
    let row = |n: i64| {
        SqlParams::Positional(vec![format!("v{}", n % 5).into(), n.into(), format!("w{n}").into()])
    };
    range.map(row).collect()
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

#[tokio::test(flavor = "multi_thread")]
async fn plans_and_advice_name_what_is_dear_and_what_would_help() {
    let fixture = Fixture::new();
    let rows = rows_of(10..20_000);
    let insert = "INSERT INTO notes (video_id, rank, word) VALUES (?, ?, ?)";
    fixture.sql().execute_batch(Batch::new(insert, rows), None).await.unwrap();
    let sql = "SELECT n.word FROM notes n WHERE n.video_id = ? AND n.rank > 19900 ORDER BY n.rank";
    let plan = fixture.sql().explain(sql).await.unwrap();
    assert_eq!(plan.warnings, ["reads all of notes", "sorts in memory for ORDER BY"]);
    assert_eq!(plan.reads, ["notes/?1"]);
    let example = |sql: &str, params: Vec<&str>| Example {
        sql: sql.into(),
        params: params.into(),
        count: 3,
        total_micros: 9,
    };
    let before: i64 =
        foreign(&fixture.path).query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
    let examples = vec![
        example(sql, vec!["v1"]),
        example("SELECT * FROM notes WHERE id = ?", vec!["5"]),
        example("SELECT * FROM gone", vec![]),
    ];
    let advice = fixture.sql().advise(examples).await.unwrap();
    let found = advice[0].suggestion.as_ref().unwrap();
    assert_eq!(
        found.sql,
        "CREATE INDEX \"notes_by_video_id_rank\" ON \"notes\" (\"video_id\", \"rank\")"
    );
    assert!(found.after_micros * 2 <= found.before_micros && found.bytes > 100_000, "{found:?}");
    assert!(found.write_cost_percent.is_some(), "{found:?}");
    assert!(advice[1].suggestion.is_none() && advice[1].note.is_some(), "{:?}", advice[1]);
    assert!(advice[2].note.as_ref().unwrap().contains("no such table"), "{:?}", advice[2]);
    let after: i64 =
        foreign(&fixture.path).query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
    assert_eq!(before, after, "advice altered the library");
}

/// What the property test does between two questions.
#[derive(Clone, Debug)]
enum Step {
    Foreign(usize, i64, &'static str, &'static str),
    Own(usize, i64, &'static str, &'static str),
    Bulk(i64, &'static str),
}

const WRITES: [&str; 9] = [
    "INSERT OR IGNORE INTO notes VALUES ({n}, '{a}', {n}, 'w{n}')",
    "INSERT OR REPLACE INTO notes VALUES ({n}, '{a}', 0, 'w{n}')",
    "REPLACE INTO notes (video_id, rank, word) VALUES ('{a}', 1, 'w{n}')",
    "UPDATE notes SET video_id = '{b}' WHERE video_id = '{a}' AND id > {n}",
    "UPDATE OR REPLACE notes SET id = {n} WHERE video_id = '{a}'",
    "UPDATE OR REPLACE notes SET word = 'w{n}' WHERE id = (SELECT min(id) FROM notes)",
    "DELETE FROM notes WHERE video_id = '{a}' AND id < {n}",
    "INSERT INTO notes VALUES ({n}, '{a}', 5, NULL) ON CONFLICT (id) DO UPDATE SET video_id = '{b}'",
    "DELETE FROM notes WHERE id = {n}",
];

const READS: [&str; 10] = [
    "SELECT * FROM notes WHERE video_id = ?1 ORDER BY id",
    "SELECT * FROM notes WHERE video_id IN (?1, 'b') ORDER BY id",
    "SELECT count(*), sum(rank) FROM notes",
    "SELECT * FROM notes n WHERE n.video_id = ?1 AND EXISTS
     (SELECT 1 FROM notes m WHERE m.video_id = 'b' AND m.id > n.id) ORDER BY id",
    "SELECT n.id, m.id FROM notes n LEFT JOIN notes m ON m.video_id = 'c' AND m.rank = n.rank
     WHERE n.video_id = ?1 ORDER BY 1, 2",
    "SELECT * FROM notes WHERE video_id = ?1 COLLATE NOCASE ORDER BY id",
    "SELECT * FROM by_word WHERE video_id = ?1 ORDER BY word, id",
    "WITH c AS (SELECT * FROM notes WHERE video_id = ?1) SELECT count(*) FROM c, notes",
    "SELECT * FROM notes WHERE NOT (video_id = ?1) ORDER BY id",
    "SELECT * FROM notes WHERE video_id = ?1 UNION SELECT * FROM notes WHERE video_id = 'c' ORDER BY 1",
];

fn step() -> impl Strategy<Value = Step> {
    let video = || prop::sample::select(vec!["a", "b", "c", "A", "b "]);
    prop_oneof![
        3 => (0..WRITES.len(), 0..12i64, video(), video()).prop_map(|(w, n, a, b)| Step::Foreign(w, n, a, b)),
        2 => (0..WRITES.len(), 0..12i64, video(), video()).prop_map(|(w, n, a, b)| Step::Own(w, n, a, b)),
        1 => (0..12i64, video()).prop_map(|(n, a)| Step::Bulk(n, a)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever is written by whomever, cached answers are those that the database would give.
    #[test]
    fn cached_answers_are_the_databases(steps in prop::collection::vec(step(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new();
            fixture.foreign("CREATE VIEW by_word AS SELECT word, video_id, id FROM notes");
            let write = |which: usize, n: i64, a: &str, b: &str| {
                WRITES[which].replace("{n}", &n.to_string()).replace("{a}", a).replace("{b}", b)
            };
            for step in steps {
                for sql in READS {
                    for video in ["a", "b", "c"] {
                        let params = if sql.contains("?1") { vec![video] } else { vec![] };
                        let query = Query::new(sql, params);
                        let (cached, _) = fixture.ask(&query).await;
                        let bare = fixture.sql().read(&query).await.unwrap();
                        assert_eq!(cached, bare, "{sql} {video} before {step:?}");
                    }
                }
                match step {
                    Step::Foreign(which, n, a, b) => {
                        let _ = foreign(&fixture.path).execute_batch(&write(which, n, a, b));
                    }
                    Step::Own(which, n, a, b) => {
                        let _ = execute(&fixture, &write(which, n, a, b)).await;
                    }
                    Step::Bulk(n, a) => {
                        let row = vec![SqlValue::from(n), a.into(), 3.into()];
                        let batch = Batch::new(
                            "INSERT INTO notes (id, video_id, rank) VALUES (?, ?, ?)",
                            vec![SqlParams::Positional(row)],
                        );
                        fixture.sql().execute_batch(batch, None).await.unwrap();
                    }
                }
            }
        });
    }
}

/// The library's own writes, whose triggers are off, raise what they touch themselves.
#[tokio::test(flavor = "multi_thread")]
async fn typed_writes_drop_what_they_made_untrue() {
    use crate::{BlobHash, Kind, NewEntry, Older, Recipe, Role, Video, VideoId};
    let fixture = Fixture::new();
    let store = &fixture.store;
    let hash = BlobHash::of(b"a film");
    let id = VideoId::of(&hash);
    let video = Video {
        id: id.clone(),
        hash,
        name: "a.mp4".to_owned(),
        path: None,
        media: None,
        size: 1,
        start: 0.0,
        duration: 9.0,
        probe: json!({}),
        thumbnail: None,
        timing: None,
        added: 1.0,
    };
    let caption = NewEntry {
        kind: Kind::new("caption").unwrap(),
        start: 1.0,
        end: 2.0,
        estimated: false,
        data: json!({"text": "x"}),
        text: Some("x".to_owned()),
        label: None,
        blob: None,
    };
    let check = async |step: &str| {
        for table in ["videos", "names", "recipes", "runs", "lanes", "entries", "messages"] {
            let all = Query::new(format!("SELECT * FROM {table}"), SqlParams::NONE);
            let bare = fixture.sql().read(&all).await.unwrap();
            assert_eq!(fixture.ask(&all).await.0, bare, "{table} after {step}");
        }
        for view in ["timeline", "conversation"] {
            let sql = format!("SELECT * FROM {view} WHERE video = ?");
            let one = Query::new(sql, vec![id.as_str()]);
            let bare = fixture.sql().read(&one).await.unwrap();
            assert_eq!(fixture.ask(&one).await.0, bare, "{view} after {step}");
            let other = Query::new(one.sql.clone(), vec!["0011223344556677"]);
            let known = fixture.ask(&other).await.1;
            let recipe = view == "timeline" && step == "run_open";
            assert!(known || step == "nothing" || recipe, "{view} of another video after {step}");
        }
    };
    check("nothing").await;
    let run = store.run_open(&id, &Recipe::default(), true).await.unwrap();
    check("run_open").await;
    store.run_write(run.id, vec![caption.clone()]).await.unwrap();
    check("run_write").await;
    store.finish_ingest(&video, run.id, &[], Older::Keep).await.unwrap();
    check("finish_ingest").await;
    store.append(&id, Role::User, "hello").await.unwrap();
    check("append").await;
    store.put_video(&Video { name: "b.mp4".to_owned(), ..video }).await.unwrap();
    check("put_video").await;
    let run = store.run_open(&id, &Recipe::default(), true).await.unwrap();
    check("another run_open").await;
    store.run_write(run.id, vec![NewEntry { end: 3.0, ..caption }]).await.unwrap();
    store.run_abort(run.id).await.unwrap();
    check("run_abort").await;
    store.remove_video(&id).await.unwrap();
    check("remove_video").await;
}
