//! A scratch library, the command over it, and what is in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::media;

/// A scratch library; its folder goes with it.
pub(crate) struct Library {
    folder: TempDir,
    /// Where its rows are, if not in the folder.
    database: Option<String>,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// What a library holds: files with their sizes, and the figures of its rows.
#[derive(Debug, PartialEq)]
pub(crate) struct Held {
    files: BTreeMap<PathBuf, u64>,
    videos: Value,
    rows: BTreeMap<&'static str, u64>,
}

/// The rows that are counted. Not the recipes: one that nothing refers to says nothing, and waits
/// to be used again.
const COUNTED: [&str; 5] = ["videos", "entries", "timelines", "messages", "open_runs"];

impl Library {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: None }
    }

    /// A library whose rows are in the database of this URL.
    pub(crate) fn in_database(url: String) -> Self {
        Self { database: Some(url), ..Self::new() }
    }

    /// A library with the clip in it, and the clip's id.
    pub(crate) fn with_clip() -> (Self, String) {
        let library = Self::new();
        let run = library.run([OsStr::new("--json"), "ingest".as_ref(), media::clip().as_os_str()]);
        let id =
            run.events().iter().find_map(|event| Some(event.get("video")?.as_str()?.to_owned()));
        (library, id.unwrap_or_else(|| panic!("{run:?}")))
    }

    /// A library with the clip, two captions, and a detection; and the clip's id.
    pub(crate) fn with_entries() -> (Self, String) {
        let (library, id) = Self::with_clip();
        let srt = "1\n00:00:01,000 --> 00:00:02,500\nA red kite turns\n\n\
                   2\n00:00:03,000 --> 00:00:04,000\nThe crowd cheers\n";
        let captions = media::written("captions.srt", srt.as_bytes());
        let objects =
            "{\"start\": 1.0, \"label\": \"kite\", \"score\": 0.9, \"box\": [1, 2, 30, 40]}\n";
        let objects = media::written("objects.jsonl", objects.as_bytes());
        let run = library.run([
            OsStr::new("import"),
            id.as_ref(),
            "--captions".as_ref(),
            captions.as_ref(),
            "--objects".as_ref(),
            objects.as_ref(),
        ]);
        assert_eq!(run.code, 0, "{run:?}");
        (library, id)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command over this library, with nothing of the outer environment that it reads.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rushes"));
        command.env("RUSHES_LIBRARY", self.path()).env_remove("LOG_LEVEL").current_dir(self.path());
        if let Some(url) = &self.database {
            command.env("RUSHES_DATABASE", url);
        }
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        self.run_with(words, b"")
    }

    /// Runs the command to its end with this standard input.
    pub(crate) fn run_with(
        &self,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
        input: &[u8],
    ) -> Run {
        let mut child = self
            .command()
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A command that does not read closes the pipe: that is its right.
        let feeding = std::thread::spawn(move || stdin.write_all(&input).is_ok());
        let output = child.wait_with_output().unwrap();
        feeding.join().unwrap();
        Run::of(&output)
    }

    /// What the library holds now; what none holds, when there is none yet.
    pub(crate) fn held(&self) -> Held {
        let mut files = BTreeMap::new();
        list(self.path(), &mut files);
        if !self.path().join("rushes.db").exists() {
            assert_eq!(files, BTreeMap::new());
            let rows = COUNTED.map(|name| (name, 0)).into();
            return Held { files, videos: Value::Array(Vec::new()), rows };
        }
        let videos = self.run(["--json", "ls"]).json()["items"].clone();
        let stats = self.run(["--json", "stats"]).json();
        let rows = COUNTED.map(|name| (name, stats["store"][name].as_u64().unwrap())).into();
        Held { files, videos, rows }
    }
}

/// Files below a folder, without those that the database keeps for itself and the blobs' lock.
fn list(folder: &Path, files: &mut BTreeMap<PathBuf, u64>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            list(&path, files);
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("rushes.db") || path.ends_with("blobs/lock") {
            continue;
        }
        let size = path.metadata().unwrap().len();
        files.insert(path, size);
    }
}

impl Run {
    /// How a process ended.
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout.clone(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard output as JSON lines.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = self.text();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
