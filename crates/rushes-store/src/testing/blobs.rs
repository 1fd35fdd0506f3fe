//! Checks about the blobs that rows refer to.

use super::Open;
use super::fixture::{fill, frame, put, recipe, video};
use crate::model::BlobHash;
use crate::store::Older;

fn sorted(mut blobs: Vec<BlobHash>) -> Vec<BlobHash> {
    blobs.sort();
    blobs
}

fn hashes(of: &[&[u8]]) -> Vec<BlobHash> {
    sorted(of.iter().map(|bytes| BlobHash::of(bytes)).collect())
}

pub(super) async fn are_given_back_when_nothing_refers_to_them(open: Open<'_>) {
    let store = open("blobs").await;
    let (mut one, mut two) = (video("one.mp4"), video("two.mp4"));
    one.thumbnail = Some(BlobHash::of(b"shared thumbnail"));
    one.timing = Some(BlobHash::of(b"timing of one"));
    one.media = Some(BlobHash::of(b"media of one"));
    two.thumbnail = one.thumbnail;
    two.timing = Some(BlobHash::of(b"timing of two"));
    two.media = Some(BlobHash::of(b"media of two"));
    for video in [&one, &two] {
        store.put_video(video).await.unwrap();
    }
    let frames = vec![frame(0.0, b"a"), frame(1.0, b"b"), frame(2.0, b"a")];
    fill(&store, &one, "m", frames, Older::Keep).await;
    fill(&store, &two, "m", vec![frame(0.0, b"b")], Older::Keep).await;
    // One that only an unfinished run of another video refers to.
    let run = store.run_open(&two.id, &recipe("open"), false).await.unwrap();
    store.run_write(run.id, vec![frame(9.0, b"timing of one")]).await.unwrap();

    let all: [&[u8]; 7] = [
        b"a",
        b"b",
        b"shared thumbnail",
        b"timing of one",
        b"timing of two",
        b"media of one",
        b"media of two",
    ];
    let (mut named, mut after) = (Vec::new(), None);
    loop {
        let page = store.named(after, 3).await.unwrap();
        after = page.last().copied();
        named.extend(page);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(named, hashes(&all), "each once, in order, page by page");

    let (_, unused) = store.remove_video(&one.id).await.unwrap();
    assert_eq!(sorted(unused), hashes(&[b"a", b"media of one"]));
    let kept: [&[u8]; 5] =
        [b"b", b"shared thumbnail", b"timing of one", b"timing of two", b"media of two"];
    let asked = [hashes(&kept), hashes(&[b"a", b"never"])].concat();
    assert_eq!(sorted(store.unused(&asked).await.unwrap()), hashes(&[b"a", b"never"]));
    let (_, unused) = store.remove_video(&two.id).await.unwrap();
    assert_eq!(sorted(unused), hashes(&kept));
}

pub(super) async fn of_replaced_and_aborted_entries_are_given_back(open: Open<'_>) {
    let store = open("replaced-blobs").await;
    let video = put(&store, "one.mp4").await;
    fill(&store, &video, "old", vec![frame(0.0, b"a"), frame(1.0, b"b")], Older::Keep).await;
    let done = fill(&store, &video, "new", vec![frame(0.0, b"b")], Older::Replace).await;
    assert_eq!((done.removed, done.blobs), (2, hashes(&[b"a"])));
    let run = store.run_open(&video.id, &recipe("third"), false).await.unwrap();
    store.run_write(run.id, vec![frame(0.0, b"b"), frame(1.0, b"c")]).await.unwrap();
    assert_eq!(store.run_abort(run.id).await.unwrap(), hashes(&[b"c"]));
}
