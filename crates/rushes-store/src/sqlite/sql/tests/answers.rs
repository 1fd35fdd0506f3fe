//! What is cached, for how long, and what is not.

use serde_json::json;

use super::{Fixture, first};
use crate::sql::{Fingerprint, Query, SqlParams, SqlValue};
use crate::store::Store;

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
