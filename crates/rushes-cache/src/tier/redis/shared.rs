//! Records and their generations in Redis: looked up, put, raised.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::RedisOptions;
use super::event::{Event, Gone};
use super::exchange::{Batch, Reply};
use super::log::Cursor;
use super::names::{Name, Names};
use super::servers::{Map, Servers};
use crate::batch::Wanted;
use crate::clock::{Clock, millis};
use crate::entry::{Decoded, Entry, Seen, decode, encode, key_scope_id, scope_id};
use crate::key::{Key, Scope};
use crate::stats::{TierCounters, count};
use crate::tier::{Claim, Look, Put, Stamp, TierError};

const PUT: &str = include_str!("scripts/put.lua");
const APPEND: &str = include_str!("scripts/append.lua");
const RELEASE: &str = include_str!("scripts/release.lua");

/// How many things one line of the log names at most.
const PER_EVENT: usize = 1_000;

/// What all handles of one tier share, and how records and generations are read and written.
pub(super) struct Shared {
    pub(super) names: Names,
    pub(super) options: RedisOptions,
    pub(super) servers: Arc<Servers>,
    pub(super) clock: Clock,
    pub(super) counters: TierCounters,
    /// This process, as the log names it.
    pub(super) origin: u64,
    pub(super) cursor: Arc<Cursor>,
    /// Up to where this process handed over the changes of the source; 0: it knows nothing.
    pub(super) mark: AtomicU64,
    pub(super) tasks: Mutex<Tasks>,
}

/// What runs in the background until the tier is closed or dropped.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) running: Vec<JoinHandle<()>>,
    pub(super) closed: bool,
}

impl Shared {
    /// A number that nobody took before.
    fn fresh(&self) -> u64 {
        // Every RandomState has keys of its own, the first ones of a thread from the system.
        RandomState::new().hash_one(self.origin).max(NONE + 1)
    }

    pub(super) fn map(&self) -> Result<Arc<Map>, TierError> {
        self.servers.map()
    }

    /// Runs a batch; a failure that new connections may cure is looked into.
    pub(super) async fn run(&self, map: &Map, batch: Batch) -> Result<Vec<Reply>, TierError> {
        let done = batch.run(map).await;
        if done.is_err() {
            self.servers.suspect();
        }
        done
    }

    /// The scopes of a key in the order of its stamp: first its own.
    pub(super) fn ids(key: &Key, scopes: &[Scope]) -> Vec<u64> {
        std::iter::once(key_scope_id(key)).chain(scopes.iter().map(scope_id)).collect()
    }

    /// The same for many keys, most of which have the scopes of the one before.
    pub(super) fn all_ids(wanted: &[Wanted]) -> Vec<(Key, Vec<u64>)> {
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
    pub(super) async fn look(
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
    pub(super) fn keep(&self, map: &Map, batch: &mut Batch, put: &Put) -> bool {
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
    pub(super) fn anew(&self, id: u64) -> (u64, u64) {
        (id, self.fresh())
    }

    /// Gives scopes these generations, then tells the others.
    pub(super) async fn raise(
        &self,
        raised: Vec<(u64, u64)>,
        gone: Vec<Gone>,
    ) -> Result<(), TierError> {
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
    pub(super) fn claim(&self, key: &Key, stamp: &Stamp) -> Claim {
        let seen = stamp.0.iter().fold(0u64, |all, seen| {
            all.rotate_left(7) ^ seen.generation.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seen.scope
        });
        let Name { text, slot } = self.names.lease(key, seen);
        Claim { name: text, slot, holder: self.fresh(), lasts: self.options.lease }
    }

    pub(super) async fn renewed(&self, claims: &[Claim], for_millis: u64) -> Result<(), TierError> {
        let mut batch = Batch::default();
        for claim in claims {
            let mut eval = redis::cmd("EVAL");
            eval.arg(RELEASE).arg(1).arg(&claim.name);
            eval.arg(format!("{:016x}", claim.holder)).arg(for_millis);
            batch.push(Name { text: claim.name.clone(), slot: claim.slot }, eval);
        }
        self.run(&*self.map()?, batch).await.map(drop)
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        match Handle::try_current() {
            Ok(runtime) if !tasks.closed => tasks.running.push(runtime.spawn(task)),
            Ok(_) => {}
            Err(_) => tracing::error!("a cache with a Redis tier must be built within a runtime"),
        }
    }

    pub(super) fn close(&self) {
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

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}
