//! Which servers there are, who has which slot, and one task that keeps connections to them.
//!
//! An operation takes what connections there are and fails at once when there are none: it never
//! connects itself, so a server that is away meets one attempt at a time, however many wait.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use redis::{Value, cmd};
use tokio::sync::{Notify, watch};

use super::link::{Link, connect, failed};
use super::names::Name;
use super::place::Place;
use crate::tier::TierError;

/// How long after a failed attempt the next one is made: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// How often servers are asked whether they are still what they were.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How long a sentinel or a cluster may take to say who is where.
const DIRECTIONS: Duration = Duration::from_secs(1);

/// The servers and who has which slot.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) links: Vec<Link>,
    /// Slots and who has them, as an index into `links`; empty outside of a cluster.
    ranges: Vec<(Slots, usize)>,
    /// Whether names of different slots may not share a command.
    pub(super) in_cluster: bool,
}

type Slots = RangeInclusive<u16>;

impl Map {
    /// The server that has a name, by its index; `None` when no server has its slot.
    pub(super) fn home(&self, name: &Name) -> Option<usize> {
        if !self.in_cluster {
            return (!self.links.is_empty()).then_some(0);
        }
        let holds = |(slots, _): &&(Slots, usize)| slots.contains(&name.slot);
        self.ranges.iter().find(holds).map(|(_, link)| *link)
    }

    /// The server that has a name.
    pub(super) fn link(&self, name: &Name) -> Result<&Link, TierError> {
        let link = self.home(name).and_then(|home| self.links.get(home));
        link.ok_or_else(|| TierError::Other(format!("no server has slot {}", name.slot)))
    }
}

/// The servers as they are known at present.
pub(super) struct Servers {
    place: Place,
    map: watch::Sender<Result<Arc<Map>, String>>,
    suspected: Notify,
}

impl Servers {
    pub(super) fn new(place: Place) -> Self {
        let map = watch::Sender::new(Err("not yet connected to Redis".to_owned()));
        Self { place, map, suspected: Notify::new() }
    }

    /// What connections there are.
    pub(super) fn map(&self) -> Result<Arc<Map>, TierError> {
        self.map.borrow().clone().map_err(TierError::Other)
    }

    /// Waits until there are connections.
    pub(super) async fn up(&self) -> Result<Arc<Map>, TierError> {
        let mut map = self.map.subscribe();
        match map.wait_for(Result::is_ok).await {
            Ok(map) => map.clone().map_err(TierError::Other),
            Err(_) => Err(TierError::Other("closed".to_owned())),
        }
    }

    /// Another connection to a server.
    pub(super) async fn another(&self, link: &Link) -> Result<Link, TierError> {
        Link::open(link.info.clone()).await
    }

    /// Lets go of all connections, for good.
    pub(super) fn close(&self) {
        drop(self.map.send_replace(Err("it was closed".to_owned())));
    }

    /// Says that something failed in a way that new connections may cure.
    pub(super) fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// Keeps connections until it is dropped.
    pub(super) async fn keep(&self) {
        let mut pause = PAUSES.0;
        loop {
            match self.checked().await {
                Ok(()) => {
                    pause = PAUSES.0;
                    let woken = self.suspected.notified();
                    let _ = tokio::time::timeout(CHECK_EVERY, woken).await;
                    // However often something fails, servers are not asked more often than this.
                    tokio::time::sleep(PAUSES.0).await;
                }
                Err(error) => {
                    self.publish(Err(error.to_string()));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    /// Sees to it that the map is right.
    async fn checked(&self) -> Result<(), TierError> {
        let known = self.map.borrow().clone().ok();
        if let Some(map) = &known
            && !map.in_cluster
            && self.place.sentinel.is_none()
            && all_well(map).await.is_ok()
        {
            return Ok(());
        }
        let fresh = self.survey(known.as_deref()).await?;
        if known.is_none_or(|known| !same(&known, &fresh)) {
            self.publish(Ok(Arc::new(fresh)));
        }
        Ok(())
    }

    fn publish(&self, map: Result<Arc<Map>, String>) {
        let was_up = self.map.borrow().is_ok();
        match &map {
            Ok(map) => tracing::info!(servers = ?map.links, "connected to Redis"),
            Err(error) if was_up => tracing::warn!(%error, "Redis is away"),
            Err(_) => {}
        }
        drop(self.map.send_replace(map));
    }

    /// Finds the servers anew, keeping the connections that are well.
    async fn survey(&self, known: Option<&Map>) -> Result<Map, TierError> {
        let mut last = TierError::Other("no server is named".to_owned());
        for seed in &self.place.seeds {
            match self.survey_from(seed, known).await {
                Ok(map) => return Ok(map),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn survey_from(
        &self,
        seed: &(String, u16),
        known: Option<&Map>,
    ) -> Result<Map, TierError> {
        let server = match &self.place.sentinel {
            Some(name) => self.ask_sentinel(seed, name).await?,
            None => seed.clone(),
        };
        let first = match self.link(&server, known).await {
            Ok(first) => first,
            // Any member of a cluster can give directions, a replica as well.
            Err(error) => return self.survey_cluster(&server, known).await.map_err(|_| error),
        };
        if !first.in_cluster {
            return Ok(Map { links: vec![first], ranges: Vec::new(), in_cluster: false });
        }
        self.survey_cluster(&server, known).await
    }

    /// Connects to all who may be written to. One that cannot be reached leaves its slots without
    /// a server; the others go on.
    async fn survey_cluster(
        &self,
        server: &(String, u16),
        known: Option<&Map>,
    ) -> Result<Map, TierError> {
        let mut map = Map { links: Vec::new(), ranges: Vec::new(), in_cluster: true };
        let mut last = TierError::Other("the cluster has no slots yet".to_owned());
        for (slots, host, port) in self.ask_cluster(server, known).await? {
            // A member that does not know its own address leaves it out.
            let host = if host.is_empty() { server.0.clone() } else { host };
            let address = format!("{host}:{port}");
            let index = match map.links.iter().position(|link| link.address == address) {
                Some(index) => index,
                None => match self.link(&(host, port), known).await {
                    Ok(link) => {
                        map.links.push(link);
                        map.links.len() - 1
                    }
                    Err(error) => {
                        last = error;
                        continue;
                    }
                },
            };
            map.ranges.push((slots, index));
        }
        if map.ranges.is_empty() { Err(last) } else { Ok(map) }
    }

    /// The connection that is there already, when it is well, or a new one.
    async fn link(&self, server: &(String, u16), known: Option<&Map>) -> Result<Link, TierError> {
        let address = format!("{}:{}", server.0, server.1);
        let kept = known.and_then(|map| map.links.iter().find(|link| link.address == address));
        if let Some(kept) = kept
            && kept.check().await.is_ok()
        {
            return Ok(kept.clone());
        }
        let info = self.place.server(server);
        Link::open(info.ok_or_else(|| unreadable(&address))?).await
    }

    async fn ask_sentinel(
        &self,
        sentinel: &(String, u16),
        name: &str,
    ) -> Result<(String, u16), TierError> {
        let address = format!("{}:{}", sentinel.0, sentinel.1);
        let info = self.place.sentinel(sentinel).ok_or_else(|| unreadable(&address))?;
        let asked = async {
            let mut connection = connect(info).await?;
            let mut question = cmd("SENTINEL");
            let question = question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
            question.query_async::<Option<(String, u16)>>(&mut connection).await
        };
        let answer = tokio::time::timeout(DIRECTIONS, asked).await;
        let answer = answer.map_err(|_| TierError::Slow(DIRECTIONS))?;
        let server = answer.map_err(|error| failed(&address, &error))?;
        server.ok_or_else(|| TierError::Other(format!("the sentinel knows no {name:?}")))
    }

    async fn ask_cluster(
        &self,
        member: &(String, u16),
        known: Option<&Map>,
    ) -> Result<Vec<(Slots, String, u16)>, TierError> {
        let address = format!("{}:{}", member.0, member.1);
        let info = self.place.server(member).ok_or_else(|| unreadable(&address))?;
        let kept = known.and_then(|map| map.links.iter().find(|link| link.address == address));
        let asked = async {
            let mut connection = match kept {
                Some(kept) => kept.connection(),
                None => connect(info).await?,
            };
            cmd("CLUSTER").arg("SLOTS").query_async::<Vec<Value>>(&mut connection).await
        };
        let answer = tokio::time::timeout(DIRECTIONS, asked).await;
        let answer = answer.map_err(|_| TierError::Slow(DIRECTIONS))?;
        let rows = answer.map_err(|error| failed(&address, &error))?;
        Ok(rows.iter().filter_map(range).collect())
    }
}

/// The slots of one row of the answer, host and port of the server that may be written to.
fn range(row: &Value) -> Option<(Slots, String, u16)> {
    let Value::Array(row) = row else { return None };
    let [first, last, Value::Array(server), ..] = row.as_slice() else { return None };
    let [host, port, ..] = server.as_slice() else { return None };
    let number = |value: &Value| redis::from_redis_value_ref::<u16>(value).ok();
    let host: Option<String> = redis::from_redis_value_ref(host).ok()?;
    Some((number(first)?..=number(last)?, host.unwrap_or_default(), number(port)?))
}

fn unreadable(address: &str) -> TierError {
    TierError::Other(format!("{address} is not an address"))
}

async fn all_well(map: &Map) -> Result<(), TierError> {
    for link in &map.links {
        link.check().await?;
    }
    Ok(())
}

fn same(one: &Map, other: &Map) -> bool {
    let numbers = |map: &Map| map.links.iter().map(|link| link.number).collect::<Vec<_>>();
    one.ranges == other.ranges && numbers(one) == numbers(other)
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("map", &*self.map.borrow()).finish_non_exhaustive()
    }
}
