//! Libraries over a Redis that processes share.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use self::server::Server;
use crate::config::Settings;
use crate::engine::Rushes;
use crate::import::ImportOptions;
use crate::read::grid::tests::video;
use crate::read::{EntriesRequest, Tier};

#[expect(dead_code, reason = "the cache's own tests do more with it")]
#[path = "../../../rushes-cache/tests/redis/server.rs"]
mod server;

/// A handle as another process would have it; what others commit it looks for only once.
async fn open(folder: &Path, redis: Option<&Server>) -> Rushes {
    let settings = Settings {
        redis: redis.map(|server| server.url().as_str().into()),
        staleness: Duration::from_secs(3600),
        ..Settings::library(folder)
    };
    let library = Rushes::open(settings).await.unwrap();
    if redis.is_some() {
        // In step with the store; it does so by itself a moment later.
        while super::step(&library.inner).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    library
}

async fn with_video(folder: &TempDir, redis: Option<&Server>) -> Rushes {
    let library = open(folder.path(), redis).await;
    library.inner.store.put_video(&video(5.0, 30.0)).await.unwrap();
    library.catch_up().await.unwrap();
    library
}

async fn import(library: &Rushes, text: &str) {
    let line = format!("{{\"start\":6,\"end\":7,\"text\":\"{text}\"}}\n");
    let options = ImportOptions {
        kind: Some("caption".to_owned()),
        replace: true,
        model: text.to_owned(),
        ..Default::default()
    };
    library.import_bytes("a.mp4", line.into(), options).await.unwrap();
}

/// The text of the newest caption, and who answered.
async fn read(library: &Rushes) -> (String, Tier) {
    let request = EntriesRequest {
        video: "a.mp4".to_owned(),
        kinds: vec!["caption".to_owned()],
        limit: Some(10),
        ..Default::default()
    };
    let page = library.entries(&request).await.unwrap();
    let newest = page.items.iter().max_by_key(|entry| entry.id).unwrap();
    (newest.data["text"].as_str().unwrap().to_owned(), page.served.tier)
}

async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(std::time::Instant::now() < until, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_what_they_read_and_follow_each_others_writes() {
    let (server, folder) = (Server::start(), TempDir::new().unwrap());
    let one = with_video(&folder, Some(&server)).await;
    import(&one, "first").await;
    assert_eq!(read(&one).await, ("first".to_owned(), Tier::Store));
    let shared = async || {
        let other = open(folder.path(), Some(&server)).await;
        read(&other).await == ("first".to_owned(), Tier::Redis)
    };
    eventually("a hit in Redis", shared).await;
    let other = open(folder.path(), Some(&server)).await;
    read(&other).await;
    import(&one, "second").await;
    assert_eq!(read(&one).await.0, "second");
    // It does not look at the store for an hour: the log tells it.
    eventually("the other's", async || read(&other).await.0 == "second").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_while_nobody_told_redis_is_told_at_the_next_start() {
    let (server, folder) = (Server::start(), TempDir::new().unwrap());
    let one = with_video(&folder, Some(&server)).await;
    import(&one, "first").await;
    read(&one).await;
    let shared = async || read(&open(folder.path(), Some(&server)).await).await.1 == Tier::Redis;
    eventually("a hit in Redis", shared).await;
    drop(one);
    // As one that died between commit and invalidation, or does not know of Redis.
    let unaware = open(folder.path(), None).await;
    import(&unaware, "second").await;
    let next = open(folder.path(), Some(&server)).await;
    assert_eq!(read(&next).await.0, "second", "Redis answered with what it was not told of");
    // And when the mark is lost, everything is.
    import(&unaware, "third").await;
    let mut plain = server.plain();
    let names: Vec<String> = redis::cmd("KEYS").arg("*mark").query(&mut plain).unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    redis::cmd("DEL").arg(&names).exec(&mut plain).unwrap();
    assert_eq!(read(&open(folder.path(), Some(&server)).await).await.0, "third");
}

#[tokio::test(flavor = "multi_thread")]
async fn libraries_on_one_redis_know_nothing_of_each_other() {
    let server = Server::start();
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let one = with_video(&first, Some(&server)).await;
    import(&one, "mine").await;
    read(&one).await;
    let shared = async || read(&open(first.path(), Some(&server)).await).await.1 == Tier::Redis;
    eventually("a hit in Redis", shared).await;
    let other = with_video(&second, Some(&server)).await;
    import(&other, "yours").await;
    assert_eq!((read(&one).await.0, read(&other).await.0), ("mine".to_owned(), "yours".to_owned()));
}

#[tokio::test]
async fn a_token_shows_a_write_to_who_would_not_have_looked() {
    let folder = TempDir::new().unwrap();
    let one = with_video(&folder, None).await;
    import(&one, "first").await;
    let other = open(folder.path(), None).await;
    assert_eq!(read(&other).await.0, "first");
    import(&one, "second").await;
    assert_eq!(read(&other).await.0, "first", "it looked by itself: nothing is tested");
    other.after(&one.token().await.unwrap()).await.unwrap();
    assert_eq!(read(&other).await.0, "second");

    let strange = with_video(&TempDir::new().unwrap(), None).await;
    let refused = other.after(&strange.token().await.unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), crate::ErrorKind::Invalid, "{refused}");
    for wrong in ["", "-", "x-1", "0"] {
        assert!(other.after(wrong).await.is_err(), "{wrong:?}");
    }
    let future = one.token().await.unwrap() + "000";
    assert_eq!(other.after(&future).await.unwrap_err().kind(), crate::ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_password_is_shown_by_no_setting_and_no_error() {
    let settings = Settings { redis: Some("redis://:s3cret@".into()), ..Settings::library("x") };
    assert!(!format!("{settings:?}").contains("s3cret"));
    let folder = TempDir::new().unwrap();
    let settings = Settings { library: folder.path().to_owned(), ..settings };
    let error = Rushes::open(settings).await.unwrap_err();
    assert!(error.to_string().contains("redis") && !format!("{error:?}").contains("s3cret"));
}
