//! A library in PostgreSQL beside one in SQLite: one flow through the binary, the same answers.

use std::path::{Path, PathBuf};

use rushes_store::testing::PostgresServer;
use serde_json::Value;

use crate::library::Library;
use crate::server::Server;

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(name)
}

/// An answer without what differs from run to run: when, how long, and who answered.
fn timeless(mut answer: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for name in ["added", "at", "served", "elapsed", "seconds", "token", "uncached"] {
                    members.remove(name);
                }
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut answer);
    answer
}

/// Asks both the same, and holds the answers side by side.
fn agree(libraries: &[Library; 2], words: &[&str]) -> Value {
    let [a, b] = libraries.each_ref().map(|library| {
        let run = library.run([&["--json"], words].concat());
        assert_eq!(run.code, 0, "{words:?}: {run:?}");
        timeless(run.json())
    });
    assert_eq!(a, b, "{words:?}");
    a
}

#[test]
fn answers_are_those_of_a_library_in_sqlite() {
    let url = PostgresServer::shared().database("flow");
    let libraries = [Library::new(), Library::in_database(url)];
    for library in &libraries {
        let missing = library.run(["ls"]);
        assert_eq!(missing.code, 3, "{missing:?}");
        for (video, told) in [
            ("cup.mp4", ["--captions", "cup.captions.jsonl", "--objects", "cup.objects.jsonl"]),
            ("tree.avi", ["--captions", "tree.captions.jsonl", "--objects", "tree.objects.jsonl"]),
        ] {
            let path = demo(video).display().to_string();
            let run = library.run(["ingest", &path, "--every", "2"]);
            assert_eq!(run.code, 0, "{run:?}");
            let [captions, objects] =
                [told[1], told[3]].map(|name| demo(name).display().to_string());
            let import = ["import", video, told[0], &captions, told[2], &objects];
            let run = library.run(import);
            assert_eq!(run.code, 0, "{run:?}");
            let again = library.run(import);
            assert_eq!(again.code, 0, "{again:?}");
        }
        let said = library.run(["memory", "add", "cup.mp4", "What is in the cup?"]);
        assert_eq!(said.code, 0, "{said:?}");
    }
    let ls = agree(&libraries, &["ls"]);
    assert_eq!(ls["items"].as_array().unwrap().len(), 2);
    for words in [
        &["show", "cup.mp4"][..],
        &["show", "cup.mp4", "--kind", "object", "--from", "1", "--to", "4", "--limit", "7"],
        &["show", "tree.avi", "--kind", "caption"],
        &["show", "tree.avi", "--kind", "frame"],
        &["context", "cup.mp4", "--from", "0", "--to", "8"],
        &["context", "tree.avi", "--at", "3", "--budget", "300"],
        &["memory", "list", "cup.mp4"],
        &["frame", "tree.avi", "--at", "2.5", "--dry-run"],
    ] {
        agree(&libraries, words);
    }
    for words in ["cup", "a tree in the wind", "the of zebra", "\"AND (", "person"] {
        agree(&libraries, &["search", words]);
    }
    let found = agree(&libraries, &["search", "--label", "cup"]);
    assert!(!found["items"].as_array().unwrap().is_empty(), "{found}");

    let told = "SELECT video, kind, starts, text FROM timeline WHERE text IS NOT NULL \
                ORDER BY starts, id";
    assert!(!agree(&libraries, &["sql", told])["rows"].as_array().unwrap().is_empty());

    for library in &libraries {
        assert_eq!(library.run(["sql", "DELETE FROM videos"]).code, 2);
        assert_eq!(library.run(["doctor"]).code, 0);
        assert_eq!(library.run(["rm", "cup.mp4"]).code, 0);
        assert_eq!(library.run(["show", "cup.mp4"]).code, 3);
    }
    agree(&libraries, &["ls"]);
    agree(&libraries, &["search", "cup"]);
}

#[test]
fn what_another_process_writes_is_seen_by_a_running_server() {
    let library = Library::in_database(PostgresServer::shared().database("seen"));
    let path = crate::media::clip();
    assert_eq!(library.run(["ingest".as_ref(), path.as_os_str()]).code, 0);
    let server = Server::start(&library);
    let caption = |n: usize| {
        let line = format!("{{\"start\": {n}, \"end\": {}, \"text\": \"kite {n}\"}}\n", n + 1);
        crate::media::written(&format!("caption-{n}.jsonl"), line.as_bytes())
    };
    for n in 0..3 {
        let held = server.get("/v1/search?text=kite").json();
        assert_eq!(held["items"].as_array().map_or(0, Vec::len), n, "{held}");
        let file = caption(n);
        let import =
            ["import".as_ref(), "clip.mp4".as_ref(), "--captions".as_ref(), file.as_os_str()];
        assert_eq!(library.run(import).code, 0);
    }
    let stats = library.run(["--json", "stats"]).json();
    assert_eq!(stats["store"]["backend"], "postgres");
    assert_eq!(stats["store"]["entries"].as_u64().map(|n| n > 3), Some(true), "{stats}");
}

#[test]
fn a_server_that_is_not_there_is_named_without_its_password() {
    let library = Library::in_database("postgres://me:hush@127.0.0.1:1/none".to_owned());
    let run = library.run(["-vv", "ls"]);
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("127.0.0.1:1/none"), "{run:?}");
    assert!(!run.stderr.contains("hush"), "{run:?}");
}
