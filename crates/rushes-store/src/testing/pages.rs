//! Checks about pages of entries and single ones.

use super::Open;
use super::fixture::{caption, everything, fill, frame, kind, put};
use crate::query::EntryQuery;
use crate::store::Older;

pub(super) async fn stay_stable_while_entries_come(open: Open<'_>) {
    let store = open("stable").await;
    let video = put(&store, "one.mp4").await;
    // Three at each second: pages of four end within ties.
    let batch = (0..30).map(|n| caption(f64::from(n / 3), 100.0, &format!("old {n}")));
    fill(&store, &video, "m", batch.collect(), Older::Keep).await;
    let mut query = EntryQuery { limit: 4, ..everything(&video) };
    let mut seen = Vec::new();
    let mut round = 0;
    loop {
        let page = store.entries(&query).await.unwrap();
        seen.extend(page.items);
        query.after = page.next;
        let Some(cursor) = page.next else { break };
        let around = [cursor.start - 0.5, cursor.start, cursor.start + 0.5];
        let name = |at: f64| format!("new {at} {round}");
        let batch = around.iter().map(|at| caption(*at, 100.0, &name(*at))).collect();
        fill(&store, &video, if round % 2 == 0 { "m" } else { "n" }, batch, Older::Keep).await;
        round += 1;
        if round == 3 {
            query.limit = 9;
        }
        assert!(round < 100, "the pages never end");
    }
    let texts: Vec<&str> = seen.iter().map(|entry| entry.data["text"].as_str().unwrap()).collect();
    let old: Vec<&str> = texts.iter().copied().filter(|text| text.starts_with("old")).collect();
    let expected: Vec<String> = (0..30).map(|n| format!("old {n}")).collect();
    assert_eq!(old, expected, "old entries are lost, doubled or out of order");
    let keys: Vec<_> = seen.iter().map(|entry| (entry.start, entry.id)).collect();
    assert!(keys.is_sorted_by(|a, b| a < b), "out of order: {keys:?}");
    assert!(texts.len() > 40, "entries after the cursor are not seen");
}

pub(super) async fn find_the_last_entry_before_a_moment(open: Open<'_>) {
    let store = open("entry-at").await;
    let video = put(&store, "one.mp4").await;
    let frames = |times: &[f64]| times.iter().map(|at| frame(*at, b"picture")).collect();
    fill(&store, &video, "m", frames(&[1.0, 3.0, 5.0]), Older::Keep).await;
    fill(&store, &video, "n", frames(&[2.0, 3.0]), Older::Keep).await;
    fill(&store, &video, "m", vec![caption(0.0, 9.0, "x")], Older::Keep).await;
    let expected = [
        (0.9, None),
        (1.0, Some((1.0, "m"))),
        (2.5, Some((2.0, "n"))),
        (3.0, Some((3.0, "n"))),
        (4.9, Some((3.0, "n"))),
        (1e9, Some((5.0, "m"))),
    ];
    for (at, expected) in expected {
        let found = store.entry_at(&video.id, &kind("frame"), at).await.unwrap();
        let found = found.as_ref().map(|entry| (entry.start, entry.recipe.model.as_str()));
        assert_eq!(found, expected, "at {at}");
    }
    assert_eq!(store.entry_at(&video.id, &kind("shot"), 5.0).await.unwrap(), None);
}
