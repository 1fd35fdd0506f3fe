//! Redis that is away, slow, empty, old or not to be written to: a miss and a counter.

use std::time::{Duration, Instant};

use rushes_cache::{Origin, Redis, RedisOptions, Tier};

use crate::server::{Server, free_port};
use crate::source::{Source, eventually, hears, key, node, video, written};

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_comes_later_is_found() {
    let (port, source) = (free_port(), Source::default());
    let url = format!("redis://127.0.0.1:{port}");
    let cache = node(Redis::open(&url, RedisOptions::default()).unwrap());
    let begin = Instant::now();
    for n in 0..50 {
        assert_eq!(source.read(&cache, &n.to_string()).await.1, Origin::Source);
    }
    assert!(begin.elapsed() < Duration::from_secs(2), "it was waited for: {:?}", begin.elapsed());
    assert!(cache.stats().tiers[0].1.errors > 0, "{:?}", cache.stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_was_killed_and_comes_back_empty_serves_nothing_old() {
    let (mut server, source) = (Server::start(), Source::default());
    let (one, other) = (node(server.tier().await), node(server.tier().await));
    for round in 0..3 {
        source.read(&one, "a").await;
        source.read(&other, "a").await;
        server.kill();
        let version = source.write();
        one.invalidate(&[video()]).await;
        assert_eq!(source.read(&one, "a").await.0, version, "stale while Redis is away");
        server.restart();
        let follows = async || source.read(&other, "a").await.0 == version;
        eventually("the other's new value", follows).await;
        let id = format!("fresh {round}");
        let back = async || {
            source.read(&one, &id).await;
            source.read(&node(server.tier().await), &id).await.1 == Origin::Redis
        };
        let took = eventually("a hit in Redis", back).await;
        assert!(took < Duration::from_secs(5), "hits came back after {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_comes_back_with_an_old_file_serves_nothing_from_it() {
    let mut server = Server::start_with(&[]);
    let source = Source::default();
    let one = node(server.tier().await);
    source.read(&one, "a").await;
    written(&one, 1).await;
    redis::cmd("SAVE").exec(&mut server.plain()).unwrap();
    assert!(server.file().exists());
    let version = source.write();
    one.invalidate(&[video()]).await;
    // What was acknowledged since the file was written is lost.
    server.kill();
    server.restart();
    let names: Vec<String> = redis::cmd("KEYS").arg("*v:*").query(&mut server.plain()).unwrap();
    assert_eq!(names.len(), 1, "the old record is not there: nothing is tested");
    assert_eq!(source.read(&node(server.tier().await), "a").await, (version, Origin::Source));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stands_still_is_a_miss_within_its_budget() {
    let (server, source) = (Server::start(), Source::default());
    // The other one goes by nothing but what it hears.
    let options = RedisOptions { deaf: None, ..RedisOptions::default() };
    let (one, other) = (node(server.tier().await), node(server.tier_with(options).await));
    hears(&other, &one).await;
    source.read(&one, "a").await;
    source.read(&other, "a").await;
    server.pause();
    let version = source.write();
    let begin = Instant::now();
    one.invalidate(&[video()]).await;
    assert_eq!(source.read(&one, "a").await, (version, Origin::Source));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let reads = (0..200).map(|n| {
        let (source, one) = (source.clone(), one.clone());
        tokio::spawn(async move { source.read(&one, &format!("{n}")).await })
    });
    for read in reads.collect::<Vec<_>>() {
        assert_eq!(read.await.unwrap(), (version, Origin::Source));
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "a pile-up: {:?}", begin.elapsed());
    server.resume();
    eventually("the debt", async || source.read(&other, "a").await.0 == version).await;
    let back = async || {
        source.read(&one, "later").await;
        source.read(&node(server.tier().await), "later").await.1 == Origin::Redis
    };
    let took = eventually("a hit in Redis", back).await;
    assert!(took < Duration::from_secs(5), "hits came back after {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_miss_and_told_to_nobody() {
    let (server, source) = (Server::start_with(&["--requirepass", "right"]), Source::default());
    let url = format!("redis://:wr0ng-secret@127.0.0.1:{}", server.port);
    let tier = Redis::open(&url, RedisOptions::default()).unwrap();
    let asked = async || tier.get(&key("a")).await.unwrap_err().to_string();
    eventually("the refusal", async || asked().await.contains("authentication")).await;
    let told = format!("{} {tier:?}", asked().await);
    assert!(!told.contains("wr0ng-secret"), "{told}");
    assert_eq!(source.read(&node(tier), "a").await, (0, Origin::Source));
    let url = url.replace("wr0ng-secret", "right");
    let tier = Redis::open(&url, RedisOptions::default()).unwrap();
    tier.connected().await.unwrap();
    assert_eq!(tier.get(&key("a")).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_left_alone() {
    let main = Server::start();
    let replica =
        Server::start_with(&["--save", "", "--replicaof", "127.0.0.1", &main.port.to_string()]);
    let tier = Redis::open(&replica.url(), RedisOptions::default()).unwrap();
    let refused =
        async || tier.get(&key("a")).await.is_err_and(|e| e.to_string().contains("replica"));
    eventually("the refusal", refused).await;
    // It takes the other's place.
    redis::cmd("REPLICAOF").arg("NO").arg("ONE").exec(&mut replica.plain()).unwrap();
    tier.connected().await.unwrap();
    assert_eq!(tier.get(&key("a")).await.unwrap(), None);
}
