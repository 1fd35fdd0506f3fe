//! Searches find, rank and show in PostgreSQL what they do in SQLite.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rushes_store::testing::PostgresServer;
use rushes_store::{Hit, SearchQuery, SqliteOptions, SqliteStore, Store, Window};

use crate::library::{caption, fill, open, put};

const WORDS: [&str; 14] = [
    "heron",
    "Héron",
    "water",
    "grey",
    "it's",
    "reeds.",
    "a",
    "the",
    "50%",
    "日本語",
    "x|y",
    "dog,",
    "well: so",
    "end\n",
];

fn text(words: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS.to_vec()), words)
        .prop_map(|words| words.join(" "))
}

fn words(text: String) -> SearchQuery {
    SearchQuery {
        text: Some(text),
        label: None,
        videos: Vec::new(),
        kinds: Vec::new(),
        window: Window::ALL,
        limit: 20,
        offset: 0,
    }
}

/// Scores are sums of the same numbers in the same order; logarithms may differ in the last digit.
fn agree(a: &[Hit], b: &[Hit]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            a.entry == b.entry
                && a.snippet == b.snippet
                && (a.score - b.score).abs() <= a.score.abs() * 1e-12
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let sqlite = SqliteStore::open(&file, &SqliteOptions::default()).unwrap();
    let postgres = open(&PostgresServer::shared().database("search")).await.unwrap();
    let stores: [&dyn Store; 2] = [&sqlite, &postgres];
    let runtime = tokio::runtime::Handle::current();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let texts = prop::collection::vec(prop_oneof![4 => text(0..8), 1 => text(20..90)], 1..12);
    let asked = prop::collection::vec(text(1..4), 1..8);
    let round = std::sync::atomic::AtomicU32::new(0);
    tokio::task::block_in_place(|| {
        let run = |(texts, asked): (Vec<String>, Vec<String>)| {
            let name = round.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
            for store in stores {
                let entries = texts.iter().zip(0..).map(|(text, n)| caption(f64::from(n), text));
                runtime.block_on(async {
                    fill(store, &put(store, &name).await, entries.collect()).await;
                });
            }
            for text in asked {
                let query = words(text);
                let [a, b] = stores.map(|store| runtime.block_on(store.search(&query)).unwrap());
                prop_assert!(agree(&a, &b), "{query:?}\n{a:#?}\n{b:#?}");
            }
            Ok(())
        };
        TestRunner::new(config).run(&(texts, asked), run).unwrap();
    });
}
