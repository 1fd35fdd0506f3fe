//! Reads that come from memory though nobody made them before.

use serde_json::Value;
use tempfile::TempDir;

use crate::config::{Prefetching, Settings};
use crate::engine::Rushes;
use crate::import::ImportOptions;
use crate::in_session;
use crate::prefetch::ExplainRequest;
use crate::read::grid::tests::video;
use crate::read::{EntriesRequest, Tier};

/// A library of one video of an hour with a line and a caption each half second.
async fn library(folder: &TempDir, prefetch: Prefetching) -> Rushes {
    let settings = Settings { prefetch, ..Settings::library(folder.path()) };
    let engine = Rushes::open(settings).await.unwrap();
    if engine.inner.store.find("a.mp4", 1).await.unwrap().is_empty() {
        engine.inner.store.put_video(&video(0.0, 3600.0)).await.unwrap();
        for kind in ["transcript", "caption"] {
            let line = |n| format!("{{\"start\":{},\"text\":\"{n}\"}}\n", f64::from(n) / 2.0);
            // A timestamp alone is an instant.
            let text: String =
                (0..7200).map(line).map(|l| l.replace("start", "timestamp")).collect();
            let options = ImportOptions { kind: Some(kind.to_owned()), ..Default::default() };
            engine.import_bytes("a.mp4", text.into(), options).await.unwrap();
        }
    }
    engine
}

async fn read(engine: &Rushes, kind: &str, from: f64, to: f64) -> Tier {
    let request = EntriesRequest {
        video: "a.mp4".to_owned(),
        kinds: vec![kind.to_owned()],
        from: Some(from),
        to: Some(to),
        limit: Some(1000),
        ..Default::default()
    };
    engine.entries(&request).await.unwrap().served.tier
}

async fn settled(engine: &Rushes) -> Value {
    engine.read_ahead_done().await;
    engine.inner.prefetch.stats()
}

/// An agent that strides through the transcript, one minute of every two.
async fn stride(engine: &Rushes, from: i32, steps: i32) -> Vec<Tier> {
    let mut tiers = Vec::new();
    for step in 0..steps {
        let start = f64::from(from + step * 130);
        tiers.push(read(engine, "transcript", start, start + 10.0).await);
        settled(engine).await;
    }
    tiers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stride_that_was_seen_before_is_read_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let engine = library(&folder, Prefetching::Learned).await;
    in_session("one", stride(&engine, 0, 20)).await;
    let tiers = in_session("two", stride(&engine, 60, 10)).await;
    assert_eq!(tiers[0], Tier::Store);
    assert!(tiers[2..].iter().all(|tier| *tier == Tier::Memory), "{tiers:?}");
    let stats = settled(&engine).await;
    assert!(stats["segments"]["used"].as_u64().unwrap() >= 8, "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learned_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let engine = library(&folder, Prefetching::Learned).await;
    stride(&engine, 0, 20).await;
    engine.close().await.unwrap();
    let engine = library(&folder, Prefetching::Learned).await;
    let tiers = stride(&engine, 60, 5).await;
    assert!(tiers[2..].iter().all(|tier| *tier == Tier::Memory), "{tiers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn related_kinds_come_along_and_off_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let engine = library(&folder, Prefetching::Related).await;
    assert_eq!(read(&engine, "transcript", 100.0, 110.0).await, Tier::Store);
    settled(&engine).await;
    assert_eq!(read(&engine, "caption", 100.0, 110.0).await, Tier::Memory);
    drop(engine);
    let engine = library(&folder, Prefetching::Off).await;
    stride(&engine, 0, 30).await;
    assert_eq!(read(&engine, "caption", 0.0, 10.0).await, Tier::Store);
    assert_eq!(settled(&engine).await["ordered"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_why_something_was_read_ahead_or_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let engine = library(&folder, Prefetching::Learned).await;
    let why = async |kind: &str, at| {
        let request = ExplainRequest { video: "a.mp4".into(), kind: kind.into(), at };
        engine.explain_prefetch(&request).await.unwrap()
    };
    assert!(why("transcript", 7.0).await.why.contains("No session"));
    read(&engine, "transcript", 0.0, 10.0).await;
    assert!(why("transcript", 135.0).await.why.contains("not seen often enough"));
    stride(&engine, 0, 26).await;
    let next = why("transcript", 26.0 * 130.0 + 5.0).await;
    assert!(next.why.contains("read ahead") && next.orders[0].bytes > 0, "{next:?}");
    assert!(next.orders[0].confidence.unwrap() >= next.least);
    let figures = &settled(&engine).await["segments"];
    let (used, missed) = (figures["used"].as_f64().unwrap(), figures["missed"].as_f64().unwrap());
    assert_eq!(figures["coverage"], used / (used + missed));
    assert!(used > 0.0 && figures["lead_seconds"].as_f64().unwrap() >= 0.0, "{figures}");
    let best = &next.sessions[0];
    assert!(best.moves > 0 && best.confidence >= next.least, "{next:?}");
    let aside = why("caption", 26.0 * 130.0 + 5.0).await;
    assert!(aside.why.contains("expected with 0.00") && aside.orders.is_empty(), "{aside:?}");
    let request = ExplainRequest { video: "a.mp4".into(), kind: "x".into(), at: f64::NAN };
    assert!(engine.explain_prefetch(&request).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_ahead_is_never_stale() {
    let folder = tempfile::tempdir().unwrap();
    let engine = library(&folder, Prefetching::Related).await;
    for round in 0..20 {
        let from = f64::from(round) * 100.0;
        read(&engine, "transcript", from, from + 10.0).await;
        // The read ahead of the captions may be under way just now.
        let text = format!("{{\"timestamp\":{from},\"text\":\"new\"}}\n");
        let options = ImportOptions {
            kind: Some("caption".to_owned()),
            model: format!("m{round}"),
            ..Default::default()
        };
        engine.import_bytes("a.mp4", text.into(), options).await.unwrap();
        let request = EntriesRequest {
            video: "a.mp4".to_owned(),
            kinds: vec!["caption".to_owned()],
            from: Some(from),
            to: Some(from + 10.0),
            ..Default::default()
        };
        let captions = engine.entries(&request).await.unwrap();
        assert!(
            captions.items.iter().any(|caption| caption.data["text"] == "new"),
            "round {round}"
        );
    }
}
