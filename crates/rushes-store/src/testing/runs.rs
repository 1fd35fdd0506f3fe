//! Checks about runs.

use serde_json::{Value, json};

use super::Open;
use super::fixture::{all, caption, entry, everything, fill, kind, put, recipe, video, words};
use crate::error::Error;
use crate::model::{Kind, NewEntry, Recipe, VideoId};
use crate::store::Older;

pub(super) async fn are_invisible_until_finished(open: Open<'_>) {
    let store = open("invisible").await;
    let video = put(&store, "one.mp4").await;
    fill(&store, &video, "m", vec![caption(1.0, 2.0, "a heron")], Older::Keep).await;
    let before = store.seq().await.unwrap();
    // Of a recipe that has finished runs, and of one that has none.
    for model in ["m", "n"] {
        let run = store.run_open(&video.id, &recipe(model), false).await.unwrap();
        let batch = vec![caption(1.5, 3.0, "another heron"), entry("shot", 0.0, 9.0)];
        assert_eq!(store.run_write(run.id, batch).await.unwrap(), 2);
        let entries = all(&store, &video).await;
        assert_eq!(entries.len(), 1);
        assert_eq!(store.entry(entries[0].id + 1).await.unwrap(), None);
        assert_eq!(store.timelines(&video.id).await.unwrap().len(), 1);
        assert_eq!(store.search(&words("heron")).await.unwrap().len(), 1);
        let at = store.entry_at(&video.id, &kind("caption"), 5.0).await.unwrap();
        assert_eq!(at.as_ref(), entries.first());
        store.run_abort(run.id).await.unwrap();
        assert!(matches!(store.run_abort(run.id).await, Err(Error::NotFound(_))));
    }
    assert_eq!(store.seq().await.unwrap(), before);
    assert!(!store.has_run(&video.id, &recipe("n")).await.unwrap());
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}

pub(super) async fn bring_a_new_video_together_with_its_entries(open: Open<'_>) {
    let store = open("ingest").await;
    let video = video("new.mp4");
    let run = store.run_open(&video.id, &recipe("m"), true).await.unwrap();
    store.run_write(run.id, vec![caption(0.0, 1.0, "a heron")]).await.unwrap();
    assert_eq!(store.video(&video.id).await.unwrap(), None);
    assert_eq!(store.videos(10, None).await.unwrap().items, []);
    assert_eq!(store.find(&video.id.as_str()[..6], 10).await.unwrap(), []);
    assert!(matches!(
        store.append(&video.id, crate::Role::User, "?").await,
        Err(Error::NotFound(_))
    ));
    let early = store.run_finish(run.id, &[], Older::Keep).await;
    assert!(matches!(early, Err(Error::NotFound(_))));
    assert_eq!(store.seq().await.unwrap(), 0);

    let other = self::video("other.mp4");
    let wrong = store.finish_ingest(&other, run.id, &[], Older::Keep).await;
    assert!(matches!(wrong, Err(Error::Invalid(_))));
    assert_eq!(store.video(&other.id).await.unwrap(), None);
    let done = store.finish_ingest(&video, run.id, &[kind("frame")], Older::Keep).await.unwrap();
    assert_eq!((done.added, done.change.seq), (1, 1));
    assert_eq!(store.video(&video.id).await.unwrap(), Some(video.clone()));
    assert_eq!(all(&store, &video).await.len(), 1);
    assert!(store.has_run(&video.id, &recipe("m")).await.unwrap());
}

pub(super) async fn resume_where_their_writer_died(open: Open<'_>) {
    let store = open("resume").await;
    let video = put(&store, "one.mp4").await;
    let first = store.run_open(&video.id, &recipe("m"), true).await.unwrap();
    assert_eq!((first.count, first.last), (0, None));
    let batch = vec![caption(1.0, 2.0, "one"), entry("shot", 4.0, 5.0), caption(3.0, 4.0, "two")];
    store.run_write(first.id, batch).await.unwrap();
    drop(store);

    let store = open("resume").await;
    let again = store.run_open(&video.id, &recipe("m"), true).await.unwrap();
    assert_eq!((again.id, again.count, again.last), (first.id, 3, Some(4.0)));
    let other = store.run_open(&video.id, &recipe("other"), true).await.unwrap();
    assert_eq!((other.count, other.last), (0, None));
    let fresh = store.run_open(&video.id, &recipe("m"), false).await.unwrap();
    assert_eq!((fresh.count, fresh.last), (0, None));
    assert!(matches!(store.run_write(first.id, vec![]).await, Err(Error::NotFound(_))));
    store.run_finish(fresh.id, &[], Older::Keep).await.unwrap();
    assert_eq!(all(&store, &video).await, []);
}

pub(super) async fn change_nothing_when_written_again(open: Open<'_>) {
    let store = open("again").await;
    let video = put(&store, "one.mp4").await;
    let batch = || {
        let ordered = json!({"a": 1, "b": {"x": 1, "y": [1, 2]}});
        let mut batch = vec![caption(1.0, 2.0, "one"), caption(1.0, 2.0, "two")];
        batch.push(NewEntry { data: ordered, ..entry("shot", -0.0, 100.0) });
        batch.push(caption(0.25, 2.0, "three"));
        batch
    };
    let run = store.run_open(&video.id, &recipe("m"), true).await.unwrap();
    assert_eq!(store.run_write(run.id, [batch(), batch()].concat()).await.unwrap(), 4);
    assert_eq!(store.run_write(run.id, batch()).await.unwrap(), 0);
    assert_eq!(store.run_finish(run.id, &[], Older::Keep).await.unwrap().added, 4);
    let (before, seq) = (all(&store, &video).await, store.seq().await.unwrap());

    let mut reordered = batch();
    reordered[2].data = serde_json::from_str(r#"{"b":{"y":[1,2],"x":1},"a":1}"#).unwrap();
    reordered[2].start = 0.0;
    let run = store.run_open(&video.id, &recipe("m"), false).await.unwrap();
    assert_eq!(store.run_write(run.id, reordered).await.unwrap(), 0);
    let done = store.run_finish(run.id, &[kind("shot")], Older::Keep).await.unwrap();
    assert_eq!((done.added, done.removed, done.change.seq), (0, 0, 0));
    assert_eq!((all(&store, &video).await, store.seq().await.unwrap()), (before, seq));

    // What differs in anything is another entry.
    let differs: [fn(&mut NewEntry); 5] = [
        |entry| entry.end += 0.5,
        |entry| entry.estimated = true,
        |entry| entry.data = json!({"text": "one", "confidence": 0.5}),
        |entry| entry.text = None,
        |entry| entry.blob = Some(crate::BlobHash::of(b"x")),
    ];
    for differ in differs {
        let mut entry = caption(1.0, 2.0, "one");
        differ(&mut entry);
        assert_eq!(fill(&store, &video, "m", vec![entry], Older::Keep).await.added, 1);
    }
    let other = fill(&store, &video, "n", batch(), Older::Keep).await;
    assert_eq!(other.added, 4);
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}

pub(super) async fn replace_or_stand_beside(open: Open<'_>) {
    let store = open("replace").await;
    let video = put(&store, "one.mp4").await;
    let bystander = put(&store, "two.mp4").await;
    let old = vec![caption(1.0, 2.0, "old"), entry("shot", 0.0, 5.0)];
    fill(&store, &bystander, "old", old.clone(), Older::Keep).await;
    fill(&store, &video, "old", old, Older::Keep).await;
    let beside = fill(&store, &video, "new", vec![caption(1.0, 2.0, "new")], Older::Keep).await;
    assert_eq!((beside.added, beside.removed), (1, 0));
    let models = |timeline: &crate::Timeline| -> Vec<String> {
        timeline.recipes.iter().map(|recipe| recipe.model.clone()).collect()
    };
    let timelines = store.timelines(&video.id).await.unwrap();
    assert_eq!((timelines[0].kind.as_str(), timelines[0].count), ("caption", 2));
    assert_eq!(models(&timelines[0]), ["new", "old"]);
    let mut only = everything(&video);
    only.model = Some("old".to_owned());
    assert_eq!(store.entries(&only).await.unwrap().items.len(), 2);

    let newest = vec![caption(1.0, 3.0, "newest")];
    let done = fill(&store, &video, "newest", newest, Older::Replace).await;
    assert_eq!((done.added, done.removed), (1, 2));
    let left: Vec<_> = all(&store, &video)
        .await
        .iter()
        .map(|entry| (entry.kind.to_string(), entry.recipe.model.clone()))
        .collect();
    assert_eq!(left, [("shot".into(), "old".into()), ("caption".into(), "newest".to_owned())]);
    // What was replaced can be made again.
    assert!(!store.has_run(&video.id, &recipe("old")).await.unwrap());
    assert!(store.has_run(&video.id, &recipe("newest")).await.unwrap());
    assert!(store.has_run(&bystander.id, &recipe("old")).await.unwrap());
    assert_eq!(all(&store, &bystander).await.len(), 2);
    let words = store.search(&words("old new newest")).await.unwrap();
    assert_eq!(words.len(), 2);
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}

pub(super) async fn take_the_place_of_their_own_recipes_entries(open: Open<'_>) {
    let store = open("own").await;
    let video = put(&store, "one.mp4").await;
    let first =
        vec![caption(1.0, 2.0, "a heron"), caption(3.0, 4.0, "a dok"), entry("shot", 0.0, 5.0)];
    fill(&store, &video, "m", first, Older::Own).await;
    fill(&store, &video, "other", vec![caption(1.0, 2.0, "a bird")], Older::Keep).await;
    let before = all(&store, &video).await;

    let corrected = vec![caption(3.0, 4.0, "a dog"), caption(1.0, 2.0, "a heron")];
    let done = fill(&store, &video, "m", corrected.clone(), Older::Own).await;
    assert_eq!((done.added, done.removed), (1, 1));
    let after = all(&store, &video).await;
    // What was written again keeps its id; other kinds and recipes are left alone.
    let kept: Vec<_> = before.iter().filter(|old| after.contains(old)).collect();
    assert_eq!(kept.len(), 3);
    assert_eq!(store.search(&words("dok")).await.unwrap(), []);
    assert_eq!(store.search(&words("dog")).await.unwrap().len(), 1);
    let captions = after.iter().filter(|entry| entry.kind.as_str() == Kind::CAPTION);
    let window = crate::Change::Entries {
        video: video.id.clone(),
        kind: kind("caption"),
        window: crate::Window { from: 3.0, to: 4.0 },
    };
    assert_eq!((done.change.changes, captions.count()), (vec![window], 3));

    let again = fill(&store, &video, "m", corrected, Older::Own).await;
    assert_eq!((again.added, again.removed, again.change.seq), (0, 0, 0));
    assert_eq!(all(&store, &video).await, after);
    // None are left of what a run without entries is told to have computed.
    let run = store.run_open(&video.id, &recipe("m"), false).await.unwrap();
    let done = store.run_finish(run.id, &[kind("caption")], Older::Own).await.unwrap();
    assert_eq!((done.added, done.removed), (0, 2));
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}

pub(super) async fn are_listed_while_they_are_open(open: Open<'_>) {
    let store = open("unfinished").await;
    let known = put(&store, "one.mp4").await;
    let unknown = VideoId::parse("0123456789abcdef").unwrap();
    assert_eq!(store.unfinished().await.unwrap(), []);
    let first = store.run_open(&unknown, &recipe("m"), true).await.unwrap();
    store.run_write(first.id, vec![caption(0.0, 1.0, "a"), entry("shot", 0.0, 1.0)]).await.unwrap();
    let second = store.run_open(&known.id, &recipe("n"), false).await.unwrap();
    let listed = open("unfinished").await.unfinished().await.unwrap();
    let told: Vec<_> = listed
        .iter()
        .map(|run| (run.run, &run.video, run.name.as_deref(), &run.recipe.model[..], run.count))
        .collect();
    let expected =
        [(first.id, &unknown, None, "m", 2), (second.id, &known.id, Some("one.mp4"), "n", 0)];
    assert_eq!(told, expected);

    store.run_finish(second.id, &[], Older::Keep).await.unwrap();
    // A video that no read knows can be removed by its id, and leaves nothing.
    store.remove_video(&unknown).await.unwrap();
    assert_eq!(store.unfinished().await.unwrap(), []);
    assert!(matches!(store.remove_video(&unknown).await, Err(Error::NotFound(_))));
    let run = store.run_open(&unknown, &recipe("m"), true).await.unwrap();
    store.run_abort(run.id).await.unwrap();
    assert!(matches!(store.remove_video(&unknown).await, Err(Error::NotFound(_))));
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}

pub(super) async fn tell_none_found_from_never_computed(open: Open<'_>) {
    let store = open("none-found").await;
    let video = put(&store, "one.mp4").await;
    assert_eq!(store.timelines(&video.id).await.unwrap(), []);
    let run = store.run_open(&video.id, &recipe("m"), false).await.unwrap();
    let done = store.run_finish(run.id, &[kind("object")], Older::Keep).await.unwrap();
    assert_eq!(done.change.changes.len(), 1);
    let timelines = store.timelines(&video.id).await.unwrap();
    assert_eq!(timelines.len(), 1);
    assert_eq!((timelines[0].kind.as_str(), timelines[0].count), (Kind::OBJECT, 0));
    // Parameters are the same whatever the order they were written in.
    let mut shuffled = recipe("p");
    shuffled.params = json!({"b": {"d": 1, "c": 2}, "a": 1});
    let run = store.run_open(&video.id, &shuffled, false).await.unwrap();
    store.run_finish(run.id, &[], Older::Keep).await.unwrap();
    shuffled.params = json!({"a": 1, "b": {"c": 2, "d": 1}});
    assert!(store.has_run(&video.id, &shuffled).await.unwrap());
    assert!(!store.has_run(&video.id, &Recipe::default()).await.unwrap());
}

pub(super) async fn refuse_what_cannot_be_stored(open: Open<'_>) {
    let store = open("refuse").await;
    let video = put(&store, "one.mp4").await;
    let run = store.run_open(&video.id, &recipe("m"), false).await.unwrap();
    let mut deep = Value::Null;
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let good = caption(0.0, 1.0, "good");
    for bad in [
        entry("shot", f64::NAN, 1.0),
        entry("shot", 0.0, f64::INFINITY),
        entry("shot", 2.0, 1.0),
        NewEntry { data: deep, ..entry("shot", 0.0, 1.0) },
    ] {
        let written = store.run_write(run.id, vec![good.clone(), bad]).await;
        assert!(matches!(written, Err(Error::Invalid(_))), "{written:?}");
    }
    // A refused batch leaves nothing behind.
    assert_eq!(store.run_write(run.id, vec![good]).await.unwrap(), 1);
    assert!(matches!(store.run_write(run.id + 1, vec![]).await, Err(Error::NotFound(_))));
    let unknown = VideoId::parse("0123456789abcdef").unwrap();
    let run = store.run_open(&unknown, &recipe("m"), false).await.unwrap();
    let done = store.run_finish(run.id, &[], Older::Keep).await;
    assert!(matches!(done, Err(Error::NotFound(_))));
}

pub(super) async fn never_give_an_id_twice(open: Open<'_>) {
    let store = open("ids").await;
    let mut greatest = 0;
    for n in 0..4 {
        let video = put(&store, "one.mp4").await;
        fill(&store, &video, "m", vec![caption(0.0, 1.0, "same")], Older::Keep).await;
        let id = all(&store, &video).await[0].id;
        assert!(id > greatest, "round {n} gave {id} after {greatest}");
        assert!(!store.was_given(id + 1).await.unwrap());
        for gone in [0, -1, i64::MIN, i64::MAX] {
            assert!(!store.was_given(gone).await.unwrap());
            assert_eq!(store.entry(gone).await.unwrap(), None);
        }
        greatest = id;
        store.remove_video(&video.id).await.unwrap();
    }
}
