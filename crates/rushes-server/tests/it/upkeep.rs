//! Libraries that are not there, may not be written, or that a killed process left.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::library::{Library, Run};
use crate::media;
use crate::server::Server;

/// Nothing is made by looking for it.
#[test]
fn a_library_that_is_not_there_is_refused_and_not_made() {
    let library = Library::new();
    let nowhere = library.path().join("no/library");
    let place = nowhere.to_str().unwrap();
    let commands: &[&[&str]] = &[
        &["ls"],
        &["show", "clip.mp4"],
        &["search", "kite"],
        &["stats"],
        &["doctor"],
        &["doctor", "--repair"],
        &["rm", "clip.mp4"],
        &["cite", "5e8f5e8f5e8f5e8f@1.000-2.000#caption/1"],
        &["context", "clip.mp4", "--at", "1"],
        &["sheet", "clip.mp4", "--dry-run"],
        &["frame", "clip.mp4", "--at", "1", "--dry-run"],
        &["burst", "clip.mp4", "--from", "0", "--to", "1", "--dry-run"],
        &["clip", "clip.mp4", "--from", "0", "--to", "1", "-o", "x.mp4"],
        &["memory", "list", "clip.mp4"],
        &["memory", "add", "clip.mp4", "hello"],
        &["import", "clip.mp4", "--captions", "captions.srt"],
    ];
    for command in commands {
        let run = library.run(["--library", place].iter().chain(*command));
        assert_eq!(run.code, 3, "{command:?}: {run:?}");
        let told = run.stderr.clone() + &run.text();
        assert!(told.contains("no library in") && told.contains(place), "{command:?}: {run:?}");
        assert!(!library.path().join("no").exists(), "{command:?}");
    }
}

/// The command as a user whom the file system forbids what it forbids to all: the superuser gives
/// up its power over it.
fn forbidden(library: &Library, words: &[&str]) -> Run {
    let free = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let command = library.command();
    let mut all = vec![command.get_program().to_owned()];
    if free {
        let without = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];
        all = without.map(Into::into).into_iter().chain(all).collect();
    }
    let mut child = Command::new(&all[0]);
    child.args(&all[1..]).args(words).env("RUSHES_LIBRARY", library.path()).stdin(Stdio::null());
    Run::of(&child.output().unwrap())
}

fn chmod(library: &Library, mode: &str) {
    let done = Command::new("chmod").args(["-R", mode]).arg(library.path()).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_library_that_may_not_be_written_is_read() {
    let (library, id) = Library::with_entries();
    chmod(&library, "a-w");
    let elsewhere = tempfile::tempdir().unwrap();
    let picture = elsewhere.path().join("frame.png");
    for words in [
        &["ls"][..],
        &["show", &id],
        &["search", "kite"],
        &["stats"],
        &["context", &id, "--at", "1"],
        &["frame", &id, "--at", "2", "-o", picture.to_str().unwrap()],
    ] {
        let run = forbidden(&library, words);
        assert!(run.code == 0 && !run.stdout.is_empty(), "{words:?}: {run:?}");
    }
    let doctor = forbidden(&library, &["doctor"]);
    assert!(doctor.code == 0 && doctor.text().contains("can only be read"), "{doctor:?}");
    let clip = media::other_clip();
    for words in [
        &["ingest", clip.to_str().unwrap()][..],
        &["rm", &id],
        &["memory", "add", &id, "hello"],
        &["doctor", "--repair"],
    ] {
        let run = forbidden(&library, words);
        let told = run.stderr.clone() + &run.text();
        assert!(run.code == 2 && told.contains("can only be read"), "{words:?}: {run:?}");
    }
    chmod(&library, "u+w");
    assert!(library.run(["search", "kite"]).text().contains("**kite**"));
}

/// An ingest that is killed when it has written some of its frames.
fn killed_ingest(library: &Library) -> String {
    let clip = media::long_clip();
    let mut child = library
        .command()
        .args(["--json", "ingest", "--every", "50ms", clip.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut video = None;
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        video = video.or_else(|| Some(event["video"].as_str()?.to_owned()));
        // Written in batches of 64.
        if event["frames"].as_u64().is_some_and(|frames| frames > 150) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    video.unwrap()
}

#[test]
fn a_killed_ingest_is_told_by_the_doctor_and_can_be_dropped() {
    for repair in [true, false] {
        let library = Library::new();
        let video = killed_ingest(&library);
        assert!(library.run(["ls"]).text().contains("empty"));
        let report = library.run(["--json", "doctor"]);
        assert_eq!(report.code, 0, "{report:?}");
        let left = &report.json()["leftovers"]["unfinished"][0];
        assert_eq!(left["video"], *video, "{report:?}");
        assert!(left["entries"].as_u64().unwrap() >= 64, "{report:?}");
        assert!(library.run(["doctor"]).text().contains(&format!("of {video} (never finished)")));

        let gone = match repair {
            true => library.run(["doctor", "--repair"]),
            false => library.run(["rm", &video[..8]]),
        };
        assert_eq!(gone.code, 0, "{gone:?}");
        // Pictures whose rows were not written yet: no row leads to them.
        assert_eq!(library.run(["doctor", "--repair"]).code, 0);
        let report = library.run(["--json", "doctor"]).json();
        assert_eq!(report["leftovers"]["unfinished"], serde_json::json!([]));
        assert_eq!(library.held(), Library::new().held());
        assert_eq!(library.run(["rm", &video]).code, 3);
    }
}

#[test]
fn an_interrupted_upload_goes_when_the_library_is_next_opened() {
    let (library, _) = Library::with_clip();
    let before = library.held();
    let server = Server::start(&library);
    let address = server.address.trim_start_matches("http://").to_owned();
    let mut sending = std::net::TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /v1/videos?name=a.mp4 HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000\r\n\r\n"
    );
    sending.write_all(head.as_bytes()).unwrap();
    let incoming = library.path().join("incoming");
    let waiting = || std::fs::read_dir(&incoming).into_iter().flatten().count();
    while waiting() == 0 {
        std::thread::yield_now();
    }
    // Others leave alone what a living process writes.
    assert_eq!(library.run(["ls"]).code, 0);
    assert_eq!(waiting(), 1);
    drop(server); // killed
    assert_eq!(waiting(), 1);
    assert_eq!(library.run(["ls"]).code, 0);
    assert_eq!(waiting(), 0);
    assert_eq!(library.held(), before);
}
