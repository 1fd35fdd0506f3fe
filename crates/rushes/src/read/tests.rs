//! Windows through segments against what the database says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use rushes_store::{Change, EntryQuery, Kind, Window};
use tempfile::TempDir;

use super::grid::tests::video;
use super::{Counted, EntriesRequest, Tier, Total};
use crate::config::Settings;
use crate::engine::Rushes;
use crate::import::ImportOptions;

const KINDS: [&str; 2] = ["caption", "note"];

/// Two handles on a library of one video, as two processes would have them.
struct Library {
    _folder: TempDir,
    handles: [Rushes; 2],
    imports: AtomicUsize,
}

impl Library {
    async fn new() -> Self {
        Self::stale_for(Duration::ZERO).await
    }

    async fn stale_for(staleness: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { staleness, ..Settings::library(folder.path()) };
        let first = Rushes::open(settings.clone()).await.unwrap();
        first.inner.store.put_video(&video(5.0, 30.0)).await.unwrap();
        let handles = [first, Rushes::open(settings).await.unwrap()];
        Self { _folder: folder, handles, imports: AtomicUsize::new(0) }
    }

    async fn import(&self, by: usize, kind: &str, spans: &[(f64, f64)], replace: bool) {
        let number = self.imports.fetch_add(1, Ordering::Relaxed);
        let line = |(start, length): &(f64, f64)| {
            format!("{{\"start\":{start},\"end\":{},\"text\":\"{number}\"}}\n", start + length)
        };
        let text: String = spans.iter().map(line).collect();
        let options = ImportOptions {
            kind: Some(kind.to_owned()),
            model: format!("m{}", number % 3),
            replace,
            ..Default::default()
        };
        self.handles[by].import_bytes("a.mp4", text.into(), options).await.unwrap();
    }

    /// Reads all pages through the cache; each must be the one that the database would give.
    async fn check(&self, by: usize, mut request: EntriesRequest) -> Result<(), TestCaseError> {
        let engine = &self.handles[by];
        let kinds = request.kinds.iter().map(|kind| Kind::new(kind).unwrap()).collect();
        let mut query = EntryQuery {
            video: video(5.0, 30.0).id,
            kinds,
            window: Window::new(request.from, request.to).unwrap(),
            model: request.model.clone(),
            limit: request.limit.unwrap(),
            after: None,
        };
        let mut found = 0;
        loop {
            let due = engine.inner.store.entries(&query).await.unwrap();
            let page = engine.entries(&request).await.unwrap();
            let due_items: Vec<_> = due.items.into_iter().map(std::sync::Arc::new).collect();
            prop_assert_eq!(&page.items, &due_items);
            prop_assert_eq!(page.next.is_some(), due.next.is_some());
            found += due_items.len() as u64;
            if page.next.is_none() {
                prop_assert_eq!(page.total, Some(Counted { count: found, exact: true }));
            }
            (request.cursor, query.after) = (page.next, due.next);
            if query.after.is_none() {
                return Ok(());
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Import { by: usize, kind: usize, spans: Vec<(f64, f64)>, replace: bool },
    Read { by: usize, request: EntriesRequest },
}

/// Times on a grid of quarters, so that many fall on the bounds of segments and windows.
fn quarter(most: u32) -> impl Strategy<Value = f64> {
    (0..most * 4).prop_map(|quarters| f64::from(quarters) / 4.0)
}

fn import() -> impl Strategy<Value = Step> {
    let length = prop_oneof![4 => Just(0.0), 4 => quarter(3), 1 => quarter(60)];
    let few = prop::collection::vec((quarter(50), length), 0..12);
    // Enough to make segments short, and some too dense.
    let rate = prop::sample::select(vec![32.0, 1024.0]);
    let many = (quarter(30), 50..400u32, rate).prop_map(|(start, count, rate)| {
        (0..count).map(|n| (start + f64::from(n) / rate, f64::from(n % 5) / 8.0)).collect()
    });
    let spans =
        prop_oneof![3 => few, 1 => many].prop_filter("something", |s: &Vec<_>| !s.is_empty());
    (0..2usize, 0..2usize, spans, prop::bool::weighted(0.1))
        .prop_map(|(by, kind, spans, replace)| Step::Import { by, kind, spans, replace })
}

fn read() -> impl Strategy<Value = Step> {
    let bound = || prop::option::of(quarter(50));
    let kinds = prop::sample::subsequence(KINDS.to_vec(), 0..=2);
    let model = prop::option::weighted(0.2, Just("m1".to_owned()));
    (0..2usize, bound(), bound(), kinds, model, 1..40usize).prop_map(
        |(by, a, b, kinds, model, limit)| {
            let (from, to) = match (a, b) {
                (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
                bounds => bounds,
            };
            let request = EntriesRequest {
                video: "a.mp4".to_owned(),
                kinds: kinds.into_iter().map(str::to_owned).collect(),
                from,
                to,
                model,
                limit: Some(limit),
                cursor: None,
                total: Total::Exact,
            };
            Step::Read { by, request }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn windows_are_what_the_database_says_whoever_writes_in_between(
        steps in prop::collection::vec(prop_oneof![1 => import(), 3 => read()], 1..40)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let library = Library::new().await;
            for step in steps {
                match step {
                    Step::Import { by, kind, spans, replace } => {
                        library.import(by, KINDS[kind], &spans, replace).await;
                    }
                    Step::Read { by, request } => library.check(by, request).await?,
                }
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}

fn captions(from: f64, to: f64) -> EntriesRequest {
    EntriesRequest {
        video: "a.mp4".to_owned(),
        kinds: vec!["caption".to_owned()],
        from: Some(from),
        to: Some(to),
        limit: Some(1000),
        ..Default::default()
    }
}

/// A caption a tenth of a second: segments of eight seconds.
fn dense() -> Vec<(f64, f64)> {
    (50..350).map(|n| (f64::from(n) / 10.0, 0.0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_windows_share_what_was_read() {
    let library = Library::new().await;
    library.import(0, "caption", &dense(), false).await;
    let engine = &library.handles[0];
    let first = engine.entries(&captions(8.0, 24.0)).await.unwrap();
    assert_eq!(first.served.tier, Tier::Store);
    for (from, to) in [(10.0, 12.0), (9.0, 23.5), (16.0, 24.0), (23.0, 23.5)] {
        let part = engine.entries(&captions(from, to)).await.unwrap();
        assert_eq!(part.served.tier, Tier::Memory, "{from} to {to}");
    }
    assert_eq!(engine.entries(&captions(23.0, 25.0)).await.unwrap().served.tier, Tier::Store);
}

/// What lies beside the touched span stays cached, at either handle.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_drops_only_the_segments_that_it_touches() {
    let library = Library::new().await;
    library.import(0, "caption", &dense(), false).await;
    for engine in &library.handles {
        engine.entries(&captions(8.0, 32.0)).await.unwrap();
    }
    let (kind, window) = (Kind::new("caption").unwrap(), Window { from: 17.0, to: 18.0 });
    let change = Change::Entries { video: video(5.0, 30.0).id, kind, window };
    for engine in &library.handles {
        let touched = super::key::Scopes::touched(&change);
        engine.inner.cache.invalidate(&touched).await;
        // The overview of what is known is no segment.
        engine.known(&video(5.0, 30.0).id).await.unwrap();
        let tier = async |from, to| engine.entries(&captions(from, to)).await.unwrap().served.tier;
        assert_eq!(tier(8.0, 16.0).await, Tier::Memory);
        assert_eq!(tier(24.0, 32.0).await, Tier::Memory);
        assert_eq!(tier(16.0, 24.0).await, Tier::Store);
    }
}

/// Two commits never meet in one answer, though its segments were cached at different times: not
/// even where this handle has not heard of the later one.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_of_one_commit() {
    let library = Library::stale_for(Duration::from_secs(3600)).await;
    library.import(1, "caption", &dense(), false).await;
    let engine = &library.handles[0];
    let texts = async |from, to| {
        let window = engine.entries(&captions(from, to)).await.unwrap();
        let mut texts: Vec<_> = window.items.iter().map(|e| e.data["text"].clone()).collect();
        texts.dedup();
        texts
    };
    assert_eq!(texts(8.0, 16.0).await, ["0"]);
    library.import(1, "caption", &dense(), true).await;
    assert_eq!(texts(8.0, 16.0).await, ["0"], "not heard of yet");
    assert_eq!(texts(8.0, 32.0).await, ["1"]);
    assert_eq!(texts(8.0, 16.0).await, ["1"]);
}

/// Many videos in one call: each gets what it would get alone, and an unknown one its own error.
#[tokio::test(flavor = "multi_thread")]
async fn many_videos_are_answered_in_one_call() {
    let library = Library::new().await;
    let engine = &library.handles[0];
    let mut requests = Vec::new();
    for number in 1..21u8 {
        let hash = rushes_store::BlobHash([number; 32]);
        let name = format!("{number}.mp4");
        let id = rushes_store::VideoId::of(&hash);
        let video = rushes_store::Video { id, hash, name: name.clone(), ..video(0.0, 60.0) };
        engine.inner.store.put_video(&video).await.unwrap();
        let line = |n| format!("{{\"start\":{n},\"end\":{},\"text\":\"{number}\"}}\n", n + 3);
        let text: String = (0..60).map(line).collect();
        let options = ImportOptions { kind: Some("caption".to_owned()), ..Default::default() };
        engine.import_bytes(&name, text.into(), options).await.unwrap();
        requests.push(EntriesRequest { video: name, ..captions(10.0, 20.0) });
    }
    requests[7].video = "nobody.mp4".to_owned();
    let together = engine.entries_of(&requests).await;
    for (number, (request, answer)) in requests.iter().zip(together).enumerate() {
        let alone = library.handles[1].entries(request).await;
        match (answer, alone) {
            (Ok(answer), Ok(alone)) => {
                assert_eq!(answer.items, alone.items, "{number}");
                assert_eq!((answer.items.len(), answer.served.tier), (12, Tier::Store));
            }
            (Err(answer), Err(alone)) => assert_eq!((number, answer.kind()), (7, alone.kind())),
            (answer, _) => panic!("{number}: {answer:?}"),
        }
    }
    let again = engine.entries_of(&requests).await;
    let in_memory = again.iter().flatten().all(|answer| answer.served.tier == Tier::Memory);
    assert!(in_memory && again.iter().flatten().count() == 19);
}

/// A stream is all pages, each once; what is read ahead ends with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_brings_all_pages_and_ends_when_dropped() {
    let library = Library::new().await;
    library.import(0, "caption", &dense(), false).await;
    let engine = &library.handles[0];
    let request = EntriesRequest { limit: Some(7), ..captions(8.0, 24.0) };
    let pages: Vec<_> = engine.entries_stream(request.clone()).try_collect().await.unwrap();
    let sizes: Vec<usize> = pages.iter().map(|page| page.items.len()).collect();
    assert_eq!(sizes, [vec![7; 22], vec![6]].concat());
    let streamed: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
    assert_eq!(streamed, engine.entries(&captions(8.0, 24.0)).await.unwrap().items);

    let mut cut = Box::pin(engine.entries_stream(request.clone()));
    cut.try_next().await.unwrap().unwrap();
    drop(cut);
    let nobody = EntriesRequest { video: "nobody.mp4".to_owned(), ..request };
    let failed: Vec<_> = engine.entries_stream(nobody).collect().await;
    assert!(failed.len() == 1 && failed[0].is_err(), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_counted_or_estimated_and_say_which() {
    let library = Library::new().await;
    library.import(0, "caption", &dense(), false).await;
    let engine = &library.handles[0];
    let total = async |total, from, to| {
        let request = EntriesRequest { limit: Some(5), total, ..captions(from, to) };
        engine.entries(&request).await.unwrap().total.map(|total| (total.count, total.exact))
    };
    assert_eq!(total(Total::None, 8.0, 24.0).await, None);
    assert_eq!(total(Total::Exact, 8.0, 24.0).await, Some((160, true)));
    // 300 captions over the 30 seconds from 5 on.
    assert_eq!(total(Total::Estimated, 8.0, 24.0).await, Some((160, false)));
    assert_eq!(total(Total::Estimated, 0.0, 900.0).await, Some((300, false)));
    library.import(0, "caption", &[(9.0, 1.0)], false).await;
    assert_eq!(total(Total::Exact, 8.0, 24.0).await, Some((161, true)), "an import is counted");
}
