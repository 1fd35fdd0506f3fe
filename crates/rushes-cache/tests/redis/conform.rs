//! The promises that every tier keeps, and names that do not get in each other's way.

use bytes::Bytes;
use rushes_cache::testing::{FaultyTier, conformance};
use rushes_cache::{Clock, Entry, Key, Redis, RedisOptions, Scope, Tier};

use crate::server::Server;

async fn tier(server: &Server, prefix: &str, clock: &Clock) -> Redis {
    let options = RedisOptions { prefix: prefix.to_owned(), ..RedisOptions::default() };
    let tier = Redis::open_with(&server.url(), options, clock.clone()).unwrap();
    tier.connected().await.unwrap();
    tier
}

#[tokio::test]
async fn the_redis_tier_conforms() {
    let (server, clock) = (Server::start(), Clock::manual());
    conformance(&tier(&server, "one:", &clock).await, &clock).await.unwrap();
    // The same keys under another prefix are other keys.
    let other = FaultyTier::new(tier(&server, "two:", &clock).await);
    conformance(&other, &clock).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_names_have_the_prefix_and_an_end() {
    let (server, clock) = (Server::start(), Clock::manual());
    let tier = tier(&server, "mine:", &clock).await;
    let (key, scopes) = (Key::new("n", "video/1/a"), [Scope::path(["video", "1"])]);
    let stamp = tier.stamp(&key, &scopes).await.unwrap();
    tier.put(&key, &Entry::new(Some(Bytes::from("x"))), &stamp).await.unwrap();
    tier.invalidate(&scopes).await.unwrap();
    tier.remove(&key).await.unwrap();
    assert!(tier.claim(&[(key, stamp)]).await.unwrap()[0].is_some());
    let mut plain = server.plain();
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut plain).unwrap();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        assert!(name.starts_with("mine:{"), "{name}");
        let left: i64 = redis::cmd("PTTL").arg(&name).query(&mut plain).unwrap();
        assert!(left > 0 || name == "mine:{log}", "{name} would stay for good");
    }
}

#[tokio::test]
async fn garbage_under_a_records_name_is_a_miss_and_counted() {
    let (server, clock) = (Server::start(), Clock::manual());
    let tier = tier(&server, "mine:", &clock).await;
    let (key, scopes) = (Key::new("n", "video/1/a"), [Scope::path(["video", "1"])]);
    let stamp = tier.stamp(&key, &scopes).await.unwrap();
    tier.put(&key, &Entry::new(Some(Bytes::from("x"))), &stamp).await.unwrap();
    let mut plain = server.plain();
    let names: Vec<String> = redis::cmd("KEYS").arg("mine:*v:*").query(&mut plain).unwrap();
    let [name] = &names[..] else { panic!("{names:?}") };
    let record: Vec<u8> = redis::cmd("GET").arg(name).query(&mut plain).unwrap();
    let mut flipped = record.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for garbage in [&flipped[..], &record[1..], b"RUSHENT1 of an older release", b""] {
        redis::cmd("SET").arg(name).arg(garbage).exec(&mut plain).unwrap();
        let (_, found) = tier.look(&key, &scopes).await.unwrap();
        assert_eq!((found, tier.get(&key).await.unwrap()), (None, None), "{garbage:?}");
    }
    assert!(tier.stats().corrupt >= 4, "{:?}", tier.stats());
    redis::cmd("SET").arg(name).arg(&record).exec(&mut plain).unwrap();
    assert!(tier.get(&key).await.unwrap().is_some(), "the record itself was fine");
}
