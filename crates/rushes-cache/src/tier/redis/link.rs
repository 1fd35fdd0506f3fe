//! A connection to one server, and which life of that server it speaks to.
//!
//! A server that was restarted, or that took another's place, may have lost what it acknowledged:
//! its file may be older, its copy behind. So a link notes the server's *life* (its run and its
//! place in replication) before anything read over it counts, and generations are told apart by
//! the life they were read in. After a restart with an old file nothing in it is trusted.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisError, RedisResult, cmd};

use crate::tier::TierError;

/// How long connecting may take, and the greeting after it.
const CONNECTING: Duration = Duration::from_secs(1);

/// How many connections were opened.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// One connection.
#[derive(Clone)]
pub(super) struct Link {
    /// As `host:port`.
    pub(super) address: String,
    /// Stands for the run of the server and its place in replication.
    pub(super) life: u64,
    /// How it was reached.
    pub(super) info: ConnectionInfo,
    /// No two connections have the same.
    pub(super) number: u64,
    /// Whether it is part of a cluster.
    pub(super) in_cluster: bool,
    connection: MultiplexedConnection,
}

impl Link {
    /// Connects, and checks that the server may be written to.
    pub(super) async fn open(info: ConnectionInfo) -> Result<Self, TierError> {
        let address = info.addr().to_string();
        let opened = async {
            let connection = connect(info.clone()).await?;
            let greeting = Greeting::of(connection.clone()).await?;
            Ok::<_, RedisError>((connection, greeting))
        };
        let answer = tokio::time::timeout(CONNECTING, opened).await;
        let (connection, greeting) = answer
            .map_err(|_| TierError::Slow(CONNECTING))?
            .map_err(|error| failed(&address, &error))?;
        greeting.check(&address)?;
        let (life, in_cluster) = (greeting.life(), greeting.in_cluster);
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        Ok(Self { address, life, info, number, in_cluster, connection })
    }

    /// Whether the server is still the same one in the same place, and well.
    pub(super) async fn check(&self) -> Result<(), TierError> {
        let greeting = tokio::time::timeout(CONNECTING, Greeting::of(self.connection()));
        let greeting = greeting.await.map_err(|_| TierError::Slow(CONNECTING))?;
        let greeting = greeting.map_err(|error| failed(&self.address, &error))?;
        greeting.check(&self.address)?;
        if greeting.life() == self.life {
            return Ok(());
        }
        Err(TierError::Other(format!("{} began another life", self.address)))
    }

    /// A handle for one exchange.
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Connects without a greeting, as is right for a sentinel.
pub(super) async fn connect(info: ConnectionInfo) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTING))
        // Every caller has a limit of its own.
        .set_response_timeout(None);
    Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await
}

/// An error of a server, as the tier tells it. The driver's texts hold no passwords.
pub(super) fn failed(address: &str, error: &RedisError) -> TierError {
    TierError::Other(format!("Redis at {address}: {error}"))
}

/// What a server says of itself.
struct Greeting {
    run: String,
    replication: String,
    role: String,
    loading: bool,
    in_cluster: bool,
}

impl Greeting {
    async fn of(mut connection: MultiplexedConnection) -> RedisResult<Self> {
        let text: String = cmd("INFO").query_async(&mut connection).await?;
        let field = |name: &str| {
            let of = |line: &str| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned);
            text.lines().find_map(of).unwrap_or_default()
        };
        Ok(Self {
            run: field("run_id"),
            replication: field("master_replid"),
            role: field("role"),
            loading: field("loading") == "1",
            in_cluster: field("redis_mode") == "cluster",
        })
    }

    fn check(&self, address: &str) -> Result<(), TierError> {
        if self.loading {
            return Err(TierError::Other(format!("Redis at {address} is still loading its file")));
        }
        if self.role != "master" {
            return Err(TierError::Other(format!("Redis at {address} is a replica")));
        }
        Ok(())
    }

    fn life(&self) -> u64 {
        let digest = blake3::hash(format!("{} {}", self.run, self.replication).as_bytes());
        digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}
