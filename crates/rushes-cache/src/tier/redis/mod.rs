//! Values in Redis or Valkey, shared by many processes, and the log by which these tell each other
//! what was invalidated.
//!
//! A generation here is a name, not a number: invalidating writes a fresh random one, and a record
//! is alive as long as each generation that it saw is still there and the same. So nothing comes
//! back to life when Redis loses a generation by eviction, expiry or a restart: lost is different
//! from seen. A look reads the record and its generations in one exchange, so it is right for what
//! Redis knows, whatever this process has heard of. A put compares once more, in a script.
//!
//! Invalidating raises generations first and appends to the log then: who hears of it and looks
//! again finds nothing old. The log is a stream whose lines are numbered without gaps, so a reader
//! knows when it was cut off or lost; then everything is suspect.

mod event;
mod exchange;
mod link;
mod log;
mod names;
mod place;
mod servers;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use self::event::{Event, Gone};
use self::exchange::{Batch, Reply};
use self::log::Cursor;
use self::names::{Name, Names};
use self::place::Place;
use self::servers::{Map, Servers};
use super::{Claim, Look, Put, Stamp, Tier, TierError, TierStats};
use crate::batch::Wanted;
use crate::cache::Origin;
use crate::clock::{Clock, millis};
use crate::entry::{Decoded, Entry, Seen, decode, encode, key_scope_id, scope_id};
use crate::hearer::Hearer;
use crate::key::{Key, Scope};
use crate::stats::{TierCounters, count};
use crate::token::Position;

const PUT: &str = include_str!("scripts/put.lua");
const APPEND: &str = include_str!("scripts/append.lua");
const RELEASE: &str = include_str!("scripts/release.lua");

/// How many things one line of the log names at most.
const PER_EVENT: usize = 1_000;

/// How the Redis tier behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisOptions {
    /// What all names in Redis begin with: 1 to 64 printable ASCII characters without `{}*?[]\`.
    /// Caches of different prefixes know nothing of each other.
    pub prefix: String,
    /// The longest time a record is kept, whatever its own time; generations are kept as long.
    pub longest: Duration,
    /// How many invalidations the log keeps; a process that missed more drops everything.
    pub log: usize,
    /// How old a value may be that is served while the log cannot be read; `None`: as old as its
    /// own time allows, for caches whose source tells them of changes by another way.
    pub deaf: Option<Duration>,
    /// For how long a process that loads a value keeps others from loading it, without a sign of
    /// life; zero: they are not kept.
    pub lease: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "rushes:".to_owned(),
            longest: Duration::from_secs(7 * 24 * 3600),
            log: 100_000,
            deaf: Some(Duration::from_secs(1)),
            lease: Duration::from_secs(1),
        }
    }
}

/// The Redis tier. Cloning gives a handle to the same one.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    names: Names,
    options: RedisOptions,
    servers: Arc<Servers>,
    clock: Clock,
    counters: TierCounters,
    /// This process, as the log names it.
    origin: u64,
    cursor: Arc<Cursor>,
    /// Up to where this process handed over the changes of the source; 0: it knows nothing.
    mark: AtomicU64,
    tasks: Mutex<Tasks>,
}

/// What runs in the background until the tier is closed or dropped.
#[derive(Default)]
struct Tasks {
    running: Vec<JoinHandle<()>>,
    closed: bool,
}

impl Redis {
    /// The tier at `url`: `redis://[user:password@]host[:port][,host:port…][/database]`,
    /// `rediss://` for TLS with the system's certificates, `redis+sentinel://host,host/name` to ask
    /// sentinels. Whether the servers are a cluster is seen from their answers; any of them will do
    /// as a host. It connects in the background, again and again: a server that is away is a miss.
    ///
    /// # Errors
    /// When the URL or the prefix cannot be read, or outside of a tokio runtime. The message does
    /// not hold the URL, which may hold a password.
    pub fn open(url: &str, options: RedisOptions) -> Result<Self, TierError> {
        Self::open_with(url, options, Clock::system())
    }

    /// The same by another clock, of which only the wall time is used.
    ///
    /// # Errors
    /// As [`Redis::open`].
    pub fn open_with(url: &str, options: RedisOptions, clock: Clock) -> Result<Self, TierError> {
        let names = Names::new(&options.prefix).ok_or_else(|| {
            let wanted = "1 to 64 printable ASCII characters without {}*?[]\\";
            TierError::Other(format!("the prefix {:?} should be {wanted}", options.prefix))
        })?;
        let servers = Arc::new(Servers::new(Place::parse(url)?));
        let runtime = Handle::try_current()
            .map_err(|_| TierError::Other("open Redis within a tokio runtime".to_owned()))?;
        let keeping = Arc::clone(&servers);
        let keeper = runtime.spawn(async move { keeping.keep().await });
        Ok(Self(Arc::new(Shared {
            names,
            options,
            servers,
            clock,
            counters: TierCounters::default(),
            origin: RandomState::new().hash_one(0),
            cursor: Arc::default(),
            mark: AtomicU64::new(0),
            tasks: Mutex::new(Tasks { running: vec![keeper], closed: false }),
        })))
    }

    /// Waits until it is connected; for those who would rather wait than miss.
    ///
    /// # Errors
    /// When it was closed.
    pub async fn connected(&self) -> Result<(), TierError> {
        self.0.servers.up().await.map(drop)
    }
}

impl Shared {
    /// A number that nobody took before.
    fn fresh(&self) -> u64 {
        // Every RandomState has keys of its own, the first ones of a thread from the system.
        RandomState::new().hash_one(self.origin).max(NONE + 1)
    }

    fn map(&self) -> Result<Arc<Map>, TierError> {
        self.servers.map()
    }

    /// Runs a batch; a failure that new connections may cure is looked into.
    async fn run(&self, map: &Map, batch: Batch) -> Result<Vec<Reply>, TierError> {
        let done = batch.run(map).await;
        if done.is_err() {
            self.servers.suspect();
        }
        done
    }

    /// The scopes of a key in the order of its stamp: first its own.
    fn ids(key: &Key, scopes: &[Scope]) -> Vec<u64> {
        std::iter::once(key_scope_id(key)).chain(scopes.iter().map(scope_id)).collect()
    }

    /// The same for many keys, most of which have the scopes of the one before.
    fn all_ids(wanted: &[Wanted]) -> Vec<(Key, Vec<u64>)> {
        let mut all: Vec<(Key, Vec<u64>)> = Vec::with_capacity(wanted.len());
        let mut before: &[Scope] = &[];
        for Wanted { key, scopes } in wanted {
            let ids = match all.last().map(|(_, ids)| ids.as_slice()) {
                Some([_, same @ ..]) if before == scopes.as_slice() => {
                    [&[key_scope_id(key)], same].concat()
                }
                _ => Self::ids(key, scopes),
            };
            all.push((key.clone(), ids));
            before = scopes;
        }
        all
    }

    /// Looks for records and their generations in one exchange. `with_records`: else only for the
    /// generations.
    async fn look(
        &self,
        wanted: &[(Key, Vec<u64>)],
        with_records: bool,
    ) -> Result<Vec<Look>, TierError> {
        let map = self.map()?;
        let mut batch = Batch::default();
        for (key, ids) in wanted.iter().filter(|_| with_records) {
            let own = ids.first().copied().unwrap_or_else(|| key_scope_id(key));
            batch.get(self.names.record_of(key, own));
        }
        let records = batch.len();
        // What many keys depend on is read once.
        let mut ids: Vec<u64> = wanted.iter().flat_map(|(_, ids)| ids).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let names: Vec<Name> = ids.iter().map(|id| self.names.generation(*id)).collect();
        names.iter().for_each(|name| batch.get(name.clone()));
        let mut replies = self.run(&map, batch).await?.into_iter();
        let records: Vec<_> = replies.by_ref().take(records).map(Reply::bytes).collect();
        let mut now = HashMap::with_capacity(ids.len());
        for ((id, name), reply) in ids.into_iter().zip(names).zip(replies) {
            let held = reply.bytes();
            let known = held.is_some();
            now.insert(id, Now { generation: generation(&map, &name, held)?, known, name });
        }
        let mut records = records.into_iter();
        let mut looks = Vec::with_capacity(wanted.len());
        let mut unknown = Unknown::default();
        for (key, ids) in wanted {
            let mut stamp = Vec::with_capacity(ids.len());
            for (place, id) in ids.iter().enumerate() {
                let Some(now) = now.get(id) else { continue };
                // A key that was never removed has none; a scope is given one.
                if !now.known && place > 0 {
                    unknown.note((looks.len(), place), *id, now.name.clone());
                }
                stamp.push(Seen { scope: *id, generation: now.generation });
            }
            let record = records.next().flatten();
            let entry = record.and_then(|record| self.alive(key, record, &stamp));
            looks.push((Stamp(stamp), entry));
        }
        self.begin(&map, unknown, &mut looks).await?;
        Ok(looks)
    }

    /// The entry of a record, when it is whole, kept, and saw the generations that are there now.
    fn alive(&self, key: &Key, record: Vec<u8>, now: &[Seen]) -> Option<Entry> {
        let Some(Decoded { key: of, entry, seen }) = decode(&Bytes::from(record)) else {
            count(&self.counters.corrupt);
            return None;
        };
        let same = !seen.is_empty() && seen.iter().all(|seen| now.contains(seen));
        (same && of == *key && entry.is_kept(self.clock.wall())).then_some(entry)
    }

    /// Gives a first generation to scopes that have none, so that a stamp is complete. It is not
    /// the one that may have been lost: whatever saw that one stays dead.
    async fn begin(
        &self,
        map: &Map,
        unknown: Unknown,
        looks: &mut [Look],
    ) -> Result<(), TierError> {
        if unknown.names.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for name in unknown.names.values() {
            let fresh = format!("{:016x}", self.fresh());
            let mut set = redis::cmd("SET");
            set.arg(&name.text).arg(fresh).arg("NX").arg("PX").arg(self.longest());
            batch.push_quietly(name.clone(), set);
        }
        unknown.names.values().for_each(|name| batch.get(name.clone()));
        let replies = self.run(map, batch).await?;
        let mut begun = HashMap::new();
        for ((id, name), reply) in unknown.names.iter().zip(replies) {
            begun.insert(*id, generation(map, name, reply.bytes())?);
        }
        for ((look, place), id) in unknown.places {
            let seen = looks.get_mut(look).and_then(|(stamp, _)| stamp.0.get_mut(place));
            if let (Some(seen), Some(generation)) = (seen, begun.get(&id)) {
                seen.generation = *generation;
            }
        }
        Ok(())
    }

    fn longest(&self) -> u64 {
        millis(self.options.longest).max(1)
    }

    /// Adds what keeps an entry to a batch; `false` when it cannot be kept.
    fn keep(&self, map: &Map, batch: &mut Batch, put: &Put) -> bool {
        let wall = self.clock.wall();
        let left = put.entry.kept.map_or(u64::MAX, |kept| kept.saturating_sub(wall));
        let Some(record) = encode(&put.key, &put.entry, &put.stamp.0).filter(|_| left > 0) else {
            return false;
        };
        let name = self.names.record(&put.key);
        let (mut keys, mut seen) = (Vec::new(), Vec::new());
        for stamp in &put.stamp.0 {
            let generation = self.names.generation(stamp.scope);
            if generation.slot != name.slot {
                // It cannot be compared here; whoever looks compares it.
                let mut longer = redis::cmd("PEXPIRE");
                longer.arg(&generation.text).arg(self.longest());
                batch.push_quietly(generation, longer);
            } else if let Some(held) = held(map, &generation, stamp.generation) {
                keys.push(generation.text);
                seen.push(held);
            }
        }
        let mut eval = redis::cmd("EVAL");
        eval.arg(PUT).arg(keys.len() + 1).arg(&name.text).arg(keys);
        eval.arg(record).arg(left.min(self.longest())).arg(self.longest()).arg(seen);
        batch.push(name, eval);
        true
    }

    /// A scope with the generation that it is to have next.
    fn anew(&self, id: u64) -> (u64, u64) {
        (id, self.fresh())
    }

    /// Gives scopes these generations, then tells the others.
    async fn raise(&self, raised: Vec<(u64, u64)>, gone: Vec<Gone>) -> Result<(), TierError> {
        let map = self.map()?;
        let mut batch = Batch::default();
        for (id, generation) in raised {
            let name = self.names.generation(id);
            let mut set = redis::cmd("SET");
            set.arg(&name.text).arg(format!("{generation:016x}"));
            set.arg("PX").arg(self.longest());
            batch.push(name, set);
        }
        // A cluster's servers do not wait for each other: there the log comes second.
        if map.in_cluster {
            self.run(&map, std::mem::take(&mut batch)).await?;
        }
        let raised = batch.len();
        for gone in gone.chunks(PER_EVENT) {
            let line = Event { origin: self.origin, gone: gone.to_vec() }.encode();
            let mut eval = redis::cmd("EVAL");
            eval.arg(APPEND).arg(1).arg(&self.names.log.text).arg(self.options.log).arg(line);
            batch.push(self.names.log.clone(), eval);
        }
        let mark = self.mark.load(Ordering::Acquire);
        if mark > 0 {
            let mut set = redis::cmd("SET");
            set.arg(&self.names.mark.text).arg(mark);
            batch.push_quietly(self.names.mark.clone(), set);
        }
        for reply in self.run(&map, batch).await?.into_iter().skip(raised) {
            let line = reply.bytes().and_then(|line| String::from_utf8(line).ok()?.parse().ok());
            let line = line.ok_or_else(|| TierError::Other("the log gave no number".to_owned()))?;
            self.cursor.wrote(line);
        }
        Ok(())
    }

    /// The claim on a key by who saw these generations.
    fn claim(&self, key: &Key, stamp: &Stamp) -> Claim {
        let seen = stamp.0.iter().fold(0u64, |all, seen| {
            all.rotate_left(7) ^ seen.generation.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seen.scope
        });
        let Name { text, slot } = self.names.lease(key, seen);
        Claim { name: text, slot, holder: self.fresh(), lasts: self.options.lease }
    }

    async fn renewed(&self, claims: &[Claim], for_millis: u64) -> Result<(), TierError> {
        let mut batch = Batch::default();
        for claim in claims {
            let mut eval = redis::cmd("EVAL");
            eval.arg(RELEASE).arg(1).arg(&claim.name);
            eval.arg(format!("{:016x}", claim.holder)).arg(for_millis);
            batch.push(Name { text: claim.name.clone(), slot: claim.slot }, eval);
        }
        self.run(&*self.map()?, batch).await.map(drop)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        match Handle::try_current() {
            Ok(runtime) if !tasks.closed => tasks.running.push(runtime.spawn(task)),
            Ok(_) => {}
            Err(_) => tracing::error!("a cache with a Redis tier must be built within a runtime"),
        }
    }

    fn close(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.closed = true;
        tasks.running.drain(..).for_each(|task| task.abort());
        self.servers.close();
    }
}

/// A scope's generation as a look found it.
struct Now {
    name: Name,
    generation: u64,
    /// Whether Redis has one.
    known: bool,
}

/// Scopes that have no generation yet, and which looks need them.
#[derive(Default)]
struct Unknown {
    names: HashMap<u64, Name>,
    /// Which look and which place in its stamp, and whose generation is to come there.
    places: Vec<((usize, usize), u64)>,
}

impl Unknown {
    fn note(&mut self, place: (usize, usize), id: u64, name: Name) {
        self.names.insert(id, name);
        self.places.push((place, id));
    }
}

/// A generation as a stamp has it: what Redis holds, told apart by the life of the server. One
/// that was read before a restart differs from the same one read after it. A key that was never
/// removed has none, which counts as zero.
fn generation(map: &Map, name: &Name, held: Option<Vec<u8>>) -> Result<u64, TierError> {
    let number = |held: Vec<u8>| u64::from_str_radix(&String::from_utf8(held).ok()?, 16).ok();
    let held = match held {
        Some(held) => number(held).filter(|held| *held != NONE),
        None => Some(NONE),
    };
    let held = held.ok_or_else(|| TierError::Other(format!("{} is damaged", name.text)))?;
    Ok(held ^ map.link(name)?.life)
}

/// What Redis held when a stamp was taken.
fn held(map: &Map, name: &Name, generation: u64) -> Option<String> {
    let held = generation ^ map.link(name).ok()?.life;
    Some(if held == NONE { String::new() } else { format!("{held:016x}") })
}

/// Stands for a generation that is not there.
const NONE: u64 = 0;

#[async_trait]
impl Tier for Redis {
    fn origin(&self) -> Origin {
        Origin::Redis
    }

    async fn stamp(&self, key: &Key, scopes: &[Scope]) -> Result<Stamp, TierError> {
        let looks = self.0.look(&[(key.clone(), Shared::ids(key, scopes))], false).await?;
        Ok(looks.into_iter().next().map(|(stamp, _)| stamp).unwrap_or_default())
    }

    async fn get(&self, key: &Key) -> Result<Option<Entry>, TierError> {
        let map = self.0.map()?;
        let mut batch = Batch::default();
        batch.get(self.0.names.record(key));
        let record = self.0.run(&map, batch).await?.into_iter().next().and_then(Reply::bytes);
        // Who does not know the scopes reads them from the record, then all again at once.
        let ids = record.and_then(|record| {
            let decoded = decode(&Bytes::from(record))?;
            Some(decoded.seen.iter().map(|seen| seen.scope).collect::<Vec<_>>())
        });
        let looks = match ids {
            Some(ids) => self.0.look(&[(key.clone(), ids)], true).await?,
            None => Vec::new(),
        };
        let entry = looks.into_iter().next().and_then(|(_, entry)| entry);
        count(if entry.is_some() { &self.0.counters.hits } else { &self.0.counters.misses });
        Ok(entry)
    }

    async fn put(&self, key: &Key, entry: &Entry, stamp: &Stamp) -> Result<(), TierError> {
        let put = Put { key: key.clone(), entry: entry.clone(), stamp: stamp.clone() };
        self.put_many(&[put]).await
    }

    async fn remove(&self, key: &Key) -> Result<(), TierError> {
        self.remove_many(std::slice::from_ref(key)).await
    }

    async fn remove_many(&self, keys: &[Key]) -> Result<(), TierError> {
        let gone = keys.iter().cloned().map(Gone::Key).collect();
        let raised = keys.iter().map(|key| self.0.anew(key_scope_id(key))).collect();
        self.0.raise(raised, gone).await
    }

    async fn remove_to_set(&self, wanted: &[Wanted]) -> Result<Vec<Stamp>, TierError> {
        let raised: Vec<_> =
            wanted.iter().map(|wanted| self.0.anew(key_scope_id(&wanted.key))).collect();
        let gone = wanted.iter().map(|wanted| Gone::Key(wanted.key.clone())).collect();
        self.0.raise(raised.clone(), gone).await?;
        let map = self.0.map()?;
        let looks = self.0.look(&Shared::all_ids(wanted), false).await?;
        let mut stamps = Vec::with_capacity(looks.len());
        for ((Stamp(mut seen), _), (id, fresh)) in looks.into_iter().zip(raised) {
            // Not what is there now, which may be the work of somebody who came after.
            if let Some(own) = seen.first_mut() {
                own.generation = fresh ^ map.link(&self.0.names.generation(id))?.life;
            }
            stamps.push(Stamp(seen));
        }
        Ok(stamps)
    }

    async fn invalidate(&self, scopes: &[Scope]) -> Result<(), TierError> {
        let gone = scopes.iter().cloned().map(Gone::Scope).collect();
        let raised = scopes.iter().map(|scope| self.0.anew(scope_id(scope))).collect();
        self.0.raise(raised, gone).await
    }

    async fn look(&self, key: &Key, scopes: &[Scope]) -> Result<Look, TierError> {
        let wanted = Wanted { key: key.clone(), scopes: scopes.to_vec() };
        let look = self.look_many(&[wanted]).await?.into_iter().next();
        look.ok_or_else(|| TierError::Other("a look without an answer".to_owned()))
    }

    async fn look_many(&self, wanted: &[Wanted]) -> Result<Vec<Look>, TierError> {
        let looks = self.0.look(&Shared::all_ids(wanted), true).await?;
        for (_, entry) in &looks {
            count(if entry.is_some() { &self.0.counters.hits } else { &self.0.counters.misses });
        }
        Ok(looks)
    }

    async fn put_many(&self, puts: &[Put]) -> Result<(), TierError> {
        let map = self.0.map()?;
        let (mut batch, mut kept) = (Batch::default(), 0u64);
        for put in puts {
            if self.0.keep(&map, &mut batch, put) {
                kept += 1;
            } else {
                count(&self.0.counters.refused);
            }
        }
        let replies = self.0.run(&map, batch).await?;
        let done = replies.iter().filter(|reply| reply.is_one()).count() as u64;
        self.0.counters.puts.fetch_add(done, Ordering::Relaxed);
        self.0.counters.refused.fetch_add(kept.saturating_sub(done), Ordering::Relaxed);
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn claim(&self, wanted: &[(Key, Stamp)]) -> Result<Vec<Option<Claim>>, TierError> {
        let lease = millis(self.0.options.lease);
        if lease == 0 {
            return Ok(vec![Some(Claim::default()); wanted.len()]);
        }
        let claims: Vec<Claim> =
            wanted.iter().map(|(key, stamp)| self.0.claim(key, stamp)).collect();
        let mut batch = Batch::default();
        for claim in &claims {
            let mut set = redis::cmd("SET");
            set.arg(&claim.name).arg(format!("{:016x}", claim.holder));
            set.arg("NX").arg("PX").arg(lease);
            batch.push(Name { text: claim.name.clone(), slot: claim.slot }, set);
        }
        let replies = self.0.run(&*self.0.map()?, batch).await?;
        let granted = claims.into_iter().zip(replies);
        Ok(granted.map(|(claim, reply)| reply.is_one().then_some(claim)).collect())
    }

    async fn renew(&self, claims: &[Claim]) -> Result<(), TierError> {
        self.0.renewed(claims, millis(self.0.options.lease)).await
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), TierError> {
        self.0.renewed(claims, 0).await
    }

    fn attend(&self, hearer: Hearer) {
        let Shared { names, options, servers, cursor, origin, .. } = &*self.0;
        let listener = log::Listener {
            servers: Arc::clone(servers),
            log: names.log.clone(),
            origin: *origin,
            cursor: Arc::clone(cursor),
            hearer,
            deaf: options.deaf,
        };
        self.0.spawn(listener.listen());
    }

    fn mark(&self, at: u64) {
        self.0.mark.fetch_max(at, Ordering::AcqRel);
    }

    async fn marked(&self) -> Result<Option<u64>, TierError> {
        let mut batch = Batch::default();
        batch.get(self.0.names.mark.clone());
        let reply = self.0.run(&*self.0.map()?, batch).await?.into_iter().next();
        let mark = reply.and_then(Reply::bytes);
        Ok(mark.and_then(|mark| String::from_utf8(mark).ok()?.parse().ok()))
    }

    fn position(&self) -> Option<Position> {
        self.0.cursor.latest_written()
    }

    async fn reached(&self, position: Position) {
        self.0.cursor.reached(position).await;
    }

    async fn close(&self) -> Result<(), TierError> {
        self.0.close();
        Ok(())
    }

    fn stats(&self) -> TierStats {
        self.0.counters.read()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("servers", &self.0.servers).finish_non_exhaustive()
    }
}
