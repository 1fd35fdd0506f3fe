//! The cache through the command and HTTP; the disk cache over restarts.

use serde_json::{Value, json};

use crate::library::Library;
use crate::media;
use crate::server::Server;

const DISK: [&str; 2] = ["--disk", "64MB"];

/// Ends a server in peace.
fn stop(server: Server) {
    let pid = server.pid().to_string();
    assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
    assert_eq!(server.ended(), Some(0));
}

fn entries(id: &str) -> String {
    format!("/v1/videos/{id}/entries?kind=caption")
}

fn texts(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item["data"]["text"].as_str().unwrap().to_owned()).collect()
}

/// Waits until what was read has reached the disk cache.
fn written(server: &Server) {
    while server.get("/v1/cache").json()["tiers"]["disk"]["puts"].as_u64().unwrap() == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_restart_finds_on_disk_what_was_read_before() {
    let (library, id) = Library::with_entries();
    let server = Server::start_with(&library, &DISK);
    let first = server.get(&entries(&id));
    stop(server);
    let server = Server::start_with(&library, &DISK);
    let again = server.get(&entries(&id));
    assert_eq!(first.json()["items"], again.json()["items"]);
    assert!(["disk", "memory"].contains(&again.header("rushes-served")), "{again:?}");
    let tiers = server.get("/v1/cache").json()["tiers"].clone();
    assert!(tiers["disk"]["hits"].as_u64().unwrap() > 0, "{tiers}");
}

#[test]
fn what_another_process_changed_while_the_cache_was_closed_is_not_served() {
    for kill in [false, true] {
        let (library, id) = Library::with_entries();
        let server = Server::start_with(&library, &DISK);
        assert_eq!(texts(&server.get(&entries(&id)).json()).len(), 2);
        written(&server);
        match kill {
            true => drop(server),
            false => stop(server),
        }
        let line = "{\"start\": 2.0, \"end\": 2.5, \"text\": \"Written meanwhile\"}\n";
        let file = media::written(&format!("meanwhile-{kill}.jsonl"), line.as_bytes());
        let import =
            library.run(["import".as_ref(), id.as_ref(), "--captions".as_ref(), file.as_os_str()]);
        assert_eq!(import.code, 0, "{import:?}");
        let server = Server::start_with(&library, &DISK);
        let found = texts(&server.get(&entries(&id)).json());
        assert!(found.contains(&"Written meanwhile".to_owned()), "killed: {kill}: {found:?}");
    }
}

#[test]
fn a_disk_cache_of_another_database_is_emptied() {
    let (library, id) = Library::with_entries();
    let server = Server::start_with(&library, &DISK);
    server.get(&entries(&id));
    stop(server);
    // The same commits, as a restored copy has them, in another file.
    let database = library.path().join("library/rushes.db");
    let database = if database.exists() { database } else { library.path().join("rushes.db") };
    let copy = database.with_extension("copy");
    std::fs::copy(&database, &copy).unwrap();
    std::fs::rename(&copy, &database).unwrap();
    let server = Server::start_with(&library, &DISK);
    server.get(&entries(&id));
    let tiers = server.get("/v1/cache").json()["tiers"].clone();
    assert_eq!(tiers["disk"]["hits"], 0, "{tiers}");
}

#[test]
fn what_is_invalidated_is_read_again_and_the_rest_is_not() {
    let (library, id) = Library::with_entries();
    let server = Server::start(&library);
    let read = |served: &str, after: &str| {
        let answer = server.get(&entries(&id));
        assert_eq!(answer.header("rushes-served"), served, "after {after}");
    };
    read("store", "the start");
    read("memory", "a read");
    for what in [
        json!({ "tag": format!("video/{id}/entries/caption") }),
        json!({ "pattern": format!("segm*:video/{id}/*") }),
        json!({ "namespace": "segments" }),
        json!({ "all": true }),
    ] {
        let dropped = server.post_json("/v1/cache/invalidate", &what);
        assert_eq!(dropped.status, 200, "{what}: {dropped:?}");
        assert!(dropped.json()["entries"].as_u64().unwrap() > 0, "{what}: {dropped:?}");
        read("store", &what.to_string());
        read("memory", "a read");
    }
    let unrelated = json!({ "pattern": "segments:video/nothing/*" });
    assert_eq!(server.post_json("/v1/cache/invalidate", &unrelated).json()["entries"], 0);
    read("memory", "an unrelated pattern");
    for bad in [json!({}), json!({ "all": true, "key": "a:b" }), json!({ "pattern": "x" })] {
        let problem = server.post_json("/v1/cache/invalidate", &bad);
        assert_eq!(problem.status, 400, "{bad}: {problem:?}");
    }
}

#[test]
fn the_command_acts_on_a_running_server() {
    let (library, id) = Library::with_entries();
    let server = Server::start(&library);
    let cache = |words: &[&str]| {
        let run = library.run(["--json", "cache", "--server", &server.address].iter().chain(words));
        assert_eq!(run.code, 0, "{words:?}: {run:?}");
        run.json()
    };
    let warmed = cache(&["warm", &id]);
    assert_eq!((&warmed["videos"], &warmed["cut_short"]), (&json!(1), &json!(false)));
    assert_eq!(server.get(&entries(&id)).header("rushes-served"), "memory", "it was warmed");
    let key = format!("records:video/{id}/known");
    assert_eq!(cache(&["get", &key])["found"], "hit");
    assert_eq!(cache(&["invalidate", "--key", &key])["entries"], 1);
    assert_eq!(cache(&["get", &key])["found"], "miss");
    for _ in 0..200 {
        server.get(&entries(&id));
    }
    assert!(!cache(&["top", "-n", "3"]).as_array().unwrap().is_empty());
    assert_eq!(cache(&["curve"])["points"].as_array().unwrap().len(), 6);
    let stats = cache(&["stats"]);
    assert_eq!(stats["stale_total"], 0);
    assert!(stats["namespaces"]["segments"]["bytes"].as_u64().unwrap() > 0, "{stats}");
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("rushes_cache_stale_total 0"), "{metrics}");
    let away = library.run(["cache", "--server", "http://127.0.0.1:9", "stats"]);
    assert!(away.code != 0 && away.stderr.contains("is the server up?"), "{away:?}");
}

#[test]
fn without_a_server_the_command_acts_on_the_disk_cache() {
    let (library, id) = Library::with_entries();
    let run = |words: &[&str]| {
        let run = library.run(DISK.iter().chain(&["--json", "cache"]).chain(words));
        assert_eq!(run.code, 0, "{words:?}: {run:?}");
        run.json()
    };
    assert_eq!(run(&["warm", &id])["videos"], 1);
    let key = format!("records:video/{id}/known");
    assert_eq!(run(&["get", &key])["found"], "hit", "it outlived the command");
    run(&["invalidate", "--pattern", "records:video/*/known"]);
    assert_eq!(run(&["get", &key])["found"], "miss");
}

#[test]
fn a_running_server_tells_why_something_was_read_ahead_or_was_not() {
    let (library, id) = Library::with_entries();
    let server = Server::start(&library);
    let url = server.url("");
    let explain = |kind: &str, at: &str| {
        library.run(["prefetch", "explain", &id, "--kind", kind, "--at", at, "--server", &url])
    };
    let cold = explain("caption", "0:01");
    assert!(cold.code == 0 && cold.text().contains("No session"), "{cold:?}");
    let path = format!("/v1/videos/{id}/entries?kind=caption&from=0&to=2");
    assert_eq!(server.get_with(&path, &[("x-rushes-session", "alice")]).status, 200);
    let known = explain("caption", "0:03");
    assert!(known.text().contains("not seen often enough"), "{known:?}");
    assert!(known.text().contains("expected with 0.00"), "{known:?}");
    let stats = library.run(["--json", "prefetch", "stats", "--server", &url]);
    assert!(stats.text().contains("\"accesses\": 1"), "{stats:?}");
    assert_eq!(explain("no kind!", "1").code, 2);
    server.get("/v1/prefetch/explain?video=nobody&kind=caption&at=1").problem(404);
    let away = ["prefetch", "stats", "--server", "http://127.0.0.1:1"];
    assert_ne!(library.run(away).code, 0);
}
