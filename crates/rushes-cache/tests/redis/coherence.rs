//! Several processes' caches over one Redis: nothing stale, from whichever.

use std::time::Duration;

use bytes::Bytes;
use rushes_cache::{Cache, Entry, Origin, Patience, Redis, RedisOptions, Tier};

use crate::proxy::Proxy;
use crate::server::Server;
use crate::source::{Source, eventually, hears, key, node, video, written};

#[tokio::test(flavor = "multi_thread")]
async fn a_value_loaded_by_one_is_found_by_the_other() {
    let (server, source) = (Server::start(), Source::default());
    let (one, other) = (node(server.tier().await), node(server.tier().await));
    assert_eq!(source.read(&one, "a").await, (0, Origin::Source));
    written(&one, 1).await;
    assert_eq!(source.read(&other, "a").await, (0, Origin::Redis));
    assert_eq!(source.read(&other, "a").await, (0, Origin::Memory));
    assert_eq!(source.loads(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_invalidates_the_others_drop_from_memory() {
    let (server, source) = (Server::start(), Source::default());
    let (one, other) = (node(server.tier().await), node(server.tier().await));
    for round in 1..100 {
        source.read(&one, "a").await;
        source.read(&other, "a").await;
        let version = source.write();
        match round % 3 {
            0 => one.invalidate(&[video()]).await,
            1 => one.remove(&key("a")).await,
            _ => one.invalidate_namespace("captions").await,
        }
        assert_eq!(source.read(&one, "a").await.0, version, "round {round}: stale where written");
        let follows = async || source.read(&other, "a").await.0 == version;
        eventually("the other's new value", follows).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_that_began_before_anothers_invalidation_is_never_found() {
    let (server, source) = (Server::start(), Source::default());
    let late = server.tier().await;
    let one = node(server.tier().await);
    source.read(&one, "a").await;
    let wanted = [video()];
    let (stamp, _) = late.look(&key("a"), &wanted).await.unwrap();
    let version = source.write();
    one.invalidate(&wanted).await;
    let old = Entry::new(Some(Bytes::from(0u32.to_be_bytes().to_vec())));
    late.put(&key("a"), &old, &stamp).await.unwrap();
    assert_eq!(late.get(&key("a")).await.unwrap(), None);
    let fresh = node(server.tier().await);
    assert_eq!(source.read(&fresh, "a").await, (version, Origin::Source));
    // Nor does it displace what came after.
    written(&fresh, 1).await;
    late.put(&key("a"), &old, &stamp).await.unwrap();
    assert_eq!(source.read(&node(server.tier().await), "a").await, (version, Origin::Redis));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_redis_lost_revives_nothing() {
    let (server, source) = (Server::start(), Source::default());
    let one = node(server.tier().await);
    source.read(&one, "a").await;
    written(&one, 1).await;
    let version = source.write();
    one.invalidate(&[video()]).await;
    // As an eviction by memory pressure does.
    let mut plain = server.plain();
    let names: Vec<String> = redis::cmd("KEYS").arg("rushes:*g:*").query(&mut plain).unwrap();
    assert!(!names.is_empty());
    redis::cmd("DEL").arg(&names).exec(&mut plain).unwrap();
    assert_eq!(source.read(&node(server.tier().await), "a").await, (version, Origin::Source));
}

/// A cache behind a wire, that may serve what it has however long it hears nothing.
async fn behind(proxy: &Proxy, options: RedisOptions) -> Cache {
    let tier = Redis::open(&proxy.url(), options).unwrap();
    tier.connected().await.unwrap();
    node(tier)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_behind_a_cut_wire_is_replayed() {
    let (server, source) = (Server::start(), Source::default());
    let proxy = Proxy::to(server.port).await;
    let one = node(server.tier().await);
    let other = behind(&proxy, RedisOptions { deaf: None, ..RedisOptions::default() }).await;
    hears(&other, &one).await;
    source.read(&other, "a").await;
    source.read(&other, "b").await;
    eventually("memory", async || source.read(&other, "a").await.1 == Origin::Memory).await;
    proxy.sever();
    let version = source.write();
    one.remove(&key("a")).await;
    assert_eq!(source.read(&other, "a").await, (0, Origin::Memory), "nothing could be heard");
    proxy.mend();
    eventually("the replay", async || source.read(&other, "a").await.0 == version).await;
    assert_eq!(source.read(&other, "b").await, (0, Origin::Memory), "only what was meant went");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_is_handed_over_before_redis_is_read_again() {
    let (server, source) = (Server::start(), Source::default());
    let proxy = Proxy::to(server.port).await;
    let silent = || RedisOptions { deaf: None, ..RedisOptions::default() };
    let tier = Redis::open(&proxy.url(), silent()).unwrap();
    tier.connected().await.unwrap();
    // Without memory, so that each read looks into Redis.
    let one = Cache::builder().tier(tier).build();
    let other = node(server.tier_with(silent()).await);
    hears(&other, &one).await;
    for round in 0..10 {
        let found = async || {
            source.read(&one, "a").await;
            source.read(&node(server.tier().await), "a").await.1 == Origin::Redis
        };
        eventually("a record in Redis", found).await;
        source.read(&other, "a").await;
        proxy.sever();
        let version = source.write();
        one.invalidate(&[video()]).await;
        proxy.mend();
        if round % 2 == 0 {
            // The old record is there until Redis is told.
            let read_again = async || {
                let (read, origin) = source.read(&one, "a").await;
                assert_eq!(read, version, "{origin:?} answered with what was invalidated");
                one.owes_nothing()
            };
            eventually("the payment", read_again).await;
        }
        // Nobody else knows of the write but by the log.
        eventually("the log", async || source.read(&other, "a").await.0 == version).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_no_longer_reaches_back_makes_everything_suspect() {
    let (server, source) = (Server::start(), Source::default());
    let proxy = Proxy::to(server.port).await;
    let short = || RedisOptions { deaf: None, log: 10, ..RedisOptions::default() };
    let one = node(server.tier_with(short()).await);
    let other = behind(&proxy, short()).await;
    hears(&other, &one).await;
    for id in ["a", "b"] {
        source.read(&other, id).await;
        eventually("memory", async || source.read(&other, id).await.1 == Origin::Memory).await;
    }
    proxy.sever();
    let version = source.write();
    one.remove(&key("a")).await;
    for _ in 0..400 {
        one.remove(&key("unrelated")).await;
    }
    let mut plain = server.plain();
    let kept: usize = redis::cmd("XLEN").arg("rushes:{log}").query(&mut plain).unwrap();
    assert!(kept < 300, "the log still has {kept} lines: nothing is tested");
    proxy.mend();
    eventually("the new value", async || source.read(&other, "a").await.0 == version).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_nothing_serves_nothing_old() {
    let (server, source) = (Server::start(), Source::default());
    let proxy = Proxy::to(server.port).await;
    let bound = Duration::from_millis(300);
    let one = node(server.tier().await);
    let other = behind(&proxy, RedisOptions { deaf: Some(bound), ..Default::default() }).await;
    source.read(&other, "a").await;
    eventually("memory", async || source.read(&other, "a").await.1 == Origin::Memory).await;
    proxy.cut();
    for _ in 0..3 {
        let version = source.write();
        one.invalidate(&[video()]).await;
        eventually("the new value", async || source.read(&other, "a").await.0 == version).await;
    }
    proxy.mend();
    eventually("memory", async || {
        source.read(&other, "a").await;
        tokio::time::sleep(bound * 2).await;
        source.read(&other, "a").await.1 == Origin::Memory
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_load_a_key_once() {
    let (server, source) = (Server::start(), Source::default());
    // Nothing but the lease is tested: a busy machine is not to look like a slow Redis.
    let patience = Patience { budget: Duration::from_secs(20), ..Patience::default() };
    let node = async || {
        let options = RedisOptions { lease: patience.budget, ..RedisOptions::default() };
        Cache::builder().patient_tier(server.tier_with(options).await, patience).build()
    };
    let (one, other) = (node().await, node().await);
    for round in 1..50 {
        let id = format!("{round}");
        let (first, second) = tokio::join!(slow(&source, &one, &id), slow(&source, &other, &id));
        assert_eq!((first, second), (0, 0));
        assert_eq!(source.loads(), round, "both loaded {id}");
    }
}

/// A read whose load takes its time.
async fn slow(source: &Source, cache: &Cache, id: &str) -> u32 {
    let source = source.clone();
    let load = move || async move {
        let version = source.load_slowly(Duration::from_millis(20)).await;
        Ok(rushes_cache::Loaded { bytes: Some(version), ttl: None })
    };
    let fetched = cache.get_or_load(&key(id), &[video()], load).await.unwrap();
    crate::source::version(&fetched).0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_whose_holder_died_holds_nobody_for_long() {
    let (server, source) = (Server::start(), Source::default());
    let dying = server.tier().await;
    let (stamp, _) = dying.look(&key("a"), &scopes_of("captions")).await.unwrap();
    let wanted = [(key("a"), stamp)];
    assert!(dying.claim(&wanted).await.unwrap()[0].is_some());
    assert_eq!(dying.claim(&wanted).await.unwrap(), [None], "it is held");
    let begin = std::time::Instant::now();
    assert_eq!(source.read(&node(server.tier().await), "a").await, (0, Origin::Source));
    let waited = begin.elapsed();
    assert!(waited > Duration::from_millis(500), "{waited:?}: the lease was not respected");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

/// All scopes that an entry of the test's video has.
pub(crate) fn scopes_of(namespace: &str) -> Vec<rushes_cache::Scope> {
    use rushes_cache::Scope;
    vec![Scope::new("\0everything"), Scope::new(format!("\0namespace/{namespace}")), video()]
}
