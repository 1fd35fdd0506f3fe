//! Several processes and one library: writers that are killed, and writers seen by others.
//!
//! The writing process is this test binary, started again with [`CHILD`] set. It says on standard
//! output what was acknowledged to it, line by line.

#![allow(clippy::unwrap_used, reason = "a failed check is a panic")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rushes_store::{
    BlobHash, Change, EntryQuery, Kind, NewEntry, Older, Recipe, Role, SqliteOptions, SqliteStore,
    Store, Video, VideoId, Window,
};
use serde_json::json;

/// Names the library file that the started process writes to.
const CHILD: &str = "RUSHES_TEST_LIBRARY";
/// Replays the moments of a run that failed.
const SEED: &str = "RUSHES_TEST_SEED";

/// Batches of an ingest, and entries of a batch.
const BATCHES: u32 = 4;
const BATCH: u32 = 25;

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &SqliteOptions::default()).unwrap()
}

fn video(content: &str) -> Video {
    let hash = BlobHash::of(content.as_bytes());
    Video {
        id: VideoId::of(&hash),
        hash,
        name: content.to_owned(),
        path: None,
        media: None,
        size: 1,
        start: 0.0,
        duration: 1.0,
        probe: json!({}),
        thumbnail: None,
        timing: None,
        added: 0.0,
    }
}

fn caption(number: u32) -> NewEntry {
    let text = format!("heron {number}");
    NewEntry {
        kind: Kind::new(Kind::CAPTION).unwrap(),
        start: f64::from(number),
        end: f64::from(number) + 1.0,
        estimated: false,
        data: json!({"text": text}),
        text: Some(text),
        label: None,
        blob: None,
    }
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writing_process", "--nocapture"])
        .env(CHILD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Does nothing unless it was started by another test.
#[tokio::test(flavor = "multi_thread")]
async fn writing_process() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let store = open(Path::new(&path));
    let process = std::process::id();
    for round in 0_u32.. {
        let video = video(&format!("{process}-{round}"));
        let run = store.run_open(&video.id, &Recipe::default(), true).await.unwrap();
        for batch in 0..BATCHES {
            let entries = (batch * BATCH..(batch + 1) * BATCH).map(caption).collect();
            store.run_write(run.id, entries).await.unwrap();
            say("wrote", &video);
        }
        store.finish_ingest(&video, run.id, &[], Older::Keep).await.unwrap();
        say("finished", &video);
        store.append(&video.id, Role::User, "seen?").await.unwrap();
        say("asked", &video);
    }
}

fn say(what: &str, video: &Video) {
    let line = format!("@{what} {}\n", video.name);
    // Nobody reads any more once the other side has done with us.
    let _ = std::io::stdout().write_all(line.as_bytes());
}

/// What a killed process was told had happened.
#[derive(Default)]
struct Told {
    finished: Vec<Video>,
    asked: Vec<Video>,
}

impl Told {
    fn hear(&mut self, line: &str) -> bool {
        // Tests print without a newline before the first of our lines.
        let Some((_, line)) = line.split_once('@') else { return false };
        let Some((what, name)) = line.split_once(' ') else { return false };
        match what {
            "finished" => self.finished.push(video(name)),
            "asked" => self.asked.push(video(name)),
            _ => {}
        }
        true
    }
}

/// Lets a process write until it has said so many things, and some microseconds more.
fn kill_after(path: &Path, lines: u64, micros: u64, told: &mut Told) {
    let mut child = start(path);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut heard = 0;
    while heard < lines {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the writing process ended by itself");
        heard += u64::from(told.hear(line.trim_end()));
    }
    // Not to wait for anything: the moment of death is to fall anywhere within a write.
    std::thread::sleep(Duration::from_micros(micros));
    child.kill().unwrap();
    child.wait().unwrap();
    // Whole lines only: half a line may be half a name.
    let mut rest = String::new();
    while output.read_line(&mut rest).unwrap() > 0 {
        if rest.ends_with('\n') {
            told.hear(rest.trim_end());
        }
        rest.clear();
    }
}

async fn count(store: &SqliteStore, video: &VideoId) -> usize {
    let query = EntryQuery {
        video: video.clone(),
        kinds: Vec::new(),
        window: Window::ALL,
        model: None,
        limit: 1000,
        after: None,
    };
    store.entries(&query).await.unwrap().items.len()
}

/// Invariant: acknowledged rows survive a kill at any instruction; a half-written ingest is
/// invisible, and can be resumed.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_rows_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("library.db");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().to_string();
    let seed = std::env::var(SEED).unwrap_or(now);
    println!("{SEED}={seed}");
    let mut told = Told::default();
    for round in 0_u8..16 {
        let moment = blake3::hash(format!("{seed} {round}").as_bytes());
        let [lines, low, high, ..] = *moment.as_bytes();
        let micros = u64::from(u16::from_le_bytes([low, high]) % 4000);
        kill_after(&path, u64::from(lines % 40), micros, &mut told);

        let store = open(&path);
        let whole = usize::try_from(BATCHES * BATCH).unwrap();
        for video in &told.finished {
            assert_eq!(store.video(&video.id).await.unwrap().as_ref(), Some(video));
        }
        for video in &told.asked {
            assert_eq!(store.messages(&video.id, 10, 0).await.unwrap().items.len(), 1);
        }
        let visible = store.videos(100_000, None).await.unwrap().items;
        assert!(visible.len() >= told.finished.len());
        for video in &visible {
            assert_eq!(count(&store, &video.id).await, whole, "half an ingest is visible");
        }
        assert_eq!(store.check().await.unwrap(), [""; 0]);
    }
    assert!(!told.finished.is_empty(), "nothing was written: the test tells nothing");
}

/// A killed ingest goes on where its last acknowledged batch ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("library.db");
    let mut child = start(&path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line =
        lines.find_map(|line| line.unwrap().split_once("@wrote ").map(|(_, name)| name.to_owned()));
    child.kill().unwrap();
    child.wait().unwrap();
    let video = video(&line.unwrap());
    let store = open(&path);
    let run = store.run_open(&video.id, &Recipe::default(), true).await.unwrap();
    if store.video(&video.id).await.unwrap().is_none() {
        assert!(run.count >= u64::from(BATCH), "an acknowledged batch is lost");
        assert_eq!(run.last, Some(f64::from(u32::try_from(run.count).unwrap() - 1)));
    }
    store.run_write(run.id, (0..BATCHES * BATCH).map(caption).collect()).await.unwrap();
    store.finish_ingest(&video, run.id, &[], Older::Keep).await.unwrap();
    assert_eq!(count(&store, &video.id).await, usize::try_from(BATCHES * BATCH).unwrap());
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}

/// Processes that start at once on a new file make one library, and see what the others commit.
#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_new_library() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("library.db");
    let mut children: Vec<Child> = (0..3).map(|_| start(&path)).collect();
    let store = open(&path);
    let mut told = Told::default();
    for child in &mut children {
        let output = BufReader::new(child.stdout.take().unwrap());
        let before = told.finished.len();
        for line in output.lines() {
            told.hear(&line.unwrap());
            if told.finished.len() > before {
                break;
            }
        }
        let changes = store.changes_since(0).await.unwrap().changes;
        let video = told.finished.last().unwrap().id.clone();
        assert!(changes.contains(&Change::Video(video)), "another's commit is not told");
    }
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(told.finished.len(), 3);
    for video in &told.finished {
        assert_eq!(store.video(&video.id).await.unwrap().as_ref(), Some(video));
    }
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}
