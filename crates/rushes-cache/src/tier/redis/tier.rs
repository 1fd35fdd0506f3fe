//! Redis as a tier among others.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;

use super::event::Gone;
use super::exchange::{Batch, Reply};
use super::names::Name;
use super::shared::Shared;
use super::{Redis, log};
use crate::batch::Wanted;
use crate::cache::Origin;
use crate::clock::millis;
use crate::entry::{Entry, decode, key_scope_id, scope_id};
use crate::hearer::Hearer;
use crate::key::{Key, Scope};
use crate::stats::count;
use crate::tier::{Claim, Look, Put, Stamp, Tier, TierError, TierStats};
use crate::token::Position;

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
