//! A cluster of three primaries, and a pair watched by a sentinel.

use std::process::Command;
use std::time::Duration;

use rushes_cache::testing::conformance;
use rushes_cache::{Clock, Origin, Redis, RedisOptions, Scope};

use crate::server::{Server, wait_for};
use crate::source::{Source, eventually, key, node, video, written};

/// Three primaries that share the slots.
pub(crate) struct Cluster(pub(crate) Vec<Server>);

impl Cluster {
    pub(crate) fn start() -> Self {
        let flags = ["--cluster-enabled", "yes", "--save", "", "--cluster-node-timeout", "2000"];
        let servers: Vec<Server> = (0..3).map(|_| Server::start_with(&flags)).collect();
        let members = servers.iter().map(|server| format!("127.0.0.1:{}", server.port));
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(members)
            .arg("--cluster-yes")
            .output()
            .expect("redis-cli is needed: scripts/setup.sh installs it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let cluster = Self(servers);
        cluster.await_whole();
        cluster
    }

    /// Waits until all members agree that all slots are served.
    pub(crate) fn await_whole(&self) {
        for server in &self.0 {
            wait_for("the whole cluster", || {
                let client = redis::Client::open(server.url()).ok()?;
                let mut plain = client.get_connection().ok()?;
                let facts: String = redis::cmd("CLUSTER").arg("INFO").query(&mut plain).ok()?;
                facts.contains("cluster_state:ok").then_some(())
            });
        }
    }

    pub(crate) fn url(&self) -> String {
        let hosts = self.0.iter().map(|server| format!("127.0.0.1:{}", server.port));
        format!("redis://{}", hosts.collect::<Vec<_>>().join(","))
    }

    async fn tier(&self, clock: Clock) -> Redis {
        let tier = Redis::open_with(&self.url(), RedisOptions::default(), clock).unwrap();
        tier.connected().await.unwrap();
        tier
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_conforms_and_goes_on_without_a_member() {
    let (mut cluster, clock) = (Cluster::start(), Clock::manual());
    conformance(&cluster.tier(clock.clone()).await, &clock).await.unwrap();
    let spread: Vec<u64> = cluster.0.iter().map(size).collect();
    assert!(spread.iter().all(|keys| *keys > 5), "not spread over the members: {spread:?}");

    let source = Source::default();
    let one = node(cluster.tier(Clock::system()).await);
    let other = node(cluster.tier(Clock::system()).await);
    let ids: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    for id in &ids {
        source.read(&one, id).await;
    }
    written(&one, 30).await;
    for id in &ids {
        assert_eq!(source.read(&other, id).await, (0, Origin::Redis), "{id}");
    }
    let version = source.write();
    one.invalidate(&[video()]).await;
    assert_eq!(source.read(&one, "0").await.0, version);
    eventually("the other's", async || source.read(&other, "0").await.0 == version).await;

    // One member dies: what it had is a miss, and nobody fails or reads anything old.
    cluster.0[1].kill();
    let version = source.write();
    one.invalidate(&[video(), Scope::path(["video", "43"])]).await;
    for id in &ids {
        assert_eq!(source.read(&one, id).await.0, version);
    }
    cluster.0[1].restart();
    cluster.await_whole();
    eventually("the other's", async || source.read(&other, "1").await.0 == version).await;
    let back = async || {
        source.read(&one, "later").await;
        let fresh = node(cluster.tier(Clock::system()).await);
        source.read(&fresh, "later").await.1 == Origin::Redis
    };
    eventually("a hit in the cluster", back).await;
}

fn size(server: &Server) -> u64 {
    redis::cmd("DBSIZE").query(&mut server.plain()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_by_a_sentinels_order_is_followed() {
    let mut main = Server::start();
    let copy =
        Server::start_with(&["--save", "", "--replicaof", "127.0.0.1", &main.port.to_string()]);
    let linked = || facts(&copy, "replication").contains("master_link_status:up").then_some(());
    wait_for("the copy", linked);
    let sentinel = Server::start_sentinel(&main);
    // It looks for copies seldom, and chooses only among those that it knows.
    let known = || facts(&sentinel, "sentinel").contains("slaves=1").then_some(());
    wait_for("the copy's being known", known);
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port);
    let tier = Redis::open(&url, RedisOptions::default()).unwrap();
    tier.connected().await.unwrap();
    let (cache, source) = (node(tier), Source::default());
    source.read(&cache, "a").await;
    written(&cache, 1).await;
    wait_for("the copied record", || (size(&copy) == size(&main)).then_some(()));
    main.kill();
    let version = source.write();
    cache.invalidate(&[video()]).await;
    assert_eq!(source.read(&cache, "a").await.0, version);
    // The copy has the old record; nothing of another life is trusted.
    let taken = || facts(&copy, "replication").contains("role:master").then_some(());
    wait_for("the take-over", taken);
    let fresh = node(Redis::open(&url, RedisOptions::default()).unwrap());
    for _ in 0..50 {
        assert_eq!(source.read(&fresh, "a").await.0, version, "the copy's old record was served");
        fresh.remove(&key("a")).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    eventually("a put", async || {
        source.read(&cache, "b").await;
        cache.remove(&key("b")).await;
        cache.stats().tiers[0].1.puts > 1
    })
    .await;
}

/// What a server says of itself; nothing when it drops its connections, as one does that takes over.
fn facts(server: &Server, section: &str) -> String {
    redis::cmd("INFO").arg(section).query(&mut server.plain()).unwrap_or_default()
}
