//! Checks about videos.

use std::collections::BTreeSet;

use serde_json::json;

use super::Open;
use super::fixture::{all, caption, everything, fill, put, recipe, video, words};
use crate::error::Error;
use crate::model::{BlobHash, Role, VideoId};
use crate::store::Older;

pub(super) async fn are_found_by_id_prefix_and_name(open: Open<'_>) {
    let store = open("find").await;
    let one = put(&store, "one.mp4").await;
    let hostile = put(&store, "a\nb\"; DROP TABLE videos; -- ../%_\0z.mp4").await;
    for video in [&one, &hostile] {
        let only = std::slice::from_ref(video);
        assert_eq!(store.video(&video.id).await.unwrap().as_ref(), Some(video));
        assert_eq!(store.video_by_hash(&video.hash).await.unwrap().as_ref(), Some(video));
        let id = video.id.as_str();
        for name in [id, &id[..8], &id.to_uppercase()[..4], &video.name] {
            assert_eq!(store.find(name, 10).await.unwrap(), only, "{name:?}");
        }
    }
    for name in ["", "two.mp4", "%", &one.id.as_str()[..3], "one", "00000000", "' OR 1"] {
        assert_eq!(store.find(name, 10).await.unwrap(), [], "{name:?}");
    }
    // A name that looks like the id of another video.
    let mut confusing = video("confusing");
    confusing.name = one.id.as_str().to_owned();
    store.put_video(&confusing).await.unwrap();
    assert_eq!(store.find(one.id.as_str(), 10).await.unwrap(), std::slice::from_ref(&one));
    let mut twin = video("twin");
    twin.name = one.name.clone();
    store.put_video(&twin).await.unwrap();
    assert_eq!(store.find("one.mp4", 10).await.unwrap(), [twin.clone(), one]);
    assert_eq!(store.find("one.mp4", 1).await.unwrap(), [twin]);
    let unknown = VideoId::parse("0123456789abcdef").unwrap();
    assert_eq!(store.video(&unknown).await.unwrap(), None);
}

pub(super) async fn come_newest_first_in_stable_pages(open: Open<'_>) {
    let store = open("list").await;
    let mut expected = Vec::new();
    for n in 0..7 {
        // Some at the same moment.
        let mut video = video(&format!("{n}.mp4"));
        video.added = 100.0 + f64::from(n / 3);
        store.put_video(&video).await.unwrap();
        expected.insert(0, video);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.videos(2, after).await.unwrap();
        if after.is_none() {
            // A newer one does not move the pages that follow.
            let mut newer = video("newer.mp4");
            newer.added = 200.0;
            store.put_video(&newer).await.unwrap();
        }
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(store.videos(8, None).await.unwrap().next, None);
}

pub(super) async fn keep_their_content_and_names(open: Open<'_>) {
    let store = open("alter").await;
    let mut video = put(&store, "first.mp4").await;
    video.name = "second.mp4".to_owned();
    video.probe = json!({"z": 1, "a": [null, "x"]});
    video.thumbnail = Some(BlobHash::of(b"picture"));
    store.put_video(&video).await.unwrap();
    for name in ["first.mp4", "second.mp4"] {
        assert_eq!(store.find(name, 10).await.unwrap(), [video.clone()]);
    }
    let mut other_content = video.clone();
    other_content.hash = BlobHash::of(b"other");
    assert!(matches!(store.put_video(&other_content).await, Err(Error::Invalid(_))));
    let mut other_id = video.clone();
    other_id.id = VideoId::parse("0123456789abcdef").unwrap();
    assert!(matches!(store.put_video(&other_id).await, Err(Error::Invalid(_))));
    let mut timeless = video.clone();
    timeless.duration = f64::NAN;
    assert!(matches!(store.put_video(&timeless).await, Err(Error::Invalid(_))));
    assert_eq!(store.videos(10, None).await.unwrap().items, [video]);
}

pub(super) async fn are_removed_with_all_that_is_theirs(open: Open<'_>) {
    let store = open("remove").await;
    let (gone, stays) = (put(&store, "gone.mp4").await, put(&store, "stays.mp4").await);
    for video in [&gone, &stays] {
        fill(&store, video, "m", vec![caption(1.0, 2.0, "a heron")], Older::Keep).await;
        store.append(&video.id, Role::User, "where?").await.unwrap();
    }
    let open_run = store.run_open(&gone.id, &recipe("unfinished"), false).await.unwrap();
    store.run_write(open_run.id, vec![caption(3.0, 4.0, "a heron")]).await.unwrap();
    let id = all(&store, &gone).await[0].id;

    store.remove_video(&gone.id).await.unwrap();

    assert_eq!(store.video(&gone.id).await.unwrap(), None);
    assert_eq!(store.find("gone.mp4", 10).await.unwrap(), []);
    assert_eq!(store.entries(&everything(&gone)).await.unwrap().items, []);
    assert_eq!(store.timelines(&gone.id).await.unwrap(), []);
    assert_eq!(store.messages(&gone.id, 10, 0).await.unwrap().items, []);
    assert_eq!(store.entry(id).await.unwrap(), None);
    assert!(store.was_given(id).await.unwrap());
    assert!(!store.has_run(&gone.id, &recipe("m")).await.unwrap());
    let late = store.run_write(open_run.id, vec![caption(5.0, 6.0, "late")]).await;
    assert!(matches!(late, Err(Error::NotFound(_))));
    let found: BTreeSet<VideoId> = store
        .search(&words("heron"))
        .await
        .unwrap()
        .into_iter()
        .map(|hit| hit.entry.video)
        .collect();
    assert_eq!(found, [stays.id.clone()].into());
    assert_eq!(all(&store, &stays).await.len(), 1);
    assert!(matches!(store.remove_video(&gone.id).await, Err(Error::NotFound(_))));
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}
