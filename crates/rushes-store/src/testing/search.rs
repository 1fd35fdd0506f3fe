//! Checks about search.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Open;
use super::fixture::{Handle, caption, entry, fill, kind, object, put, words};
use crate::error::Error;
use crate::model::{NewEntry, Window};
use crate::query::{Hit, SearchQuery};
use crate::store::Older;

fn texts(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.entry.data["text"].as_str().unwrap_or_default()).collect()
}

async fn found(store: &Handle, text: &str) -> Vec<Hit> {
    store.search(&words(text)).await.unwrap()
}

pub(super) async fn ranks_and_marks_words(open: Open<'_>) {
    let store = open("ranks").await;
    let video = put(&store, "one.mp4").await;
    let long = format!("{} a heron {}", "grey water ".repeat(40), "and reeds ".repeat(40));
    let entries = vec![
        caption(1.0, 2.0, &long),
        caption(2.0, 3.0, "heron, heron: a HERON"),
        caption(3.0, 4.0, "Une héronnière à l'été"),
        caption(4.0, 5.0, "a dog by the water"),
        caption(5.0, 6.0, "   "),
    ];
    fill(&store, &video, "m", entries, Older::Keep).await;
    let hits = found(&store, "heron").await;
    assert_eq!(texts(&hits), ["heron, heron: a HERON", long.as_str()]);
    assert!(hits[0].score > hits[1].score);
    assert!(hits[0].snippet.contains("a \u{2}HERON\u{3}"), "{:?}", hits[0].snippet);
    assert!(hits[1].snippet.contains("\u{2}heron\u{3}"));
    assert!(hits[1].snippet.len() < long.len() / 2, "the snippet is the whole text");
    assert_eq!(texts(&found(&store, "ETE heronniere").await), ["Une héronnière à l'été"]);
    // All words if anything has them all, else any; pages do not mix the two.
    assert_eq!(texts(&found(&store, "water heron").await), [long.as_str()]);
    let past = SearchQuery { offset: 1, ..words("water heron") };
    assert_eq!(texts(&store.search(&past).await.unwrap()), [""; 0]);
    let any = found(&store, "dog heron").await;
    assert_eq!(any.len(), 3);
    for (offset, hit) in any.iter().enumerate() {
        let page = SearchQuery { offset, limit: 1, ..words("dog heron") };
        assert_eq!(texts(&store.search(&page).await.unwrap()), texts(std::slice::from_ref(hit)));
    }
}

/// No text is an error, and none finds what does not hold its words.
pub(super) async fn takes_any_text_as_words(open: Open<'_>) {
    let store = open("hostile").await;
    let video = put(&store, "one.mp4").await;
    let odd =
        ["NEAR the OR gate, NOT text:", "it's 50% off; DROP TABLE", "nul\0inside", "日本語 字幕"];
    let entries = odd.iter().map(|text| caption(1.0, 2.0, text)).collect();
    fill(&store, &video, "m", entries, Older::Keep).await;
    for (text, expected) in [
        ("near or not", odd[0]),
        ("\"NEAR\"", odd[0]),
        ("text:", odd[0]),
        ("50% off;", odd[1]),
        ("it's", odd[1]),
        ("日本語", odd[3]),
    ] {
        assert_eq!(texts(&found(&store, text).await), [expected], "{text:?}");
    }
    for text in
        ["", " ", "*", "\"", "\"\"\"", "^", "-", "()", "\0", "{ } :", "🦀", "gat*", "zebra*"]
    {
        assert_eq!(texts(&found(&store, text).await), [""; 0], "{text:?}");
    }
    for text in ["NEAR(", "a AND", "OR", "x NOT", "text:x", "{text} : y", "a\0b", "+ -x", "'"] {
        store.search(&words(text)).await.unwrap();
    }
    let longest = "word ".repeat(20_000) + &"x".repeat(100_000);
    store.search(&words(&longest)).await.unwrap();

    let runtime = tokio::runtime::Handle::current();
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    let any = prop_oneof!["\\PC{0,24}", "[-\"'*^(){}:+. a-c\u{0}]{0,24}", any::<String>()];
    tokio::task::block_in_place(|| {
        let run = |text: String| {
            runtime.block_on(store.search(&words(&text))).unwrap();
            Ok(())
        };
        TestRunner::new(config).run(&any, run).unwrap();
    });
}

pub(super) async fn narrows_by_video_kind_window_and_class(open: Open<'_>) {
    let store = open("narrow").await;
    let (one, two) = (put(&store, "one.mp4").await, put(&store, "two.mp4").await);
    let spoken = NewEntry { kind: kind("transcript"), ..caption(50.0, 60.0, "heron spoken") };
    let labelled = NewEntry { label: Some("Bird".to_owned()), ..caption(5.0, 5.0, "heron class") };
    let entries = vec![caption(1.0, 2.0, "heron one"), spoken, labelled];
    fill(&store, &one, "m", entries, Older::Keep).await;
    fill(&store, &two, "m", vec![caption(1.0, 2.0, "heron two")], Older::Keep).await;
    let ask = |query: SearchQuery| {
        let store = &store;
        async move {
            let hits = store.search(&query).await.unwrap();
            let mut texts: Vec<String> =
                texts(&hits).iter().map(|text| text.replace("heron ", "")).collect();
            texts.sort();
            texts
        }
    };
    let all = || words("heron");
    assert_eq!(ask(all()).await, ["class", "one", "spoken", "two"]);
    assert_eq!(ask(SearchQuery { videos: vec![two.id.clone()], ..all() }).await, ["two"]);
    assert_eq!(ask(SearchQuery { kinds: vec![kind("transcript")], ..all() }).await, ["spoken"]);
    let window = Window { from: 55.0, to: 56.0 };
    assert_eq!(ask(SearchQuery { window, ..all() }).await, ["spoken"]);
    let window = Window { from: 2.0, to: 5.0 };
    assert_eq!(ask(SearchQuery { window, ..all() }).await, [""; 0]);
    assert_eq!(ask(SearchQuery { label: Some("bird".to_owned()), ..all() }).await, ["class"]);
    let nothing = SearchQuery { text: None, ..all() };
    assert!(matches!(store.search(&nothing).await, Err(Error::Invalid(_))));
}

pub(super) async fn finds_objects_by_class(open: Open<'_>) {
    let store = open("classes").await;
    let video = put(&store, "one.mp4").await;
    let objects = vec![
        object(1.0, "Person", 0.5),
        object(2.0, "person", 0.9),
        object(3.0, "personal", 0.99),
        entry("object", 4.0, 4.0),
    ];
    fill(&store, &video, "m", objects, Older::Keep).await;
    let by_class =
        |label: &str| SearchQuery { text: None, label: Some(label.to_owned()), ..words("") };
    let hits = store.search(&by_class("PERSON ")).await.unwrap();
    let shown: Vec<_> = hits.iter().map(|hit| (hit.score, hit.snippet.as_str())).collect();
    assert_eq!(shown, [(0.9, "\u{2}person\u{3}"), (0.5, "\u{2}Person\u{3}")]);
    let second = SearchQuery { offset: 1, limit: 5, ..by_class("person") };
    assert_eq!(store.search(&second).await.unwrap(), hits[1..]);
    assert_eq!(store.search(&by_class("%")).await.unwrap(), []);
}

pub(super) async fn forgets_what_was_removed(open: Open<'_>) {
    let store = open("forgets").await;
    let video = put(&store, "one.mp4").await;
    fill(&store, &video, "m", vec![caption(1.0, 2.0, "heron")], Older::Keep).await;
    fill(&store, &video, "n", vec![caption(1.0, 2.0, "egret")], Older::Replace).await;
    assert_eq!(texts(&found(&store, "heron").await), [""; 0]);
    assert_eq!(texts(&found(&store, "egret").await), ["egret"]);
    store.remove_video(&video.id).await.unwrap();
    assert_eq!(texts(&found(&store, "egret").await), [""; 0]);
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}
