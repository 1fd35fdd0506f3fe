//! Batches of keys, and values that are set, between processes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rushes_cache::{
    Cache, Entry, Key, LoadError, Loaded, Lookup, Origin, Patience, Redis, RedisOptions, Tier,
    Wanted,
};

use crate::coherence::scopes_of;
use crate::proxy::Proxy;
use crate::server::Server;
use crate::source::{Source, eventually, hears, key, node, video};

/// Nothing but the leases is tested: a busy machine is not to look like a slow Redis.
fn patient() -> Patience {
    Patience { budget: Duration::from_secs(20), ..Patience::default() }
}

async fn patient_node(server: &Server) -> Cache {
    Cache::builder().memory(8 << 20).patient_tier(server.tier().await, patient()).build()
}

fn wanted(ids: impl IntoIterator<Item = u32>) -> Vec<Wanted> {
    let wanted = |id: u32| Wanted { key: key(&id.to_string()), scopes: vec![video()] };
    ids.into_iter().map(wanted).collect()
}

fn text(bytes: &str) -> Loaded {
    Loaded { bytes: Some(bytes.to_owned().into()), ttl: None }
}

/// How often each key was loaded; a load takes a while and brings the key itself.
#[derive(Clone, Default)]
struct Loads(Arc<Mutex<HashMap<Key, u32>>>);

impl Loads {
    async fn batch(&self, cache: &Cache, wanted: &[Wanted]) -> Vec<Origin> {
        let loads = self.clone();
        let load = move |keys: Vec<Key>| {
            let loads = loads.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let mut loads = loads.0.lock().unwrap();
                keys.iter().for_each(|key| *loads.entry(key.clone()).or_default() += 1);
                let loaded =
                    |key: &Key| Loaded { bytes: Some(key.id().to_vec().into()), ttl: None };
                Ok::<_, LoadError>(keys.iter().map(loaded).collect())
            }
        };
        let answers = cache.get_or_load_many(wanted, load).await;
        let answers = wanted.iter().zip(answers).map(|(wanted, answer)| {
            let answer = answer.unwrap();
            assert_eq!(answer.value.unwrap().bytes()[..], *wanted.key.id(), "another key's value");
            answer.origin
        });
        answers.collect()
    }

    fn twice(&self) -> Vec<Key> {
        let loads = self.0.lock().unwrap();
        loads.iter().filter(|(_, times)| **times > 1).map(|(key, _)| key.clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_load_each_key_of_their_batches_once() {
    let (server, loads) = (Server::start(), Loads::default());
    let node = async || {
        let options = RedisOptions { lease: patient().budget, ..RedisOptions::default() };
        Cache::builder().patient_tier(server.tier_with(options).await, patient()).build()
    };
    let (one, other) = (node().await, node().await);
    for round in 0..20 {
        let (first, second) = (round * 100..round * 100 + 30, round * 100 + 15..round * 100 + 45);
        let (first, second) = (wanted(first), wanted(second.rev()));
        let (first, second) = tokio::join!(loads.batch(&one, &first), loads.batch(&other, &second));
        let loaded = [first, second].concat();
        let loaded = loaded.iter().filter(|origin| **origin == Origin::Source).count();
        assert_eq!((loads.twice(), loaded), (Vec::new(), 45), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_waits_not_long_for_keys_whose_holder_died() {
    let (server, loads) = (Server::start(), Loads::default());
    let dying = server.tier().await;
    let (stamp, _) = dying.look(&key("3"), &scopes_of("captions")).await.unwrap();
    assert!(dying.claim(&[(key("3"), stamp)]).await.unwrap()[0].is_some());
    let begin = Instant::now();
    let origins = loads.batch(&node(server.tier().await), &wanted(0..6)).await;
    assert_eq!(origins, [Origin::Source; 6]);
    let waited = begin.elapsed();
    assert!(waited > Duration::from_millis(500), "{waited:?}: the lease was not respected");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_sets_the_others_find() {
    let server = Server::start();
    let (one, other) = (patient_node(&server).await, patient_node(&server).await);
    hears(&other, &one).await;
    for round in 0..20 {
        let value = |id: &Wanted| (id.clone(), text(&format!("{round} {}", id.key)));
        let wanted = wanted(0..30);
        one.set_many(wanted.iter().map(value).collect()).await;
        let token = one.token();
        eventually("the token", async || other.knows(&token, Duration::from_millis(20)).await)
            .await;
        for wanted in &wanted {
            for cache in [&one, &other] {
                let Lookup::Hit(found) = cache.get(&wanted.key).await else { panic!("a miss") };
                assert_eq!(found.bytes()[..], *format!("{round} {}", wanted.key).as_bytes());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_who_set_a_key_at_once_one_wins_everywhere() {
    let server = Server::start();
    let (one, other) = (patient_node(&server).await, patient_node(&server).await);
    hears(&other, &one).await;
    hears(&one, &other).await;
    let mut found_any = 0;
    for round in 0..300 {
        let (first, second) = (text(&format!("{round} one")), text(&format!("{round} other")));
        let (key, scopes) = (key("a"), [video()]);
        // From at once to one after the other: what is at once may cost both values.
        let later = Duration::from_micros(round % 30 * 300);
        let set_later = async {
            tokio::time::sleep(later).await;
            other.set(&key, &scopes, second).await;
        };
        tokio::join!(one.set(&key, &scopes, first), set_later);
        let (first, second) = (one.token(), other.token());
        for token in [first, second] {
            let all = async || {
                let at_most = Duration::from_millis(20);
                one.knows(&token, at_most).await && other.knows(&token, at_most).await
            };
            eventually("the token", all).await;
        }
        let mut found = Vec::new();
        for cache in [&one, &other, &Cache::builder().tier(server.tier().await).build()] {
            if let Lookup::Hit(value) = cache.get(&key).await {
                found.push(String::from_utf8(value.bytes().to_vec()).unwrap());
            }
        }
        found_any += found.len();
        assert!(found.iter().all(|value| value.starts_with(&format!("{round} "))), "{found:?}");
        found.dedup();
        assert!(found.len() <= 1, "they do not agree: {found:?}");
    }
    assert!(found_any > 100, "too little was kept: {found_any}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_while_redis_is_away_is_found_here_and_nothing_old_is_found_there() {
    let (server, source) = (Server::start(), Source::default());
    let proxy = Proxy::to(server.port).await;
    let tier = Redis::open(&proxy.url(), RedisOptions { deaf: None, ..RedisOptions::default() });
    let one = node(tier.unwrap());
    let found = async || {
        source.read(&one, "a").await;
        source.read(&node(server.tier().await), "a").await.1 == Origin::Redis
    };
    eventually("a record in Redis", found).await;
    hears(&one, &one).await;
    proxy.sever();
    let version = source.write();
    one.set(
        &key("a"),
        &[video()],
        Loaded { bytes: Some(version.to_be_bytes().to_vec().into()), ttl: None },
    )
    .await;
    assert_eq!(source.read(&one, "a").await, (version, Origin::Memory));
    proxy.mend();
    eventually("the payment", async || one.owes_nothing()).await;
    assert_eq!(source.read(&node(server.tier().await), "a").await, (version, Origin::Source));
}

#[tokio::test]
async fn what_one_sets_with_is_the_generation_of_his_own_removal() {
    let server = Server::start();
    let tier = server.tier().await;
    let wanted = Wanted { key: key("a"), scopes: scopes_of("captions") };
    // The second removal comes before the first one learns its generations.
    let stamps = tier.remove_to_set(&[wanted.clone(), wanted.clone()]).await.unwrap();
    let entry = |text: &str| Entry::new(Some(text.to_owned().into()));
    tier.put(&wanted.key, &entry("first"), &stamps[0]).await.unwrap();
    assert_eq!(tier.get(&wanted.key).await.unwrap(), None, "a removal came after it");
    tier.put(&wanted.key, &entry("second"), &stamps[1]).await.unwrap();
    assert_eq!(tier.get(&wanted.key).await.unwrap(), Some(entry("second")));
}
