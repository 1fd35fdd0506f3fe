//! Windows, page by page, against a filter over everything.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::Open;
use super::fixture::{Handle, entry, everything, fill, kind, pages, put, video};
use crate::model::{NewEntry, Video, Window};
use crate::query::EntryQuery;
use crate::store::Older;

const KINDS: [&str; 3] = ["caption", "frame", "shot"];
const MODELS: [&str; 2] = ["m", "n"];

/// One entry: kind, model, start and duration in seconds.
type Row = (usize, usize, f64, f64);

#[derive(Clone, Debug)]
struct Asked {
    kinds: Vec<usize>,
    model: Option<usize>,
    window: (f64, f64),
    limit: usize,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    // Few different starts, so that many tie; before zero too, as some containers have it.
    let start = prop_oneof![
        4 => (-8..80i32).prop_map(|n| f64::from(n) / 4.0),
        1 => (0..400i32).prop_map(f64::from),
        1 => -1e3..1e6f64,
    ];
    let duration = prop_oneof![
        3 => Just(0.0),
        3 => (0..40i32).prop_map(|n| f64::from(n) / 8.0),
        1 => 59.0..61.0f64,
        1 => Just(60.0),
        1 => 60.0..5000.0f64,
    ];
    let row = (0..KINDS.len(), 0..MODELS.len(), start, duration);
    prop::collection::vec(row, 0..80)
}

fn asked() -> impl Strategy<Value = Asked> {
    let edge = || {
        prop_oneof![
            4 => (-8..80i32).prop_map(|n| f64::from(n) / 4.0),
            1 => (0..400i32).prop_map(f64::from),
            1 => Just(f64::MIN),
            1 => Just(f64::MAX),
            1 => 0.0..1e6f64,
        ]
    };
    let window = (edge(), edge()).prop_map(|(a, b)| (f64::min(a, b), f64::max(a, b)));
    let kinds = prop::sample::subsequence(vec![0, 1, 2], 0..3);
    let model = proptest::option::weighted(0.2, 0..MODELS.len());
    (kinds, model, window, 1..20usize).prop_map(|(kinds, model, window, limit)| Asked {
        kinds,
        model,
        window,
        limit,
    })
}

pub(super) async fn agree_with_a_naive_filter(open: Open<'_>) {
    let store = open("windows").await;
    let runtime = tokio::runtime::Handle::current();
    let case = std::sync::atomic::AtomicU32::new(0);
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    let strategy = (rows(), prop::collection::vec(asked(), 1..12));
    tokio::task::block_in_place(|| {
        let run = |(rows, asked): (Vec<Row>, Vec<Asked>)| {
            let case = case.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let video = video(&format!("{case}.mp4"));
            runtime.block_on(compare(&store, &video, &rows, &asked));
            Ok(())
        };
        TestRunner::new(config).run(&strategy, run).unwrap();
    });
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}

async fn compare(store: &Handle, video: &Video, rows: &[Row], asked: &[Asked]) {
    store.put_video(video).await.unwrap();
    for (number, model) in MODELS.iter().enumerate() {
        let of_model = rows.iter().enumerate().filter(|(_, row)| row.1 == number);
        let entries = of_model.map(|(n, row)| new_entry(n, row)).collect();
        fill(store, video, model, entries, Older::Keep).await;
    }
    for asked in asked {
        let found: Vec<usize> = pages(store, query(video, asked))
            .await
            .iter()
            .map(|entry| usize::try_from(entry.data["n"].as_u64().unwrap()).unwrap())
            .collect();
        let expected = naive(rows, asked);
        assert_eq!(found, expected, "{asked:?}");
        let count = store.count(&query(video, asked)).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{asked:?}");
    }
}

fn new_entry(number: usize, row: &Row) -> NewEntry {
    let (kind, _, start, duration) = *row;
    NewEntry { data: json!({"n": number}), ..entry(KINDS[kind], start, start + duration) }
}

fn query(video: &Video, asked: &Asked) -> EntryQuery {
    EntryQuery {
        kinds: asked.kinds.iter().map(|number| kind(KINDS[*number])).collect(),
        model: asked.model.map(|number| MODELS[number].to_owned()),
        window: Window { from: asked.window.0, to: asked.window.1 },
        limit: asked.limit,
        ..everything(video)
    }
}

/// Numbers of the rows in the window, by start; ties in the order in which they were written.
fn naive(rows: &[Row], asked: &Asked) -> Vec<usize> {
    let window = Window { from: asked.window.0, to: asked.window.1 };
    let wanted = |row: &Row| {
        let (kind, model, start, duration) = *row;
        (asked.kinds.is_empty() || asked.kinds.contains(&kind))
            && asked.model.is_none_or(|asked| asked == model)
            && window.holds(start, start + duration)
    };
    let mut numbers: Vec<usize> = (0..rows.len()).filter(|n| wanted(&rows[*n])).collect();
    numbers.sort_by(|a, b| {
        let key = |n: &usize| (rows[*n].2 + 0.0, rows[*n].1);
        key(a).partial_cmp(&key(b)).unwrap().then(a.cmp(b))
    });
    numbers
}

/// The definition, case by case: instants, edges, entries that reach in, and an empty window.
pub(super) async fn hold_what_their_definition_says(open: Open<'_>) {
    let store = open("window-edges").await;
    let video = put(&store, "one.mp4").await;
    let spans = [(10.0, 10.0), (20.0, 20.0), (5.0, 10.0), (5.0, 10.5), (15.0, 25.0), (0.0, 500.0)];
    let entries = spans.iter().map(|(start, end)| entry("shot", *start, *end)).collect();
    fill(&store, &video, "m", entries, Older::Keep).await;
    let held = |from: f64, to: f64| {
        let query = EntryQuery { window: Window { from, to }, ..everything(&video) };
        let store = &store;
        async move {
            let items = store.entries(&query).await.unwrap().items;
            items.iter().map(|entry| (entry.start, entry.end)).collect::<Vec<_>>()
        }
    };
    assert_eq!(held(10.0, 20.0).await, [(0.0, 500.0), (5.0, 10.5), (10.0, 10.0), (15.0, 25.0)]);
    assert_eq!(held(20.0, 20.0).await, [(0.0, 500.0), (15.0, 25.0)]);
    assert_eq!(held(500.0, 900.0).await, []);
    assert_eq!(held(499.5, f64::MAX).await, [(0.0, 500.0)]);
}
