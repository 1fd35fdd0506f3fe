//! Checks about what commits tell.

use super::Open;
use super::fixture::{Handle, caption, entry, fill, kind, put, recipe, video};
use crate::change::{Change, ChangeSet};
use crate::model::{Kind, Role, VideoId, Window};
use crate::store::Older;

fn entries(video: &VideoId, name: &str, from: f64, to: f64) -> Change {
    Change::Entries { video: video.clone(), kind: kind(name), window: Window { from, to } }
}

async fn since(store: &Handle, seq: u64) -> ChangeSet {
    store.changes_since(seq).await.unwrap()
}

pub(super) async fn are_told_to_other_handles(open: Open<'_>) {
    let (writer, reader) = (open("told").await, open("told").await);
    assert_eq!(since(&reader, 0).await, ChangeSet::default());
    let video = put(&writer, "one.mp4").await;
    let told = since(&reader, 0).await;
    assert_eq!(told, ChangeSet { seq: 1, changes: vec![Change::Video(video.id.clone())] });
    assert_eq!(since(&reader, 1).await, ChangeSet { seq: 1, changes: vec![] });

    let batch = vec![caption(1.0, 2.0, "x"), caption(5.0, 90.0, "y")];
    let run = writer.run_open(&video.id, &recipe("m"), false).await.unwrap();
    writer.run_write(run.id, batch).await.unwrap();
    assert_eq!(since(&reader, 1).await.changes, [], "an open run is told");
    let done = writer.run_finish(run.id, &[], Older::Keep).await.unwrap();
    assert_eq!(done.change.changes, [entries(&video.id, "caption", 1.0, 90.0)]);
    assert_eq!(since(&reader, 1).await, done.change);
    let (_, message) = writer.append(&video.id, Role::User, "?").await.unwrap();
    assert_eq!(since(&reader, 2).await, message);
    assert_eq!(message.changes, [Change::Messages(video.id.clone())]);
    assert_eq!(since(&reader, 0).await.changes.len(), 3);

    // What the other wrote is seen by reads, and the other way round.
    assert_eq!(reader.timelines(&video.id).await.unwrap()[0].count, 2);
    reader.remove_video(&video.id).await.unwrap();
    assert_eq!(writer.video(&video.id).await.unwrap(), None);
    let gone = since(&writer, 0).await;
    assert_eq!(gone, ChangeSet { seq: 4, changes: vec![Change::Video(video.id)] });
}

pub(super) async fn cover_what_was_touched(open: Open<'_>) {
    let store = open("cover").await;
    let video = put(&store, "one.mp4").await;
    fill(&store, &video, "old", vec![caption(100.0, 200.0, "x")], Older::Keep).await;
    // Replacing touches what goes as well as what comes.
    let batch = vec![caption(10.0, 20.0, "y"), entry("shot", 1.0, 2.0)];
    let done = fill(&store, &video, "new", batch, Older::Replace).await;
    let expected =
        [entries(&video.id, "caption", 10.0, 200.0), entries(&video.id, "shot", 1.0, 2.0)];
    assert_eq!(done.change.changes, expected);
    // Many commits are told as one change for each video and kind, which covers them all.
    let before = store.seq().await.unwrap();
    for n in 0..20 {
        let at = 1000.0 + f64::from(n);
        fill(&store, &video, "new", vec![caption(at, at + 1.0, "z")], Older::Keep).await;
    }
    let told = since(&store, before).await;
    let [Change::Entries { window, kind: told_kind, .. }] = told.changes.as_slice() else {
        panic!("{told:?}")
    };
    assert!(told_kind.as_str() == Kind::CAPTION && window.from <= 1000.0 && window.to >= 1020.0);
    // An ingest tells the video and its kinds, none found included, at once.
    let run = store.run_open(&self::video("two.mp4").id, &recipe("m"), false).await.unwrap();
    let kinds = [kind("frame")];
    let two = self::video("two.mp4");
    let done = store.finish_ingest(&two, run.id, &kinds, Older::Keep).await.unwrap();
    assert_eq!(
        done.change.changes,
        [Change::Video(two.id.clone()), entries(&two.id, "frame", 0.0, 0.0)]
    );
}

/// Commits of several handles and tasks at once: each has a number of its own, none is lost.
pub(super) async fn number_concurrent_commits(open: Open<'_>) {
    let handles = [open("numbers").await, open("numbers").await];
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let store = handles[n % 2].clone();
            tokio::spawn(async move {
                let video = video(&format!("{n}.mp4"));
                let mut seqs = vec![store.put_video(&video).await.unwrap().seq];
                for round in 0..10 {
                    let batch = vec![caption(f64::from(round), 100.0, "x")];
                    seqs.push(fill(&store, &video, "m", batch, Older::Keep).await.change.seq);
                    let own = super::fixture::all(&store, &video).await.len();
                    assert_eq!(own, round as usize + 1, "a read misses an acknowledged write");
                }
                assert!(seqs.is_sorted_by(|a, b| a < b));
                seqs
            })
        })
        .collect();
    let mut seqs = Vec::new();
    for task in tasks {
        seqs.extend(task.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=88).collect::<Vec<u64>>());
    assert_eq!(since(&handles[1], 0).await.changes.len(), 16);
    assert_eq!(handles[0].seq().await.unwrap(), 88);
    assert_eq!(handles[0].check().await.unwrap(), [""; 0]);
}
