//! The Redis tier against bare commands of the same client, on a server of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use rushes_cache::{Cache, Fetched, Key, Loaded, Origin, Redis, RedisOptions, Scope, Wanted};
use tempfile::TempDir;

use crate::figure::{Figure, Goal, Report, median};

const LOOKS: usize = 3_000;
const RUNS: usize = 7;
const MANY: usize = 100;
/// Invalidations whose way to another process is timed.
const TOLD: usize = 2_000;

/// A hit of 2 KB and of 20 KB through the whole cache, generations checked, beside a bare GET.
pub(crate) fn l2_hit(report: &mut Report) -> Result<()> {
    runtime()?.block_on(async {
        let server = Server::start().await?;
        for (name, bytes) in [("cache.l2_hit", 2 << 10), ("cache.l2_hit_20k", 20 << 10)] {
            let (value, peer) = server.hits(bytes).await?;
            report.add(&Figure {
                name,
                value,
                peer,
                unit: "us",
                goal: Goal::AtMost(1.3),
                against: "a GET through the same client".to_owned(),
            });
        }
        Ok(())
    })
}

/// 100 keys in one batch beside one key, and beside a bare MGET of as many values.
pub(crate) fn l2_multi(report: &mut Report) -> Result<()> {
    runtime()?.block_on(async {
        let server = Server::start().await?;
        let Batches { many, one, bare } = server.batches().await?;
        let beside =
            [("cache.l2_multi", one, "one key"), ("cache.l2_multi_mget", bare, "a bare MGET")];
        for (name, peer, against) in beside {
            report.add(&Figure {
                name,
                value: many,
                peer,
                unit: "us",
                goal: Goal::AtMost(2.5),
                against: against.to_owned(),
            });
        }
        Ok(())
    })
}

/// How long after Redis was killed and came back empty values are found in it again.
pub(crate) fn recovery(report: &mut Report) -> Result<()> {
    runtime()?.block_on(async {
        let mut server = Server::start().await?;
        let cache = server.cache().await?;
        let keys: Vec<Key> = (0..MANY).map(key).collect();
        server.fill(&cache, &keys, 2 << 10).await?;
        let mut took = Vec::new();
        for _ in 0..3 {
            server.restart().await?;
            let back = Instant::now();
            while hit_ratio(&cache, &keys).await? < 0.95 {
                if back.elapsed() > Duration::from_secs(30) {
                    bail!("the hits did not come back within 30 s");
                }
            }
            took.push(back.elapsed().as_secs_f64());
        }
        report.add(&Figure {
            name: "cache.recovery",
            value: median(took),
            peer: 5.0,
            unit: "s",
            goal: Goal::AtMost(1.0),
            against: "5 s after Redis answers again".to_owned(),
        });
        Ok(())
    })
}

/// How long after an invalidation began it is out of another node's memory, at p99.
pub(crate) fn propagation(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start().await?;
        let (one, other) = (server.node().await?, server.node().await?);
        let mut took = Vec::with_capacity(TOLD);
        for number in 0..TOLD {
            let key = key(number % MANY);
            while other.peek(&key).is_none() {
                fetch(&other, &key, 2 << 10).await?;
            }
            let start = Instant::now();
            one.remove(&key).await;
            while other.peek(&key).is_some() {
                tokio::task::yield_now().await;
            }
            took.push(start.elapsed().as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        report.add(&Figure {
            name: "cache.propagation",
            value: took.get(TOLD * 99 / 100).copied().unwrap_or(f64::INFINITY),
            peer: 100.0,
            unit: "ms",
            goal: Goal::AtMost(1.0),
            against: "100 ms at p99 until another node's memory follows".to_owned(),
        });
        Ok(())
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn key(number: usize) -> Key {
    Key::new("captions", format!("video/42/{number}"))
}

fn scopes() -> Vec<Scope> {
    vec![Scope::path(["video", "42"]), Scope::path(["video", "42", "captions"])]
}

/// Looks all keys up one after the other; how many Redis answered.
async fn hit_ratio(cache: &Cache, keys: &[Key]) -> Result<f64> {
    let mut hits = 0;
    for key in keys {
        hits += usize::from(fetch(cache, key, 2 << 10).await?.origin == Origin::Redis);
    }
    Ok(hits as f64 / keys.len() as f64)
}

async fn fetch(cache: &Cache, key: &Key, bytes: usize) -> Result<Fetched> {
    let load =
        move || async move { Ok(Loaded { bytes: Some(Bytes::from(vec![7; bytes])), ttl: None }) };
    let fetched = cache.get_or_load(key, &scopes(), load).await;
    fetched.map_err(|error| anyhow!("a look-up failed: {error}"))
}

/// Microseconds.
struct Batches {
    many: f64,
    one: f64,
    bare: f64,
}

/// A Redis server that ends with its handle.
struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Server {
    async fn start() -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = TempDir::new()?;
        let server = Self { child: spawn(&folder, port)?, port, folder };
        server.plain().await?;
        Ok(server)
    }

    async fn restart(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(&self.folder, self.port)?;
        self.plain().await.map(drop)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A bare connection, as soon as there is one.
    async fn plain(&self) -> Result<MultiplexedConnection> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let client = redis::Client::open(self.url())?;
            match client.get_multiplexed_async_connection().await {
                Ok(connection) => return Ok(connection),
                Err(error) if Instant::now() > until => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// A cache whose only tier is this server.
    async fn cache(&self) -> Result<Cache> {
        let tier = Redis::open(&self.url(), RedisOptions::default())?;
        tier.connected().await?;
        Ok(Cache::builder().tier(tier).build())
    }

    /// A cache with memory above this server.
    async fn node(&self) -> Result<Cache> {
        let tier = Redis::open(&self.url(), RedisOptions::default())?;
        tier.connected().await?;
        Ok(Cache::builder().memory(64 << 20).tier(tier).build())
    }

    async fn fill(&self, cache: &Cache, keys: &[Key], bytes: usize) -> Result<()> {
        for key in keys {
            // Until it is found: what was loaded is written behind the caller's back.
            while fetch(cache, key, bytes).await?.origin != Origin::Redis {}
        }
        Ok(())
    }

    /// Microseconds a hit, ours and bare.
    async fn hits(&self, bytes: usize) -> Result<(f64, f64)> {
        let (cache, mut plain) = (self.cache().await?, self.plain().await?);
        let key = Key::new("captions", format!("video/42/{bytes}"));
        self.fill(&cache, std::slice::from_ref(&key), bytes).await?;
        let set = redis::cmd("SET").arg("bare").arg(vec![7u8; bytes]).exec_async(&mut plain).await;
        set.context("setting the bare value")?;
        let (mut ours, mut peers) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let start = Instant::now();
            for _ in 0..LOOKS {
                let get: Vec<u8> = redis::cmd("GET").arg("bare").query_async(&mut plain).await?;
                std::hint::black_box(get);
            }
            peers.push(start.elapsed().as_secs_f64() * 1e6 / LOOKS as f64);
            let start = Instant::now();
            for _ in 0..LOOKS {
                if std::hint::black_box(fetch(&cache, &key, bytes).await?).origin != Origin::Redis {
                    bail!("a filled key was missed");
                }
            }
            ours.push(start.elapsed().as_secs_f64() * 1e6 / LOOKS as f64);
        }
        Ok((median(ours), median(peers)))
    }

    /// Microseconds for a batch, for one key, and for a bare MGET.
    async fn batches(&self) -> Result<Batches> {
        let (cache, mut plain) = (self.cache().await?, self.plain().await?);
        let mut mget = redis::cmd("MGET");
        for number in 0..MANY {
            let set =
                redis::cmd("SET").arg(number).arg(vec![7u8; 2 << 10]).exec_async(&mut plain).await;
            set.context("setting the bare values")?;
            mget.arg(number);
        }
        let keys: Vec<Key> = (0..MANY).map(key).collect();
        self.fill(&cache, &keys, 2 << 10).await?;
        let wanted = |key: &Key| Wanted { key: key.clone(), scopes: scopes() };
        let wanted: Vec<Wanted> = keys.iter().map(wanted).collect();
        let (mut many, mut one, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUNS * 30 {
            for (wanted, times) in [(&wanted[..], &mut many), (&wanted[..1], &mut one)] {
                let start = Instant::now();
                let load = |keys: Vec<Key>| async move { Ok(vec![Loaded::default(); keys.len()]) };
                for fetched in cache.get_or_load_many(wanted, load).await {
                    let fetched = fetched.map_err(|error| anyhow!("a batch failed: {error}"))?;
                    if fetched.origin != Origin::Redis {
                        bail!("a filled key was missed");
                    }
                }
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
            let start = Instant::now();
            let values: Vec<Vec<u8>> = mget.query_async(&mut plain).await?;
            std::hint::black_box(values);
            bare.push(start.elapsed().as_secs_f64() * 1e6);
        }
        Ok(Batches { many: median(many), one: median(one), bare: median(bare) })
    }
}

fn spawn(folder: &TempDir, port: u16) -> Result<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
    command.arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().context("redis-server is needed: scripts/setup.sh installs it")
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
