//! Cached answers hang on exactly what was written to, whoever writes and however.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use rushes_store::testing::PostgresServer;
use rushes_store::{
    Fingerprint, Freshness, NewEntry, Older, PostgresStore, Query, Recipe, Role, Rows, SqlParams,
    SqlValue, Store, Video,
};

use crate::library::{caption, open, video};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A library with a table of the user's, and a plain connection as another process would have.
pub(crate) struct Fixture {
    pub(crate) name: &'static str,
    pub(crate) store: PostgresStore,
    pub(crate) other: tokio_postgres::Client,
    /// Answers by statement and fingerprint, as a cache would keep them.
    cache: Mutex<HashMap<String, Rows>>,
}

impl Fixture {
    pub(crate) async fn new(name: &'static str) -> Self {
        let server = PostgresServer::shared();
        let url = server.database(name);
        // The schema of the user `rushes` is the library's own: most users are called otherwise.
        server.psql(
            name,
            "SELECT pg_advisory_lock(1); DO $$ BEGIN CREATE USER agent SUPERUSER;
             EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        );
        let url = url.replace("//rushes@", "//agent@");
        let store = open(&url).await.unwrap();
        let (other, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let fixture = Self { name, store, other, cache: Mutex::default() };
        fixture.fill().await;
        fixture
    }

    pub(crate) async fn fill(&self) {
        self.foreign(
            "DROP TABLE IF EXISTS notes CASCADE;
             CREATE TABLE notes (id INT PRIMARY KEY, video_id TEXT, rank INT, word TEXT UNIQUE);
             INSERT INTO notes VALUES (1, 'a', 1, 'one'), (2, 'b', 2, 'two'), (3, 'b', 3, NULL)",
        )
        .await;
    }

    pub(crate) async fn foreign(&self, sql: &str) {
        self.other.batch_execute(sql).await.unwrap();
    }

    pub(crate) async fn fingerprint(&self, query: &Query) -> Fingerprint {
        self.store.sql().fingerprint(query, Freshness::Strict).await.unwrap()
    }

    /// The answer and whether a cache would have had it.
    pub(crate) async fn ask(&self, query: &Query) -> (Rows, bool) {
        let fingerprint = self.fingerprint(query).await;
        if let Fingerprint::None(_) = fingerprint {
            return (self.store.sql().read(query).await.unwrap(), false);
        }
        let key = format!("{fingerprint:?} {query:?}");
        if let Some(rows) = self.cache.lock().unwrap().get(&key) {
            return (rows.clone(), true);
        }
        let rows = self.store.sql().read(query).await.unwrap();
        self.cache.lock().unwrap().insert(key, rows.clone());
        (rows, false)
    }

    pub(crate) async fn hit(&self, sql: &str) -> bool {
        self.ask(&Query::new(sql, SqlParams::NONE)).await.1
    }

    async fn why_not(&self, sql: &str) -> String {
        match self.fingerprint(&Query::new(sql, SqlParams::NONE)).await {
            Fingerprint::None(why) => why.to_string(),
            found => panic!("{sql} would be cached: {found:?}"),
        }
    }
}

pub(crate) fn first(rows: &Rows) -> &SqlValue {
    &rows.rows[0][0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_drops_the_answers_about_its_video_only() {
    let fixture = Fixture::new("narrow").await;
    let of = |video: &str| {
        Query::new("SELECT word FROM notes WHERE video_id = $1 ORDER BY id", vec![video])
    };
    let (a, b, all) = (of("a"), of("b"), Query::new("SELECT count(*) FROM notes", SqlParams::NONE));
    for query in [&a, &b, &all] {
        assert!(!fixture.ask(query).await.1);
        assert!(fixture.ask(query).await.1, "{:?}", fixture.fingerprint(query).await);
    }
    let psql = |sql: &str| PostgresServer::shared().psql("narrow", sql);
    psql("INSERT INTO notes VALUES (4, 'b', 4, 'new')");
    assert!(fixture.ask(&a).await.1, "the other video's answer was dropped");
    assert_eq!(fixture.ask(&b).await.0.rows.len(), 3);
    assert_eq!(first(&fixture.ask(&all).await.0), &SqlValue::Integer(4));

    psql("UPDATE notes SET video_id = 'A ' WHERE word = 'new'");
    assert_eq!(fixture.ask(&b).await.0.rows.len(), 2, "a row that went to another video");
    psql("DELETE FROM notes WHERE video_id = 'a'");
    assert_eq!(fixture.ask(&a).await.0.rows.len(), 0);
    assert!(fixture.ask(&b).await.1);
    fixture.ask(&all).await;
    psql("DELETE FROM notes WHERE video_id = 'nobody'");
    assert!(fixture.ask(&all).await.1, "nothing was deleted");
    psql("TRUNCATE notes");
    assert_eq!(fixture.ask(&b).await.0.rows.len(), 0);
    let plan = fixture.store.sql().explain(&b.sql).await.unwrap();
    assert_eq!((plan.reads, plan.uncached), (vec!["notes/?1".to_owned()], None));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_writing_is_noticed() {
    let fixture = Fixture::new("ways").await;
    fixture.foreign("CREATE TABLE more (note INT REFERENCES notes ON DELETE CASCADE)").await;
    let all = "SELECT count(*), sum(rank), max(word) FROM notes";
    for write in [
        "COPY notes FROM PROGRAM 'printf \"4\\tc\\t1\\tfour\\n\"'",
        "INSERT INTO notes VALUES (4, 'c', 2, 'x') ON CONFLICT (id) DO UPDATE SET rank = 9",
        "MERGE INTO notes USING (VALUES (1)) v (id) ON notes.id = v.id
         WHEN MATCHED THEN UPDATE SET rank = 77",
        "SET session_replication_role = replica; UPDATE notes SET rank = 12 WHERE id = 1;
         RESET session_replication_role",
        "BEGIN; ALTER TABLE notes DISABLE TRIGGER ALL; UPDATE notes SET rank = 13 WHERE id = 1;
         ALTER TABLE notes ENABLE TRIGGER ALL; COMMIT",
        "ALTER TABLE notes DISABLE TRIGGER rushes_updated; UPDATE notes SET rank = 14 WHERE id = 1",
        "ALTER TABLE notes ALTER rank TYPE BIGINT USING rank + 1",
        "ALTER TABLE notes RENAME video_id TO video; UPDATE notes SET rank = 5 WHERE id = 1",
        "WITH gone AS (DELETE FROM notes WHERE id = 1 RETURNING 1) SELECT * FROM gone",
        "DO $$ BEGIN UPDATE notes SET rank = 19 WHERE id = 2; END $$",
        "BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE notes SET rank = 20 WHERE id = 2; COMMIT",
    ] {
        fixture.hit(all).await;
        assert!(fixture.hit(all).await, "before {write}");
        let query = Query::new(all, SqlParams::NONE);
        let before = fixture.ask(&query).await.0;
        fixture.foreign(write).await;
        let (after, hit) = fixture.ask(&query).await;
        assert!(!hit && after != before, "{write}");
    }
    let more = "SELECT count(*) FROM more";
    fixture.foreign("INSERT INTO more VALUES (2)").await;
    fixture.hit(more).await;
    assert!(fixture.hit(more).await);
    fixture.foreign("DELETE FROM notes WHERE id = 2").await;
    assert!(!fixture.hit(more).await, "a row that went with the one it refers to");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_and_altered_tables_are_watched() {
    let fixture = Fixture::new("altered").await;
    let all = "SELECT * FROM notes";
    for change in [
        "ALTER TABLE notes ADD COLUMN more TEXT",
        "ALTER TABLE notes RENAME more TO less",
        "DROP TABLE notes; CREATE TABLE notes (id SERIAL PRIMARY KEY, video TEXT)",
        "ALTER TABLE notes RENAME TO old; CREATE TABLE notes (id SERIAL)",
        "DROP TRIGGER rushes_inserted ON notes",
        "DROP TABLE notes; CREATE VIEW notes AS SELECT * FROM old",
        "CREATE OR REPLACE VIEW notes AS SELECT * FROM old WHERE id > 0",
    ] {
        fixture.hit(all).await;
        let why = || async { fixture.fingerprint(&Query::new(all, SqlParams::NONE)).await };
        assert!(fixture.hit(all).await, "before {change}: {:?}", why().await);
        fixture.foreign(change).await;
        let table = if change.contains("VIEW") { "old" } else { "notes" };
        fixture.hit(all).await;
        let query = Query::new(all, SqlParams::NONE);
        let before = fixture.ask(&query).await.0;
        let key = if table == "notes" && before.columns.contains(&"rank".to_owned()) {
            "(id) VALUES ((SELECT max(id) + 1 FROM notes))"
        } else {
            "DEFAULT VALUES"
        };
        fixture.foreign(&format!("INSERT INTO {table} {key}")).await;
        let (after, hit) = fixture.ask(&query).await;
        assert!(!hit && after != before, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_hides_another_is_noticed() {
    let fixture = Fixture::new("hidden").await;
    let all = "SELECT count(*) FROM videos";
    fixture.hit(all).await;
    assert!(fixture.hit(all).await);
    fixture.foreign("CREATE TABLE videos (id TEXT); INSERT INTO videos VALUES ('x')").await;
    let query = Query::new(all, SqlParams::NONE);
    assert_eq!(first(&fixture.ask(&query).await.0), &SqlValue::Integer(1));
    assert!(fixture.hit(all).await);
    fixture.foreign("DROP TABLE videos").await;
    assert_eq!(first(&fixture.ask(&query).await.0), &SqlValue::Integer(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_without_a_write_is_not_cached() {
    let fixture = Fixture::new("changing").await;
    fixture
        .foreign(
            "CREATE TYPE mood AS ENUM ('fair'); CREATE TABLE moods (m mood, at TIMESTAMPTZ, t TEXT);
             CREATE FUNCTION peek() RETURNS BIGINT LANGUAGE sql IMMUTABLE
                 AS 'SELECT count(*) FROM notes';
             CREATE VIEW late AS SELECT * FROM moods WHERE at < now();
             CREATE UNLOGGED TABLE light (x INT); CREATE TABLE parent (x INT);
             CREATE TABLE child () INHERITS (parent);
             CREATE MATERIALIZED VIEW kept AS SELECT * FROM notes",
        )
        .await;
    for (sql, why) in [
        ("SELECT random()", "random()"),
        ("SELECT id, now() FROM notes", "now()"),
        ("SELECT CURRENT_DATE", "sqlvaluefunction"),
        ("SELECT current_user", "sqlvaluefunction"),
        ("SELECT * FROM late", "now()"),
        ("SELECT * FROM moods WHERE at > 'yesterday'", "yesterday"),
        ("SELECT t::timestamptz FROM moods", "timestamptz"),
        ("SELECT m FROM moods", "mood"),
        ("SELECT peek()", "peek()"),
        ("SELECT 'notes'::regclass::oid", "regclass"),
        ("SELECT current_setting('TimeZone')", "current_setting()"),
        ("SELECT count(*) FROM pg_class", "no table"),
        ("SELECT count(*) FROM information_schema.tables", "no table"),
        ("SELECT * FROM rushes.library", "no table"),
        ("SELECT * FROM rushes.sql_writes", "no table"),
        ("SELECT * FROM light", "no table"),
        ("SELECT * FROM parent", "no table"),
        ("SELECT * FROM kept", "no table"),
        ("SELECT clock_timestamp()", "clock_timestamp()"),
    ] {
        let found = fixture.why_not(sql).await;
        assert!(found.contains(why), "{sql}: {found}");
    }
    let today = Query::new("SELECT * FROM moods WHERE at > $1", vec!["today"]);
    assert!(matches!(fixture.fingerprint(&today).await, Fingerprint::None(_)));
    for sql in [
        "SELECT 1 + 1, upper('a'), 'x' || 1",
        "SELECT max(rank), string_agg(word, ','), count(*) FROM notes GROUP BY video_id",
        "SELECT id, id FROM notes -- twice",
        "SELECT row_number() OVER (ORDER BY rank) FROM notes",
        "SELECT json_agg(n) FROM notes n",
        "SELECT at::text, extract(epoch FROM at) FROM moods WHERE at > '2026-01-01'",
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT n FROM c",
        "SELECT * FROM generate_series(1, 3)",
        "SELECT data ->> 'text' FROM timeline WHERE video = 'a' AND kind = 'caption'",
        "SELECT CASE WHEN rank > 1 THEN coalesce(word, '-') ELSE greatest(word, 'a') END FROM notes
         WHERE (id, rank) > (0, 0) AND id = ANY (ARRAY[1, 2]) LIMIT 3",
        "VALUES (1, 'a'), (2, 'b')",
    ] {
        fixture.hit(sql).await;
        assert!(fixture.hit(sql).await, "{sql}: {:?}", fixture.store.sql().explain(sql).await);
    }
}

/// The library's own writes, for which no trigger fires, raise what they touch themselves; those of
/// `psql` to its tables count for every video.
#[tokio::test(flavor = "multi_thread")]
async fn writes_to_the_library_drop_what_they_made_untrue() {
    let fixture = Fixture::new("typed").await;
    let store = &fixture.store;
    let video = video("a.mp4");
    let id = video.id.clone();
    let check = async |step: &str| {
        for table in ["videos", "names", "recipes", "runs", "lanes", "entries", "messages"] {
            let all = Query::new(format!("SELECT * FROM {table} ORDER BY 1"), SqlParams::NONE);
            let bare = store.sql().read(&all).await.unwrap();
            assert_eq!(fixture.ask(&all).await.0, bare, "{table} after {step}");
        }
        for view in ["timeline", "conversation"] {
            let sql = format!("SELECT * FROM {view} WHERE video = $1 ORDER BY 1");
            let one = Query::new(sql, vec![id.as_str()]);
            let bare = store.sql().read(&one).await.unwrap();
            assert_eq!(fixture.ask(&one).await.0, bare, "{view} after {step}");
            let other = Query::new(one.sql.clone(), vec!["0011223344556677"]);
            let known = fixture.ask(&other).await.1;
            let wide = step == "nothing" || step.contains("psql");
            let recipe = view == "timeline" && step.contains("run_open");
            assert!(known || wide || recipe, "{view} of another video after {step}");
        }
    };
    check("nothing").await;
    let run = store.run_open(&id, &Recipe::default(), true).await.unwrap();
    check("run_open").await;
    store.run_write(run.id, vec![caption(1.0, "x")]).await.unwrap();
    check("run_write").await;
    store.finish_ingest(&video, run.id, &[], Older::Keep).await.unwrap();
    check("finish_ingest").await;
    store.append(&id, Role::User, "hello").await.unwrap();
    check("append").await;
    store.put_video(&Video { name: "b.mp4".to_owned(), ..video }).await.unwrap();
    check("put_video").await;
    let run = store.run_open(&id, &Recipe::default(), true).await.unwrap();
    check("another run_open").await;
    store.run_write(run.id, vec![NewEntry { end: 3.0, ..caption(1.0, "x") }]).await.unwrap();
    store.run_abort(run.id).await.unwrap();
    check("run_abort").await;
    PostgresServer::shared().psql(fixture.name, "UPDATE rushes.entries SET text = 'y'");
    check("psql").await;
    PostgresServer::shared().psql(fixture.name, "TRUNCATE rushes.messages");
    check("psql that truncates").await;
    store.remove_video(&id).await.unwrap();
    check("remove_video").await;
}

/// Near: own writes at once, others' within the bound, and nothing is asked in between.
#[tokio::test(flavor = "multi_thread")]
async fn near_answers_follow_within_the_bound() {
    let fixture = Fixture::new("near").await;
    let count = Query::new("SELECT count(*) FROM notes", SqlParams::NONE);
    let near = || async { fixture.store.sql().fingerprint(&count, Freshness::Near).await.unwrap() };
    let before = fixture.fingerprint(&count).await;
    PostgresServer::shared().psql("near", "INSERT INTO notes VALUES (9, 'a', 1, 'nine')");
    let written = std::time::Instant::now();
    while near().await == before {
        assert!(written.elapsed() < MINUTE, "it is never seen");
    }
    let titles = Query::new("SELECT count(*) FROM timeline", SqlParams::NONE);
    let ask = || async { fixture.store.sql().fingerprint(&titles, Freshness::Near).await.unwrap() };
    let before = ask().await;
    fixture.store.put_video(&video("near.mp4")).await.unwrap();
    assert_ne!(ask().await, before, "an own write was not seen at once");
}

/// Writers that tell one row each are added up, and no sum changes by that.
#[tokio::test(flavor = "multi_thread")]
async fn what_writers_tell_is_added_up() {
    let fixture = Fixture::new("sums").await;
    let count = Query::new("SELECT count(*) FROM notes", SqlParams::NONE);
    fixture.fingerprint(&count).await;
    let write = "DO $$ BEGIN FOR n IN 100..500 LOOP
                 INSERT INTO notes VALUES (n, 'v' || n % 7, 0, NULL); END LOOP; END $$";
    fixture.foreign(write).await;
    let told = fixture.fingerprint(&count).await;
    let left = || PostgresServer::shared().psql("sums", "SELECT count(*) FROM rushes.sql_writes");
    while left() != "0" {}
    assert_eq!(fixture.fingerprint(&count).await, told);
    let of = Query::new("SELECT count(*) FROM notes WHERE video_id = $1", vec!["v3"]);
    assert_eq!(first(&fixture.ask(&of).await.0), &SqlValue::Integer(58));
}
