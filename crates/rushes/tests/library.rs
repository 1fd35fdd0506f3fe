//! What a library promises to those who write and read it at once: nothing stale, nothing half
//! done, nothing twice, nothing left behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rushes::backup::BackupEvent;
use rushes::config::Settings;
use rushes::import::ImportOptions;
use rushes::ingest::{Event, IngestOptions, Sampling, Source};
use rushes::read::{EntriesRequest, Tier};
use rushes::store::Role;
use rushes::{ErrorKind, Rushes};
use tokio::sync::mpsc;

/// A few seconds of a moving test picture, with a chapter and a subtitle track inside.
fn clip(folder: &Path, seconds: u32) -> PathBuf {
    let path = folder.join("clip.mkv");
    let chapters = folder.join("chapters.txt");
    let text = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=Opening\n";
    std::fs::write(&chapters, text).unwrap();
    let subtitles = folder.join("inside.srt.txt");
    std::fs::write(&subtitles, "1\n00:00:00,500 --> 00:00:01,500\nspoken inside\n").unwrap();
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg(format!("testsrc2=size=160x120:rate=25:duration={seconds}"))
        .args(["-f", "srt", "-i"])
        .arg(&subtitles)
        .args(["-f", "ffmetadata", "-i"])
        .arg(&chapters)
        .args(["-map", "0:v", "-map", "1:s", "-map_metadata", "2", "-map_chapters", "2"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-c:s", "srt"])
        .arg(&path)
        .status()
        .expect("ffmpeg runs");
    assert!(made.success());
    path
}

async fn open(folder: &Path) -> Rushes {
    Rushes::open(Settings::library(folder.join("library"))).await.unwrap()
}

fn captions(lines: &[(f64, &str)]) -> Bytes {
    let line = |(start, text): &(f64, &str)| {
        serde_json::json!({ "start": start, "end": start + 1.0, "text": text }).to_string() + "\n"
    };
    lines.iter().map(line).collect::<String>().into()
}

fn as_captions(model: &str) -> ImportOptions {
    ImportOptions {
        kind: Some("caption".into()),
        origin: "captions.jsonl".into(),
        model: model.into(),
        ..ImportOptions::default()
    }
}

fn all(video: &str, kind: &str) -> EntriesRequest {
    EntriesRequest {
        video: video.into(),
        kinds: vec![kind.into()],
        limit: Some(1000),
        ..EntriesRequest::default()
    }
}

async fn texts(rushes: &Rushes, video: &str) -> Vec<String> {
    let entries = rushes.entries(&all(video, "caption")).await.unwrap();
    entries.items.iter().map(|entry| entry.data["text"].as_str().unwrap().to_owned()).collect()
}

/// Every file of a library but the database's own, and the lock files.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("library/blobs"), folder.join("library/incoming")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false if entry.file_name() == "lock" => {}
                false => found.push(path),
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_is_stale_once_a_write_has_returned() {
    let folder = tempfile::tempdir().unwrap();
    let rushes = open(folder.path()).await;
    let source = Source::File(clip(folder.path(), 2));
    let video = rushes.ingest(source, IngestOptions::default(), None).await.unwrap().video;
    // Readers keep the cache warm while a writer replaces what they read.
    let stop = tokio_util::sync::CancellationToken::new();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (rushes, video, stop) = (rushes.clone(), video.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    texts(&rushes, &video).await;
                }
            })
        })
        .collect();
    for round in 0..40 {
        let text = format!("round {round}");
        let options = ImportOptions { replace: true, ..as_captions(&format!("m{round}")) };
        rushes.import_bytes(&video, captions(&[(0.5, &text)]), options).await.unwrap();
        assert_eq!(texts(&rushes, &video).await, [text]);
    }
    stop.cancel();
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(rushes.entries(&all(&video, "caption")).await.unwrap().served.tier, Tier::Memory);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_of_another_handle_are_seen_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = (open(folder.path()).await, open(folder.path()).await);
    let source = Source::File(clip(folder.path(), 2));
    let video = writer.ingest(source, IngestOptions::default(), None).await.unwrap().video;
    for round in 0..20 {
        let before = texts(&reader, &video).await;
        assert_eq!(before.len(), round);
        let text = format!("caption {round}");
        let line = captions(&[(round as f64 / 10.0, &text)]);
        writer.import_bytes(&video, line, as_captions("m")).await.unwrap();
        let written = Instant::now();
        while texts(&reader, &video).await.len() == round {
            // The bound is 2 ms; a busy machine may stop this thread for longer than that.
            assert!(written.elapsed() < Duration::from_secs(2), "the write stays unseen");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_and_recipe_again_do_nothing_and_another_recipe_adds() {
    let folder = tempfile::tempdir().unwrap();
    let rushes = open(folder.path()).await;
    let path = clip(folder.path(), 3);
    let every_second = IngestOptions::default();
    let first =
        rushes.ingest(Source::File(path.clone()), every_second.clone(), None).await.unwrap();
    assert_eq!((first.frames, first.unchanged), (3, false));
    assert_eq!(first.entries, BTreeMap::from([("chapter".into(), 1), ("transcript".into(), 1)]));
    let before = files(folder.path());
    let again = rushes.ingest(Source::File(path.clone()), every_second, None).await.unwrap();
    assert!(again.unchanged && again.entries.is_empty(), "{again:?}");
    assert_eq!(files(folder.path()), before);
    let closer = IngestOptions { sampling: Sampling::Every(0.5), ..IngestOptions::default() };
    let more = rushes.ingest(Source::File(path), closer, None).await.unwrap();
    assert_eq!((more.frames, more.unchanged), (6, false));
    let frames = rushes.entries(&all(&first.video, "frame")).await.unwrap();
    assert_eq!(frames.items.len(), 9, "both recipes stand side by side");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_ingest_is_invisible_and_the_next_one_finishes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), 20);
    let options = IngestOptions { sampling: Sampling::Every(0.04), ..IngestOptions::default() };
    let rushes = open(folder.path()).await;
    let (sender, mut events) = mpsc::channel(1);
    let ingest = {
        let (rushes, path, options) = (rushes.clone(), path.clone(), options.clone());
        tokio::spawn(async move { rushes.ingest(Source::File(path), options, Some(sender)).await })
    };
    loop {
        match events.recv().await.expect("the ingest is still under way") {
            Event::Progress { frames, .. } if frames > 150 => break,
            _ => {}
        }
    }
    ingest.abort();
    assert!(ingest.await.unwrap_err().is_cancelled());
    assert!(rushes.videos(10, None).await.unwrap().items.is_empty(), "nothing half done is seen");
    let done = rushes.ingest(Source::File(path.clone()), options.clone(), None).await.unwrap();
    assert!(done.resumed > 0, "what was written is kept: {done:?}");
    let fresh = tempfile::tempdir().unwrap();
    let whole = open(fresh.path()).await;
    let expected = whole.ingest(Source::File(path), options, None).await.unwrap();
    // Many batches: none is lost at its boundary, whether resumed or written in one go.
    assert_eq!((done.frames, expected.frames), (500, 500));
    let times = |rushes: Rushes| {
        let request = all(&done.video, "frame");
        async move {
            let page = rushes.entries(&request).await.unwrap();
            page.items.iter().map(|entry| entry.start).collect::<Vec<_>>()
        }
    };
    assert_eq!(times(rushes).await, times(whole).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_video_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let rushes = open(folder.path()).await;
    let path = clip(folder.path(), 2);
    let copy = folder.path().join("upload.mkv");
    std::fs::copy(&path, &copy).unwrap();
    let source = Source::Owned(copy.clone(), "upload.mkv".into());
    let video = rushes.ingest(source, IngestOptions::default(), None).await.unwrap().video;
    assert!(!copy.exists(), "its bytes were moved into the library");
    rushes.append(&video, Role::User, "what is this?").await.unwrap();
    rushes
        .import_bytes(&video, captions(&[(0.0, "a test picture")]), as_captions("m"))
        .await
        .unwrap();
    let kept = files(folder.path()).len() as u64;
    assert_eq!(texts(&rushes, &video).await.len(), 1);
    let removed = rushes.remove(&video).await.unwrap();
    assert_eq!(removed.blobs, kept);
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
    for asked in [&video[..], "upload.mkv"] {
        let error = rushes.entries(&all(asked, "caption")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    assert_eq!(rushes.stats().await.unwrap()["store"]["entries"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_is_being_written_is_busy_and_not_hurt() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::library(folder.path().join("library"));
    settings.patience = Duration::ZERO;
    let rushes = Rushes::open(settings).await.unwrap();
    let path = clip(folder.path(), 10);
    let video = rushes
        .ingest(Source::File(path.clone()), IngestOptions::default(), None)
        .await
        .unwrap()
        .video;
    let options = IngestOptions { sampling: Sampling::Every(0.04), ..IngestOptions::default() };
    let (sender, mut events) = mpsc::channel(1);
    let slow = {
        let (rushes, path) = (rushes.clone(), path.clone());
        tokio::spawn(async move { rushes.ingest(Source::File(path), options, Some(sender)).await })
    };
    // Nobody takes its events, so it waits with the lock in hand as soon as it has probed.
    events.recv().await.expect("it was probed");
    let error = rushes.remove(&video).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    drop(events);
    slow.await.unwrap().unwrap();
    rushes.remove(&video).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_pictures_are_told_and_another_ingest_mends_them() {
    let folder = tempfile::tempdir().unwrap();
    let rushes = open(folder.path()).await;
    let path = clip(folder.path(), 3);
    let ingest = || rushes.ingest(Source::File(path.clone()), IngestOptions::default(), None);
    ingest().await.unwrap();
    assert_eq!(rushes.check().await.unwrap(), Vec::<String>::new());
    let whole = files(folder.path());
    for (file, damage) in whole.iter().zip([true, false].into_iter().cycle()) {
        match damage {
            true => std::fs::write(file, "corrupt").unwrap(),
            false => std::fs::remove_file(file).unwrap(),
        }
    }
    let problems = rushes.check().await.unwrap();
    assert!(problems.len() == 1 && problems[0].contains("ingest it again"), "{problems:?}");
    assert!(!ingest().await.unwrap().unchanged);
    assert_eq!(rushes.check().await.unwrap(), Vec::<String>::new());
    let mut mended = files(folder.path());
    let mut whole = whole;
    mended.sort();
    whole.sort();
    assert_eq!(mended, whole);
}

/// While nobody takes the events the copying waits among the files, of which it has a list by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_of_one_moment_though_videos_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let rushes = open(folder.path()).await;
    let path = clip(folder.path(), 6);
    let first = rushes.ingest(Source::File(path), IngestOptions::default(), None).await.unwrap();
    let to = folder.path().join("backup");
    let (told, mut events) = mpsc::channel(1);
    let engine = rushes.clone();
    let backup = tokio::spawn(async move { engine.backup(&to, Some(told)).await });
    assert!(matches!(events.recv().await, Some(BackupEvent::Files { done: 1, .. })));
    let path = clip(folder.path(), 2);
    let second = rushes.ingest(Source::File(path), IngestOptions::default(), None).await.unwrap();
    rushes.remove(&first.video).await.unwrap();
    while events.recv().await.is_some() {}
    let copy = backup.await.unwrap().unwrap();
    assert_eq!((copy.videos, copy.problems.len()), (1, 0));
    let copy = Rushes::open_existing(Settings::library(copy.folder)).await.unwrap();
    assert_eq!(copy.video(&second.video).await.unwrap().name, "clip.mkv");
    assert_eq!(copy.check().await.unwrap(), Vec::<String>::new());
    assert_eq!(copy.leftovers().await.unwrap().files, 0);
}

/// Nobody takes the events, so the copying waits in the middle; then nobody waits for it either.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_ends_when_its_caller_goes_away_and_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let rushes = open(folder.path()).await;
    let path = clip(folder.path(), 3);
    rushes.ingest(Source::File(path), IngestOptions::default(), None).await.unwrap();
    let to = folder.path().join("backup");
    let (told, mut events) = mpsc::channel(1);
    let (engine, place) = (rushes.clone(), to.clone());
    let backup = tokio::spawn(async move { engine.backup(&place, Some(told)).await });
    assert!(matches!(events.recv().await, Some(BackupEvent::Files { done: 1, .. })));
    backup.abort();
    assert!(backup.await.unwrap_err().is_cancelled());
    drop(events);
    let copy = loop {
        match rushes.backup(&to, None).await {
            // Its thread ends with the file that it is at.
            Err(error) if error.kind() == ErrorKind::Busy => tokio::task::yield_now().await,
            done => break done.unwrap(),
        }
    };
    assert_eq!((copy.videos, copy.problems.len()), (1, 0));
    let copy = Rushes::open_existing(Settings::library(copy.folder)).await.unwrap();
    assert_eq!(copy.check().await.unwrap(), Vec::<String>::new());
    assert_eq!(copy.leftovers().await.unwrap().files, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_under_another_name_keep_the_first_and_answer_to_both() {
    let folder = tempfile::tempdir().unwrap();
    let rushes = open(folder.path()).await;
    let path = clip(folder.path(), 1);
    let copy = folder.path().join("copy.mkv");
    std::fs::copy(&path, &copy).unwrap();
    let first =
        rushes.ingest(Source::File(path.clone()), IngestOptions::default(), None).await.unwrap();
    let again =
        rushes.ingest(Source::File(copy.clone()), IngestOptions::default(), None).await.unwrap();
    assert!(again.unchanged);
    let video = rushes.video("copy.mkv").await.unwrap();
    assert_eq!((video.id.as_str(), video.name.as_str()), (first.video.as_str(), "clip.mkv"));
    assert_eq!(rushes.media("clip.mkv").await.unwrap(), path.canonicalize().unwrap());
    // Nor does another recipe take the first name away.
    let options = IngestOptions {
        sampling: Sampling::Keyframes,
        name: Some("third.mkv".to_owned()),
        ..IngestOptions::default()
    };
    rushes.ingest(Source::File(path.clone()), options, None).await.unwrap();
    assert_eq!(rushes.video("third.mkv").await.unwrap().name, "clip.mkv");
    assert_eq!(rushes.video("copy.mkv").await.unwrap().name, "clip.mkv");
    // Once the first file is gone, the other one takes its place.
    std::fs::remove_file(&path).unwrap();
    rushes.ingest(Source::File(copy.clone()), IngestOptions::default(), None).await.unwrap();
    assert_eq!(rushes.media("clip.mkv").await.unwrap(), copy.canonicalize().unwrap());
}
