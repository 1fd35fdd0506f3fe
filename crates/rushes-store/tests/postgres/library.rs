//! What holds for every library, and for one that several processes open at once.

use std::sync::Arc;

use rushes_store::testing::{Opening, PostgresServer, conformance};
use rushes_store::{
    BlobHash, Change, Error, NewEntry, Older, PostgresOptions, PostgresStore, Recipe, Role, Store,
    Video, VideoId,
};
use serde_json::json;

pub(crate) async fn open(url: &str) -> Result<PostgresStore, Error> {
    PostgresStore::open(url, &PostgresOptions::default()).await
}

pub(crate) fn video(name: &str) -> Video {
    let hash = BlobHash::of(name.as_bytes());
    Video {
        id: VideoId::of(&hash),
        hash,
        name: name.to_owned(),
        path: None,
        media: None,
        size: 1,
        start: 0.0,
        duration: 60.0,
        probe: json!({}),
        thumbnail: None,
        timing: None,
        added: 1.0,
    }
}

pub(crate) fn caption(start: f64, text: &str) -> NewEntry {
    NewEntry {
        kind: "caption".parse().unwrap(),
        start,
        end: start + 1.0,
        estimated: false,
        data: json!({ "text": text }),
        text: Some(text.to_owned()),
        label: None,
        blob: None,
    }
}

pub(crate) async fn fill(store: &dyn Store, video: &Video, entries: Vec<NewEntry>) {
    let run = store.run_open(&video.id, &Recipe::default(), false).await.unwrap();
    store.run_write(run.id, entries).await.unwrap();
    store.run_finish(run.id, &[], Older::Keep).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let server = PostgresServer::shared();
    conformance(&|name| {
        let url = server.database(name);
        let opening: Opening =
            Box::pin(async move { Arc::new(open(&url).await.unwrap()) as Arc<dyn Store> });
        opening
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_database_at_once() {
    let url = PostgresServer::shared().database("at once");
    let all = (0..8).map(|_| tokio::spawn(open_owned(url.clone())));
    for opened in futures::future::join_all(all).await {
        opened.unwrap().unwrap();
    }
    let steps = PostgresServer::shared()
        .psql("at once", "SELECT count(*), max(version) FROM rushes.migrations");
    let latest = open(&url).await.unwrap().facts().await.unwrap()["schema"].as_i64().unwrap();
    assert_eq!(steps, format!("{latest}|{latest}"));
}

async fn open_owned(url: String) -> Result<PostgresStore, Error> {
    open(&url).await
}

#[tokio::test]
async fn refuses_what_is_no_library_or_not_its_own() {
    let server = PostgresServer::shared();
    let foreign = server.database("foreign");
    server.psql("foreign", "CREATE SCHEMA rushes; CREATE TABLE rushes.mine (x int)");
    assert!(matches!(open(&foreign).await, Err(Error::Invalid(why)) if why.contains("schema")));
    assert_eq!(
        server.psql("foreign", "SELECT count(*) FROM pg_tables WHERE schemaname = 'rushes'"),
        "1"
    );

    let url = server.database("altered");
    drop(open(&url).await.unwrap());
    server.psql("altered", "INSERT INTO rushes.migrations VALUES (99, 'later', '')");
    assert!(matches!(open(&url).await, Err(Error::TooNew(_))));
    server.psql("altered", "DELETE FROM rushes.migrations WHERE version = 99");
    drop(open(&url).await.unwrap());
    server.psql("altered", "UPDATE rushes.migrations SET checksum = 'x' WHERE version = 1");
    assert!(matches!(open(&url).await, Err(Error::Corrupt(_))));

    server.psql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    let latin = server.database("altered").replace("altered", "latin");
    assert!(matches!(open(&latin).await, Err(Error::Invalid(why)) if why.contains("UTF8")));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_what_was_damaged() {
    let server = PostgresServer::shared();
    let store = open(&server.database("damaged")).await.unwrap();
    fill(&store, &put(&store, "one.mp4").await, vec![caption(1.0, "a heron")]).await;
    assert_eq!(store.check().await.unwrap(), [""; 0]);
    server.psql(
        "damaged",
        "UPDATE rushes.lanes SET count = 7; UPDATE rushes.entries SET words = '|a|', ends = 99;
         SELECT setval('rushes.entry_ids', 1, false)",
    );
    let problems = store.check().await.unwrap().join("\n");
    for part in ["counts", "times", "words", "given again"] {
        assert!(problems.contains(part), "{part} is not in {problems}");
    }
}

pub(crate) async fn put(store: &dyn Store, name: &str) -> Video {
    let video = video(name);
    store.put_video(&video).await.unwrap();
    video
}

/// Whoever writes by `psql` says nothing of what was touched: every video counts as changed.
#[tokio::test(flavor = "multi_thread")]
async fn writes_by_psql_are_told() {
    let server = PostgresServer::shared();
    let store = open(&server.database("others")).await.unwrap();
    let video = put(&store, "one.mp4").await;
    fill(&store, &video, vec![caption(1.0, "a heron")]).await;
    let everything = [Change::Video(video.id.clone())];
    for sql in [
        "UPDATE rushes.entries SET data = '{\"text\": \"an egret\"}'",
        "INSERT INTO rushes.messages (video, role, content, at) VALUES (1, 'user', '?', 1)",
        "DELETE FROM rushes.entries",
        "TRUNCATE rushes.messages",
        "DELETE FROM rushes.lanes; DELETE FROM rushes.runs; DELETE FROM rushes.videos",
    ] {
        let seen = store.seq().await.unwrap();
        server.psql("others", sql);
        let told = store.changes_since(seen).await.unwrap();
        assert!(told.seq > seen, "{sql}");
        assert_eq!(told.changes, everything, "{sql}");
    }
}

/// A commit that is numbered, but not yet visible, holds up the next one: otherwise a reader could
/// see the later number, and never ask for the earlier commit's changes again.
#[tokio::test(flavor = "multi_thread")]
async fn commits_become_visible_in_the_order_of_their_numbers() {
    let url = PostgresServer::shared().database("order");
    let store = Arc::new(open(&url).await.unwrap());
    let video = put(&*store, "one.mp4").await;
    let (mut slow, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let transaction = slow.transaction().await.unwrap();
    let numbered = "UPDATE rushes.library SET seq = seq + 1 RETURNING seq";
    let number: i64 = transaction.query_one(numbered, &[]).await.unwrap().get(0);
    let other = Arc::clone(&store);
    let id = video.id.clone();
    let later = tokio::spawn(async move { other.append(&id, Role::User, "later").await.unwrap() });
    // Until it waits for the slow one.
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                   AND datname = current_database()";
    while PostgresServer::shared().psql("order", waiting) == "0" {}
    assert_eq!(store.changes_since(1).await.unwrap().seq, 1);
    let tell = "INSERT INTO rushes.generations VALUES ($1, 'entries/caption', $2, 0, 1)";
    transaction.execute(tell, &[&video.id.as_str(), &number]).await.unwrap();
    transaction.commit().await.unwrap();
    let (_, change) = later.await.unwrap();
    assert_eq!(change.seq, 3);
    assert_eq!(store.changes_since(1).await.unwrap().changes.len(), 2);
}
