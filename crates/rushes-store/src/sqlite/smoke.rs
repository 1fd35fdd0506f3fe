use super::*;
use crate::*;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn smoke() {
    let folder = tempfile::tempdir().unwrap();
    let store =
        SqliteStore::open(&folder.path().join("rushes.db"), &SqliteOptions::default()).unwrap();
    let hash = BlobHash::of(b"v");
    let video = Video {
        id: VideoId::of(&hash),
        hash,
        name: "a.mp4".into(),
        path: None,
        media: None,
        size: 3,
        start: 0.0,
        duration: 9.0,
        probe: json!({}),
        thumbnail: None,
        timing: None,
        added: 1.0,
    };
    let recipe = Recipe { tool: "t".into(), params: json!({"b":1,"a":2}), ..Default::default() };
    let run = store.run_open(&video.id, &recipe, true).await.unwrap();
    let entry = |start: f64, end: f64, text: &str| NewEntry {
        kind: Kind::new("caption").unwrap(),
        start,
        end,
        estimated: false,
        data: json!({"text": text}),
        text: Some(text.into()),
        label: Some("Person".into()),
        blob: None,
    };
    let batch = vec![
        entry(1.0, 2.0, "a dog runs"),
        entry(1.0, 2.0, "a cat"),
        entry(0.5, 100.0, "long"),
        entry(1.0, 2.0, "a cat"),
    ];
    assert_eq!(store.run_write(run.id, batch.clone()).await.unwrap(), 3);
    assert_eq!(store.run_write(run.id, batch).await.unwrap(), 0);
    assert!(store.video(&video.id).await.unwrap().is_none());
    let done = store.finish_ingest(&video, run.id, &[Kind::frame()], Older::Keep).await.unwrap();
    println!("{done:?}");
    let q = EntryQuery {
        video: video.id.clone(),
        kinds: vec![],
        window: Window::new(Some(1.5), Some(50.0)).unwrap(),
        model: None,
        limit: 2,
        after: None,
    };
    let page = store.entries(&q).await.unwrap();
    println!("{page:#?}");
    let page = store.entries(&EntryQuery { after: page.next, ..q }).await.unwrap();
    println!("{page:#?} {:?}", store.timelines(&video.id).await.unwrap());
    for text in ["DOG", "dog zebra", "\"*", "NEAR(", "a* -b ^ \0", "🙂a"] {
        let hits = store
            .search(&SearchQuery {
                text: Some(text.into()),
                label: None,
                videos: vec![video.id.clone()],
                kinds: vec![],
                window: Window::ALL,
                limit: 10,
                offset: 0,
            })
            .await
            .unwrap();
        println!("{text}: {:?}", hits.iter().map(|h| (h.score, &h.snippet)).collect::<Vec<_>>());
    }
    println!("{:?} {}", store.changes_since(0).await.unwrap(), store.facts().await.unwrap());
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
    println!("{:?}", store.remove_video(&video.id).await.unwrap());
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
}
