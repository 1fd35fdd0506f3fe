//! Many keys at once: what is cached, what is being loaded, and one load for the rest.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rushes_cache::{Cache, Fetched, Key, LoadError, Loaded, Origin, Scope, Wanted};
use tokio::sync::oneshot;

fn key(id: &str) -> Key {
    Key::new("segments", id)
}

fn scope(id: &str) -> Scope {
    Scope::path(["segment", id])
}

fn wanted(ids: &[&str]) -> Vec<Wanted> {
    ids.iter().map(|id| Wanted { key: key(id), scopes: vec![scope(id)] }).collect()
}

/// A loader that answers each key with its own id, and remembers what it was asked for.
#[derive(Clone, Default)]
struct Echo(Arc<Mutex<Vec<Vec<String>>>>);

impl Echo {
    async fn load(self, keys: Vec<Key>) -> Result<Vec<Loaded>, LoadError> {
        let ids: Vec<String> =
            keys.iter().map(|key| String::from_utf8(key.id().to_vec()).unwrap()).collect();
        self.0.lock().unwrap().push(ids.clone());
        Ok(ids.into_iter().map(|id| Loaded { bytes: Some(Bytes::from(id)), ttl: None }).collect())
    }

    async fn fetch(&self, cache: &Cache, ids: &[&str]) -> Vec<(String, Origin)> {
        let echo = self.clone();
        let wanted = wanted(ids);
        let answers = cache.get_or_load_many(&wanted, move |keys| echo.clone().load(keys)).await;
        answers.iter().map(|answer| seen(answer.as_ref().unwrap())).collect()
    }

    fn asked(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn seen(fetched: &Fetched) -> (String, Origin) {
    let bytes = fetched.value.as_ref().unwrap().bytes().to_vec();
    (String::from_utf8(bytes).unwrap(), fetched.origin)
}

fn all_from(origin: Origin, ids: &[&str]) -> Vec<(String, Origin)> {
    ids.iter().map(|id| ((*id).to_owned(), origin)).collect()
}

#[tokio::test]
async fn only_what_is_missing_is_loaded_in_one_call() {
    let (cache, echo) = (Cache::builder().memory(1 << 20).build(), Echo::default());
    assert_eq!(echo.fetch(&cache, &["b", "a"]).await, all_from(Origin::Source, &["b", "a"]));
    let got = echo.fetch(&cache, &["a", "c", "b", "d"]).await;
    let origins: Vec<Origin> = got.iter().map(|(_, origin)| *origin).collect();
    assert_eq!(origins, [Origin::Memory, Origin::Source, Origin::Memory, Origin::Source]);
    assert_eq!(got.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "c", "b", "d"]);
    assert_eq!(echo.asked(), [vec!["b", "a"], vec!["c", "d"]]);
    assert!(echo.fetch(&cache, &[]).await.is_empty());
    assert_eq!(echo.fetch(&cache, &["a", "b", "c", "d"]).await.len(), 4);
    assert!(echo.asked().is_empty(), "all was cached");
}

#[tokio::test]
async fn a_key_wanted_twice_is_loaded_once() {
    let (cache, echo) = (Cache::builder().memory(1 << 20).build(), Echo::default());
    let got = echo.fetch(&cache, &["a", "a", "a"]).await;
    assert_eq!(got, all_from(Origin::Source, &["a", "a", "a"]));
    assert_eq!(echo.asked(), [["a"]]);
}

#[tokio::test]
async fn what_another_caller_loads_is_waited_for() {
    let (cache, echo) = (Cache::builder().memory(1 << 20).build(), Echo::default());
    let (began, has_begun) = oneshot::channel();
    let (gate, answer) = oneshot::channel::<Result<Loaded, LoadError>>();
    let single = tokio::spawn({
        let cache = cache.clone();
        async move {
            let load = move || async move {
                began.send(()).unwrap();
                answer.await.unwrap()
            };
            cache.get_or_load(&key("a"), &[scope("a")], load).await
        }
    });
    has_begun.await.unwrap();
    let batch = tokio::spawn({
        let (cache, echo) = (cache.clone(), echo.clone());
        async move { echo.fetch(&cache, &["a", "b"]).await }
    });
    while echo.0.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    gate.send(Ok(Loaded { bytes: Some("single".into()), ttl: None })).unwrap();
    single.await.unwrap().unwrap();
    let got = batch.await.unwrap();
    assert_eq!(got[0].0, "single");
    assert_eq!(echo.asked(), [["b"]]);
}

#[tokio::test]
async fn when_the_load_of_another_caller_is_lost_the_batch_takes_over() {
    let (cache, echo) = (Cache::builder().memory(1 << 20).build(), Echo::default());
    let (began, has_begun) = oneshot::channel();
    let (gate, answer) = oneshot::channel::<Result<Loaded, LoadError>>();
    let single = tokio::spawn({
        let cache = cache.clone();
        async move {
            let load = move || async move {
                began.send(()).unwrap();
                answer.await.expect("the test drops the gate: a panic is what it wants")
            };
            cache.get_or_load(&key("a"), &[scope("a")], load).await
        }
    });
    has_begun.await.unwrap();
    let batch = tokio::spawn({
        let (cache, echo) = (cache.clone(), echo.clone());
        async move { echo.fetch(&cache, &["b", "a"]).await }
    });
    while echo.0.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(gate);
    single.await.unwrap().unwrap_err();
    assert_eq!(batch.await.unwrap(), all_from(Origin::Source, &["b", "a"]));
    assert_eq!(echo.asked(), [["b"], ["a"]]);
}

#[tokio::test]
async fn each_key_of_a_batch_is_fenced_by_its_own_scopes() {
    let cache = Cache::builder().memory(1 << 20).build();
    let inner = cache.clone();
    let load = move |keys: Vec<Key>| {
        let cache = inner.clone();
        async move {
            cache.invalidate(&[scope("a")]).await;
            Ok(keys.iter().map(|_| Loaded { bytes: Some("old".into()), ttl: None }).collect())
        }
    };
    let answers = cache.get_or_load_many(&wanted(&["a", "b"]), load).await;
    assert!(answers.iter().all(Result::is_ok), "those who waited get it");
    let echo = Echo::default();
    let got = echo.fetch(&cache, &["a", "b"]).await;
    assert_eq!(got, [("a".to_owned(), Origin::Source), ("old".to_owned(), Origin::Memory)]);
}

#[tokio::test]
async fn an_error_or_a_wrong_count_reaches_every_key_and_is_not_cached() {
    let cache = Cache::builder().memory(1 << 20).build();
    let failing = |_| async { Err(Arc::new(std::fmt::Error) as LoadError) };
    let answers = cache.get_or_load_many(&wanted(&["a", "b"]), failing).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 2);
    let short = |_| async { Ok(vec![Loaded::default()]) };
    let answers = cache.get_or_load_many(&wanted(&["a", "b"]), short).await;
    for answer in answers {
        let error = answer.unwrap_err().to_string();
        assert!(error.contains("1 values for 2 keys"), "{error}");
    }
    let echo = Echo::default();
    assert_eq!(echo.fetch(&cache, &["a", "b"]).await, all_from(Origin::Source, &["a", "b"]));
    assert_eq!(cache.stats().flights, 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_batch_looks_in_the_tiers_below() {
    let folder = tempfile::TempDir::new().unwrap();
    let cache = || {
        let disk = rushes_cache::Disk::open(folder.path(), 1 << 20).unwrap();
        Cache::builder().memory(1 << 20).tier(disk).build()
    };
    let (first, echo) = (cache(), Echo::default());
    echo.fetch(&first, &["a", "b"]).await;
    first.close().await.unwrap();
    let second = cache();
    let got = echo.fetch(&second, &["a", "c", "b"]).await;
    let origins: Vec<Origin> = got.iter().map(|(_, origin)| *origin).collect();
    assert_eq!(origins, [Origin::Disk, Origin::Source, Origin::Disk]);
    let again = echo.fetch(&second, &["a", "c", "b"]).await;
    assert_eq!(again, all_from(Origin::Memory, &["a", "c", "b"]));
}

#[tokio::test]
async fn what_is_set_takes_the_place_of_what_is_there_and_of_what_is_being_loaded() {
    let (cache, echo) = (Cache::builder().memory(1 << 20).build(), Echo::default());
    echo.fetch(&cache, &["a"]).await;
    let (began, has_begun) = oneshot::channel();
    let (gate, answer) = oneshot::channel::<Result<Loaded, LoadError>>();
    let loading = tokio::spawn({
        let cache = cache.clone();
        async move {
            let load = move || async move {
                began.send(()).unwrap();
                answer.await.unwrap()
            };
            cache.get_or_load(&key("b"), &[scope("b")], load).await
        }
    });
    has_begun.await.unwrap();
    let set = |text: &str| Loaded { bytes: Some(text.to_owned().into()), ttl: None };
    let ids = wanted(&["a", "b", "c", "c"]);
    cache.set_many(ids.into_iter().zip(["1", "2", "no", "3"].map(set)).collect()).await;
    gate.send(Ok(set("old"))).unwrap();
    assert_eq!(seen(&loading.await.unwrap().unwrap()).0, "old", "who waited before gets it");
    let found: Vec<String> =
        echo.fetch(&cache, &["a", "b", "c"]).await.into_iter().map(|(text, _)| text).collect();
    assert_eq!(found, ["1", "2", "3"]);
    cache.invalidate(&[scope("b")]).await;
    assert_eq!(echo.fetch(&cache, &["b"]).await, all_from(Origin::Source, &["b"]));
    assert_eq!((echo.asked().len(), cache.stats().flights), (2, 0));
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_set_is_kept_in_every_tier() {
    let folder = tempfile::TempDir::new().unwrap();
    let cache = || {
        let disk = rushes_cache::Disk::open(folder.path(), 1 << 20).unwrap();
        Cache::builder().memory(1 << 20).tier(disk).build()
    };
    let (first, echo) = (cache(), Echo::default());
    echo.fetch(&first, &["a", "b"]).await;
    let value = Loaded { bytes: Some("set".into()), ttl: None };
    first.set(&key("a"), &[scope("a")], value).await;
    first.close().await.unwrap();
    let got = echo.fetch(&cache(), &["a", "b"]).await;
    assert_eq!(got, [("set".to_owned(), Origin::Disk), ("b".to_owned(), Origin::Disk)]);
}
