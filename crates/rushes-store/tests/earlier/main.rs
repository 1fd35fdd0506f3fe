//! Libraries of earlier releases: each opens, is brought to the present schema, and shows what it
//! showed then. Every schema that was ever released has its file here, which nobody changes.

#![allow(clippy::unwrap_used, reason = "a failed check is a panic")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rushes_store::{
    EntryQuery, Kind, NewEntry, Older, Query, Recipe, SearchQuery, SqliteOptions, SqliteStore,
    Store, VideoId, Window,
};
use serde_json::json;

/// By the schema that each is of, from 1.
const RELEASED: [&str; 2] = [include_str!("sqlite_1.sql"), include_str!("sqlite_2.sql")];

/// Names the library file that the started process opens.
const CHILD: &str = "RUSHES_TEST_EARLIER";

fn made(folder: &Path, number: usize, sql: &str) -> PathBuf {
    let path = folder.join(format!("{number}.db"));
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(sql).unwrap();
    path
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &SqliteOptions::default()).unwrap()
}

fn caption() -> NewEntry {
    NewEntry {
        kind: Kind::new(Kind::CAPTION).unwrap(),
        start: 0.5,
        end: 2.0,
        estimated: false,
        data: json!({"text": "A hand turns the cup"}),
        text: Some("A hand turns the cup".to_owned()),
        label: None,
        blob: None,
    }
}

/// What each of these libraries holds.
async fn assert_shows_all(store: &SqliteStore) {
    let video = store.find("cup.mp4", 2).await.unwrap().pop().unwrap();
    assert_eq!(video.id, VideoId::parse("ae8905629758d04c").unwrap());
    let query = EntryQuery {
        video: video.id.clone(),
        kinds: Vec::new(),
        window: Window::new(Some(100.0), None).unwrap(),
        model: None,
        limit: 10,
        after: None,
    };
    let late = store.entries(&query).await.unwrap().items;
    assert_eq!(late.iter().map(|entry| entry.id).collect::<Vec<_>>(), [4], "a long caption");
    let all = EntryQuery { window: Window::ALL, ..query };
    assert_eq!(store.entries(&all).await.unwrap().items.len(), 5);
    let search = SearchQuery {
        text: Some("turns".to_owned()),
        label: None,
        videos: Vec::new(),
        kinds: Vec::new(),
        window: Window::ALL,
        limit: 10,
        offset: 0,
    };
    let found = store.search(&search).await.unwrap();
    assert_eq!(found.iter().map(|hit| hit.entry.id).collect::<Vec<_>>(), [3]);
    assert_eq!(store.messages(&video.id, 10, 0).await.unwrap().items.len(), 2);
    assert_eq!(store.named(None, 10).await.unwrap().len(), 4);
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_of_every_earlier_schema_opens_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    for (number, sql) in (1..).zip(RELEASED) {
        let path = made(folder.path(), number, sql);
        let store = open(&path);
        assert_shows_all(&store).await;
        let facts = store.facts().await.unwrap();
        assert!(facts["schema"].as_u64() >= Some(RELEASED.len() as u64), "{facts}");
        assert!(store.sql().identity().len() == 32, "{number}");
        let timeline = Query::new("SELECT count(*) FROM timeline", Vec::<i64>::new());
        assert_eq!(store.sql().read(&timeline).await.unwrap().rows, [[5.into()]]);

        // What was taken in then is known now, and ids go on where they were.
        let video = VideoId::parse("ae8905629758d04c").unwrap();
        let recipe = Recipe { params: json!({"source": "c.jsonl"}), ..Recipe::default() };
        let run = store.run_open(&video, &recipe, false).await.unwrap();
        let other = NewEntry { start: 3.0, end: 4.0, ..caption() };
        assert_eq!(store.run_write(run.id, vec![caption(), other]).await.unwrap(), 1);
        let done = store.run_finish(run.id, &[], Older::Keep).await.unwrap();
        assert_eq!((done.added, done.change.seq), (1, 6));
        assert!(store.entry(6).await.unwrap().is_some());
        drop(store);
        assert_eq!(open(&path).check().await.unwrap(), [""; 0]);
    }
}

/// Does nothing unless it was started by another test: opens the library when it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn opening_process() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut word = [0];
    std::io::stdin().read_exact(&mut word).unwrap();
    assert_shows_all(&open(path.as_ref())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_bring_it_up_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path(), 1, RELEASED[0]);
    let start = |_| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "opening_process"])
            .env(CHILD, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut children: Vec<Child> = (0..6).map(start).collect();
    for child in &mut children {
        child.stdin.take().unwrap().write_all(b"!").unwrap();
    }
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let db = rusqlite::Connection::open(&path).unwrap();
    let steps = "SELECT count(*), max(version) FROM migrations";
    let steps: (usize, usize) =
        db.query_row(steps, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(steps.0, steps.1, "each step once");
    assert!(steps.0 >= RELEASED.len());
}
