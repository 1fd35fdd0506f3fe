//! Whoever shows a token reads nothing from before it, on any node.

use std::time::Duration;

use rushes_cache::{Cache, Loaded, Origin, Redis, RedisOptions, Token};

use crate::proxy::Proxy;
use crate::server::Server;
use crate::source::{Source, eventually, hears, key, node, version, video};

const AT_MOST: Duration = Duration::from_millis(200);

async fn read_after(source: &Source, cache: &Cache, token: &Token) -> (u32, Origin) {
    let source = source.clone();
    let load = move || async move {
        let bytes = source.load_slowly(Duration::ZERO).await;
        Ok(Loaded { bytes: Some(bytes), ttl: None })
    };
    let read = cache.get_or_load_after(token, AT_MOST, &key("a"), &[video()], load).await;
    version(&read.unwrap())
}

/// The token as another process gets it.
fn handed_over(cache: &Cache) -> Token {
    cache.token().to_string().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_with_a_token_sees_the_write_at_once() {
    let (server, source) = (Server::start(), Source::default());
    let (one, other) = (node(server.tier().await), node(server.tier().await));
    for _ in 0..200 {
        source.read(&other, "a").await;
        let version = source.write();
        one.invalidate(&[video()]).await;
        assert_eq!(read_after(&source, &other, &handed_over(&one)).await.0, version);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_hear_reads_past_its_caches_for_a_token() {
    let (server, source) = (Server::start(), Source::default());
    let proxy = Proxy::to(server.port).await;
    let options = RedisOptions { deaf: None, ..RedisOptions::default() };
    let tier = Redis::open(&proxy.url(), options).unwrap();
    tier.connected().await.unwrap();
    let (one, other) = (node(server.tier().await), node(tier));
    hears(&other, &one).await;
    source.read(&other, "a").await;
    eventually("memory", async || source.read(&other, "a").await.1 == Origin::Memory).await;
    proxy.cut();
    let version = source.write();
    one.invalidate(&[video()]).await;
    let token = handed_over(&one);
    assert_eq!(source.read(&other, "a").await.0, 0, "it could not hear: nothing is tested");
    assert_eq!(read_after(&source, &other, &token).await, (version, Origin::Source));
    proxy.mend();
    eventually("the replay", async || other.knows(&token, AT_MOST).await).await;
    assert_eq!(read_after(&source, &other, &token).await.0, version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_who_could_not_tell_others_is_known_to_nobody_else() {
    let (server, source) = (Server::start(), Source::default());
    let (one, other) = (node(server.tier().await), node(server.tier().await));
    source.read(&other, "a").await;
    server.pause();
    let version = source.write();
    one.invalidate(&[video()]).await;
    let token = handed_over(&one);
    assert!(one.knows(&token, AT_MOST).await && !other.knows(&token, AT_MOST).await);
    assert_eq!(read_after(&source, &other, &token).await, (version, Origin::Source));
    server.resume();
}

#[tokio::test]
async fn without_a_shared_tier_a_token_is_known_where_it_was_given() {
    let (cache, source) = (Cache::builder().memory(1 << 20).build(), Source::default());
    source.read(&cache, "a").await;
    let version = source.write();
    cache.invalidate(&[video()]).await;
    assert_eq!(read_after(&source, &cache, &handed_over(&cache)).await.0, version);
    assert!(!cache.knows(&"1700000000000-7".parse().unwrap(), AT_MOST).await);
}
