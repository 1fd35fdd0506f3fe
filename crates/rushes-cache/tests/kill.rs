//! A process that uses the disk tier is killed at random moments: what it was told to be
//! invalidated stays so, and what it kept is there.

#![allow(clippy::unwrap_used)] // also in the helper functions of tests
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rushes_cache::{Disk, Entry, Key, Scope, Tier};

/// Where the child writes; set by the parent only.
const FOLDER: &str = "RUSHES_CACHE_KILL_FOLDER";

fn key(n: u64) -> Key {
    Key::new("kill", n.to_le_bytes())
}

fn scope(n: u64) -> Scope {
    Scope::new(format!("group/{}", n % 7))
}

fn open(folder: &Path) -> Disk {
    Disk::open(folder, 8 << 20).unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(work)
}

/// Not a test of its own: what the child does until it is killed. Writes version after version,
/// and says what was acknowledged.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let tier = open(Path::new(&folder));
    block_on(async {
        for version in 0u64.. {
            let n = version % 40;
            let bytes = version.to_be_bytes().repeat(500);
            let stamp = tier.stamp(&key(n), &[scope(n)]).await.unwrap();
            let entry = Entry::new(Some(bytes.into()));
            tier.put(&key(n), &entry, &stamp).await.unwrap();
            say(&format!("put {n} {version}"));
            if version % 5 == 0 {
                tier.invalidate(&[scope(version)]).await.unwrap();
                say(&format!("dead {} {version}", version % 7));
            }
        }
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// What the killed process had said: versions last put per key, and last invalidated per scope.
fn run_and_kill(folder: &Path, after: usize) -> (Vec<Option<u64>>, Vec<Option<u64>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut put, mut dead) = (vec![None; 40], vec![None; 7]);
    let mut lines = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        if let ["put" | "dead", n, version] = words[..] {
            let (n, version): (usize, u64) = (n.parse().unwrap(), version.parse().unwrap());
            let said = if words[0] == "put" { &mut put } else { &mut dead };
            said[n] = Some(version);
            lines += 1;
        }
        if lines == after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    (put, dead)
}

#[test]
fn what_was_acknowledged_before_a_kill_holds_after_it() {
    let mut found = 0;
    for round in 0..8 {
        let folder = tempfile::TempDir::new().unwrap();
        let (put, dead) = run_and_kill(folder.path(), 50 + round * 173);
        let tier = open(folder.path());
        for (n, put) in put.iter().enumerate() {
            let n = n as u64;
            let entry = block_on(tier.get(&key(n))).unwrap();
            let version = entry.map(|entry| {
                let bytes = entry.bytes.unwrap();
                u64::from_be_bytes(bytes[..8].try_into().unwrap())
            });
            let dead = dead[(n % 7) as usize];
            if let Some(version) = version {
                assert!(dead.is_none_or(|dead| version > dead), "{version} was dead by {dead:?}");
                found += 1;
            }
            if let (Some(put), None) = (put, version) {
                // What was put lives unless something that was not read any more killed it.
                assert!(dead.is_some() || *put == 0, "{put} of key {n} was lost");
            }
        }
    }
    assert!(found > 20, "only {found} entries survived: nothing was tested");
}
