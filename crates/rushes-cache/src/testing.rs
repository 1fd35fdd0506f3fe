//! What every [`Tier`] must keep, as one suite, and a tier that fails on demand.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use crate::batch::Wanted;
use crate::cache::Origin;
use crate::clock::Clock;
use crate::entry::{Entry, decode, encode};
use crate::hearer::Hearer;
use crate::key::{Key, Scope};
use crate::pattern::Pattern;
use crate::tier::{Claim, Look, Put, Stamp, Tier, TierError, TierStats};
use crate::token::Position;

fn entry(text: &str) -> Entry {
    Entry::new(Some(Bytes::copy_from_slice(text.as_bytes())))
}

fn scope(name: &str) -> Scope {
    Scope::path(["conformance", name])
}

/// Checks a tier that holds none of the suite's keys yet. `clock` is a manual clock that the tier
/// goes by.
///
/// # Errors
/// When the tier cannot be reached.
///
/// # Panics
/// When the tier breaks a promise of [`Tier`]; the message names it.
pub async fn conformance(tier: &dyn Tier, clock: &Clock) -> Result<(), TierError> {
    keeps_values_of_every_kind(tier).await?;
    forgets_what_an_invalidation_covers(tier).await?;
    refuses_a_put_that_comes_late(tier).await?;
    forgets_a_removed_key(tier).await?;
    serves_many_at_once(tier).await?;
    forgets_what_a_pattern_covers(tier).await?;
    goes_by_time(tier, clock).await
}

async fn put(tier: &dyn Tier, key: &Key, scopes: &[Scope], kept: &Entry) -> Result<(), TierError> {
    let stamp = tier.stamp(key, scopes).await?;
    tier.put(key, kept, &stamp).await
}

async fn keeps_values_of_every_kind(tier: &dyn Tier) -> Result<(), TierError> {
    let ids = [vec![], vec![0, 255, b'/', b'\n', b'*'], vec![7; 10_000]];
    let values = [Some(Bytes::new()), None, Some(Bytes::from(vec![9; 100_000]))];
    for (id, bytes) in ids.iter().zip(values) {
        let (key, kept) = (Key::new("conformance", id), Entry::new(bytes));
        assert_eq!(tier.get(&key).await?, None, "{key} is not there yet");
        put(tier, &key, &[scope("kinds")], &kept).await?;
        assert_eq!(tier.get(&key).await?.as_ref(), Some(&kept), "{key} came back changed");
        let other = Key::new("conformanc", [b"e", id.as_slice()].concat());
        assert_eq!(tier.get(&other).await?, None, "{other} is another key than {key}");
        put(tier, &key, &[scope("kinds")], &entry("second")).await?;
        assert_eq!(tier.get(&key).await?, Some(entry("second")), "{key} was overwritten");
    }
    Ok(())
}

async fn forgets_what_an_invalidation_covers(tier: &dyn Tier) -> Result<(), TierError> {
    let scopes: Vec<Scope> = (0..20).map(|n| scope(&format!("covers {n}"))).collect();
    let (key, other) = (Key::new("conformance", "covered"), Key::new("conformance", "other"));
    put(tier, &other, &[scope("other")], &entry("other")).await?;
    for covering in &scopes {
        put(tier, &key, &scopes, &entry("old")).await?;
        assert_eq!(tier.get(&key).await?, Some(entry("old")));
        tier.invalidate(std::slice::from_ref(covering)).await?;
        assert_eq!(tier.get(&key).await?, None, "{covering:?} did not cover its entry");
    }
    assert_eq!(tier.get(&other).await?, Some(entry("other")), "an unrelated entry was dropped");
    put(tier, &key, &scopes, &entry("new")).await?;
    assert_eq!(tier.get(&key).await?, Some(entry("new")), "a fresh entry was dropped");
    Ok(())
}

async fn refuses_a_put_that_comes_late(tier: &dyn Tier) -> Result<(), TierError> {
    let (key, scopes) = (Key::new("conformance", "late"), [scope("late"), scope("late too")]);
    let early = tier.stamp(&key, &scopes).await?;
    tier.invalidate(&scopes[1..]).await?;
    tier.put(&key, &entry("old"), &early).await?;
    assert_eq!(tier.get(&key).await?, None, "a load from before the invalidation is visible");
    put(tier, &key, &scopes, &entry("new")).await?;
    tier.put(&key, &entry("old"), &early).await?;
    assert_ne!(tier.get(&key).await?, Some(entry("old")), "it is visible over the new value");
    Ok(())
}

async fn forgets_a_removed_key(tier: &dyn Tier) -> Result<(), TierError> {
    let (key, scopes) = (Key::new("conformance", "removed"), [scope("removed")]);
    put(tier, &key, &scopes, &entry("old")).await?;
    let early = tier.stamp(&key, &scopes).await?;
    tier.remove(&key).await?;
    assert_eq!(tier.get(&key).await?, None);
    tier.put(&key, &entry("old"), &early).await?;
    assert_eq!(tier.get(&key).await?, None, "a load from before the removal is visible");
    put(tier, &key, &scopes, &entry("new")).await?;
    assert_eq!(tier.get(&key).await?, Some(entry("new")));
    Ok(())
}

async fn serves_many_at_once(tier: &dyn Tier) -> Result<(), TierError> {
    let wanted = |n: usize| Wanted {
        key: Key::new("conformance", format!("video/{}/{n}", n % 7)),
        scopes: vec![scope("many"), scope(&format!("many {}", n % 3))],
    };
    let wanted: Vec<Wanted> = (0..50).map(wanted).collect();
    let looks = tier.look_many(&wanted).await?;
    assert!(looks.iter().all(|(_, entry)| entry.is_none()) && looks.len() == wanted.len());
    let put = |((n, wanted), (stamp, _)): ((usize, &Wanted), Look)| Put {
        key: wanted.key.clone(),
        entry: entry(&format!("value {n}")),
        stamp,
    };
    let puts: Vec<Put> = wanted.iter().enumerate().zip(looks).map(put).collect();
    tier.put_many(&puts).await?;
    tier.invalidate(&[scope("many 1")]).await?;
    for (n, (_, found)) in tier.look_many(&wanted).await?.into_iter().enumerate() {
        let kept = (n % 3 != 1).then(|| entry(&format!("value {n}")));
        assert_eq!(found, kept, "the answer of key {n} among many");
    }
    let keys: Vec<Key> = wanted.iter().skip(40).map(|wanted| wanted.key.clone()).collect();
    tier.remove_many(&keys).await?;
    for (n, (_, found)) in tier.look_many(&wanted).await?.into_iter().enumerate() {
        assert_eq!(found.is_some(), n % 3 != 1 && n < 40, "key {n} after some were removed");
    }
    let (stamp, found) = tier.look(&wanted[0].key, &wanted[0].scopes).await?;
    assert_eq!(found, Some(entry("value 0")), "one look finds it too");
    tier.put(&wanted[0].key, &entry("over it"), &stamp).await?;
    assert_eq!(tier.get(&wanted[0].key).await?, Some(entry("over it")));
    Ok(())
}

async fn forgets_what_a_pattern_covers(tier: &dyn Tier) -> Result<(), TierError> {
    let keys = ["pattern/1/a", "pattern/1/b"].map(|id| Key::new("conformance", id));
    let other = Key::new("conformance 2", "pattern/1/a");
    let scopes = [Scope::namespace("conformance"), Scope::everything(), scope("pattern")];
    let elsewhere = [Scope::namespace("conformance 2"), Scope::everything(), scope("pattern")];
    for pattern in [Pattern::within("conformance", "*/1/?"), Pattern::across("conf*e", "pat*")] {
        put(tier, &other, &elsewhere, &entry("other")).await?;
        for key in &keys {
            put(tier, key, &scopes, &entry("old")).await?;
        }
        let early = tier.stamp(&keys[0], &scopes).await?;
        tier.invalidate_matching(&pattern).await?;
        for key in &keys {
            assert_eq!(tier.get(key).await?, None, "{pattern} did not cover {key}");
        }
        tier.put(&keys[0], &entry("old"), &early).await?;
        let late = tier.get(&keys[0]).await?;
        assert_eq!(late, None, "a load from before the invalidation of {pattern} is visible");
        put(tier, &keys[0], &scopes, &entry("new")).await?;
        assert_eq!(tier.get(&keys[0]).await?, Some(entry("new")), "a fresh entry was dropped");
    }
    Ok(())
}

async fn goes_by_time(tier: &dyn Tier, clock: &Clock) -> Result<(), TierError> {
    let (key, scopes) = (Key::new("conformance", "timed"), [scope("timed")]);
    let now = clock.wall();
    let timed = Entry {
        created: now,
        soft: Some(now + 100),
        expires: Some(now + 500),
        kept: Some(now + 1_000),
        cost: 77,
        ..entry("timed")
    };
    put(tier, &key, &scopes, &timed).await?;
    clock.advance(Duration::from_millis(999));
    assert_eq!(tier.get(&key).await?, Some(timed), "its moments travel with the entry");
    clock.advance(Duration::from_millis(1));
    assert_eq!(tier.get(&key).await?, None, "the entry is past its time");
    Ok(())
}

/// How a [`FaultyTier`] behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// As the tier under it.
    #[default]
    None,
    /// Every operation fails at once.
    Fails,
    /// Every operation waits for another fault. What was waiting is then done by the tier under
    /// it even when the caller has given up, as a request is that was already sent.
    Hangs,
}

/// A tier that fails or hangs on demand. Cloning gives a handle to the same one.
#[derive(Clone, Debug)]
pub struct FaultyTier {
    tier: Arc<dyn Tier>,
    fault: Arc<watch::Sender<Fault>>,
}

impl FaultyTier {
    /// Wraps a tier; it works at first.
    pub fn new(tier: impl Tier + 'static) -> Self {
        Self { tier: Arc::new(tier), fault: Arc::new(watch::Sender::new(Fault::None)) }
    }

    /// Changes how it behaves from now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    async fn faulty<T, F>(
        &self,
        operation: impl FnOnce(Arc<dyn Tier>) -> F + Send + 'static,
    ) -> Result<T, TierError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TierError>> + Send,
    {
        let (tier, mut fault) = (Arc::clone(&self.tier), self.fault.subscribe());
        let task = tokio::spawn(async move {
            let settled = fault.wait_for(|fault| *fault != Fault::Hangs).await.map(|fault| *fault);
            match settled {
                Ok(Fault::None) => operation(tier).await,
                Ok(_) | Err(_) => Err(TierError::Other("told to fail".into())),
            }
        });
        task.await.unwrap_or_else(|error| Err(TierError::Other(error.to_string())))
    }
}

#[async_trait]
impl Tier for FaultyTier {
    fn origin(&self) -> Origin {
        self.tier.origin()
    }

    async fn stamp(&self, key: &Key, scopes: &[Scope]) -> Result<Stamp, TierError> {
        let (key, scopes) = (key.clone(), scopes.to_vec());
        self.faulty(move |tier| async move { tier.stamp(&key, &scopes).await }).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Entry>, TierError> {
        let key = key.clone();
        self.faulty(move |tier| async move { tier.get(&key).await }).await
    }

    async fn put(&self, key: &Key, entry: &Entry, stamp: &Stamp) -> Result<(), TierError> {
        let (key, entry, stamp) = (key.clone(), entry.clone(), stamp.clone());
        self.faulty(move |tier| async move { tier.put(&key, &entry, &stamp).await }).await
    }

    async fn remove(&self, key: &Key) -> Result<(), TierError> {
        let key = key.clone();
        self.faulty(move |tier| async move { tier.remove(&key).await }).await
    }

    async fn remove_many(&self, keys: &[Key]) -> Result<(), TierError> {
        let keys = keys.to_vec();
        self.faulty(move |tier| async move { tier.remove_many(&keys).await }).await
    }

    async fn remove_to_set(&self, wanted: &[Wanted]) -> Result<Vec<Stamp>, TierError> {
        let wanted = wanted.to_vec();
        self.faulty(move |tier| async move { tier.remove_to_set(&wanted).await }).await
    }

    async fn invalidate(&self, scopes: &[Scope]) -> Result<(), TierError> {
        let scopes = scopes.to_vec();
        self.faulty(move |tier| async move { tier.invalidate(&scopes).await }).await
    }

    async fn look(&self, key: &Key, scopes: &[Scope]) -> Result<Look, TierError> {
        let (key, scopes) = (key.clone(), scopes.to_vec());
        self.faulty(move |tier| async move { tier.look(&key, &scopes).await }).await
    }

    async fn look_many(&self, wanted: &[Wanted]) -> Result<Vec<Look>, TierError> {
        let wanted = wanted.to_vec();
        self.faulty(move |tier| async move { tier.look_many(&wanted).await }).await
    }

    async fn put_many(&self, puts: &[Put]) -> Result<(), TierError> {
        let puts = puts.to_vec();
        self.faulty(move |tier| async move { tier.put_many(&puts).await }).await
    }

    fn is_shared(&self) -> bool {
        self.tier.is_shared()
    }

    async fn claim(&self, wanted: &[(Key, Stamp)]) -> Result<Vec<Option<Claim>>, TierError> {
        let wanted = wanted.to_vec();
        self.faulty(move |tier| async move { tier.claim(&wanted).await }).await
    }

    async fn renew(&self, claims: &[Claim]) -> Result<(), TierError> {
        let claims = claims.to_vec();
        self.faulty(move |tier| async move { tier.renew(&claims).await }).await
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), TierError> {
        let claims = claims.to_vec();
        self.faulty(move |tier| async move { tier.release(&claims).await }).await
    }

    fn attend(&self, hearer: Hearer) {
        self.tier.attend(hearer);
    }

    fn mark(&self, at: u64) {
        self.tier.mark(at);
    }

    async fn marked(&self) -> Result<Option<u64>, TierError> {
        self.faulty(move |tier| async move { tier.marked().await }).await
    }

    fn position(&self) -> Option<Position> {
        self.tier.position()
    }

    async fn reached(&self, position: Position) {
        self.tier.reached(position).await;
    }

    async fn invalidate_matching(&self, pattern: &Pattern) -> Result<(), TierError> {
        let pattern = pattern.clone();
        self.faulty(move |tier| async move { tier.invalidate_matching(&pattern).await }).await
    }

    async fn close(&self) -> Result<(), TierError> {
        self.faulty(move |tier| async move { tier.close().await }).await
    }

    fn stats(&self) -> TierStats {
        self.tier.stats()
    }
}

/// Reads bytes as a record, as tiers below memory do; `mended` with its magic and digest made right
/// before. For fuzzing.
///
/// # Panics
/// When a record was read that does not come out of writing what it says.
pub fn read_record(bytes: &Bytes, mended: bool) -> bool {
    let bytes = if mended { crate::entry::mended(bytes) } else { bytes.clone() };
    let Some(read) = decode(&bytes) else { return false };
    let again = encode(&read.key, &read.entry, &read.seen).map(Bytes::from);
    let again = again.and_then(|again| decode(&again));
    assert!(again.is_some_and(|again| again.key == read.key && again.entry == read.entry));
    true
}
