//! The HTTP API over a real socket: answers, tags, ranges, guards.

use std::process::Command;

use serde_json::json;

use crate::library::Library;
use crate::media;
use crate::server::Server;

#[test]
fn a_video_is_uploaded_read_and_deleted() {
    let library = Library::new();
    let server = Server::start(&library);
    let bytes = std::fs::read(media::clip()).unwrap();
    let made = server.post("/v1/videos?name=up.mp4&every=2", &bytes);
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["video"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("/v1/videos/{id}"));
    assert_eq!(made.json()["frames"], 3);
    assert_eq!(server.post("/v1/videos?name=up.mp4&every=2", &bytes).status, 200);

    let listed = server.get("/v1/videos").json();
    assert_eq!(listed["items"][0]["name"], "up.mp4");
    let known = server.get(&format!("/v1/videos/{id}")).json();
    assert_eq!((&known["id"], &known["timelines"][0]["kind"]), (&json!(id), &json!("frame")));

    let srt = b"1\n00:00:01,000 --> 00:00:02,000\nhello\n";
    let path = format!("/v1/videos/{id}/entries?kind=caption&model=m1");
    let imported = server.post(&path, srt);
    assert_eq!((imported.status, &imported.json()["added"]["caption"]), (200, &json!(1)));
    let entries = server.get(&format!("/v1/videos/{id}/entries?kind=caption,ocr&from=0&to=0:05"));
    assert_eq!(entries.json()["items"][0]["data"]["text"], "hello");
    assert_eq!(entries.json()["items"][0]["recipe"]["model"], "m1");
    assert_eq!(entries.json()["never_computed"], json!(["ocr"]));

    assert_eq!(server.delete(&format!("/v1/videos/{id}")).status, 200);
    server.get(&format!("/v1/videos/{id}")).problem(404);
    let left = std::fs::read_dir(library.path().join("incoming")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn an_import_is_read_as_its_content_type_says() {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    let path = format!("/v1/videos/{id}/entries?kind=caption&add=true");
    let lines = "{\"start\": 1, \"text\": \"tw}\n{\"start\": 2, \"text\": \"three\"}\n";
    // The first line is broken; looking at it would not tell that it is one.
    let as_lines =
        server.post_as(&path, "application/x-ndjson; charset=utf-8", lines.as_bytes(), &[]);
    assert_eq!(as_lines.json()["added"]["caption"], 1, "{as_lines:?}");
    assert_eq!(as_lines.json()["rejections"][0]["line"], 1, "{as_lines:?}");
    let why = server.post_as(&path, "text/vtt", lines.as_bytes(), &[]).problem(422);
    assert!(why.contains("WEBVTT"), "{why}");
    let named =
        server.post_as(&(path.clone() + "&format=jsonl"), "text/vtt", lines.as_bytes(), &[]);
    assert_eq!(named.json()["unchanged"], 1, "{named:?}");
    let why = server.post_as(&path, "application/json", b"nothing", &[]).problem(422);
    assert_eq!(why, "body.json: line 1: expected a JSON array or object");
    let array = "[{\"start\": 1, \"text\": \"x\"}, {\"start\": -1, \"text\": \"y\"}]";
    let counted = server.post_as(&path, "application/json", array.as_bytes(), &[]).json();
    assert_eq!(counted["rejections"][0]["record"], 2, "{counted}");

    // No name of a file of the library's own comes out.
    let yolo = server.post(&(path + "&format=yolo"), b"0 0.5 0.5 1 1").problem(422);
    assert!(yolo.starts_with("body: "), "{yolo}");
}

#[test]
fn a_named_body_takes_the_place_of_its_forerunner_and_a_nameless_one_adds() {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    let caption = |text: &str| format!("{{\"start\": 1, \"text\": \"{text}\"}}\n");
    let texts = || -> Vec<String> {
        let entries = server.get(&format!("/v1/videos/{id}/entries?kind=caption")).json();
        let items = entries["items"].as_array().unwrap();
        items.iter().map(|item| item["data"]["text"].as_str().unwrap().to_owned()).collect()
    };
    for (name, text, expected) in [
        ("", "a", &["a"][..]),
        ("", "b", &["a", "b"]),
        ("&name=c.jsonl", "c", &["a", "b", "c"]),
        ("&name=c.jsonl", "d", &["a", "b", "d"]),
        ("&name=c.jsonl&add=true", "e", &["a", "b", "d", "e"]),
        ("&name=c.jsonl&replace=true", "f", &["f"]),
    ] {
        let path = format!("/v1/videos/{id}/entries?kind=caption{name}");
        assert_eq!(server.post(&path, caption(text).as_bytes()).status, 200);
        assert_eq!(texts(), expected, "{name} {text}");
    }
}

#[test]
fn the_second_answer_is_the_same_and_comes_from_memory() {
    let (library, id) = Library::with_entries();
    let server = Server::start(&library);
    for path in [
        format!("/v1/videos/{id}/entries?kind=caption"),
        format!("/v1/videos/{id}/frames/0/image"),
        format!("/v1/videos/{id}/frame?at=2.5&width=overview"),
        format!("/v1/videos/{id}/sheet"),
    ] {
        let first = server.get(&path);
        let again = server.get(&path);
        assert_eq!((first.status, again.status), (200, 200), "{path}: {first:?}");
        assert_eq!(again.header("rushes-served"), "memory", "{path}");
        assert!(again.header("server-timing").starts_with("memory;dur="), "{path}");
        if first.header("content-type").starts_with("image/") {
            assert_eq!(first.body, again.body, "{path}");
        } else {
            assert_eq!(first.json()["items"], again.json()["items"], "{path}");
        }
    }
}

#[test]
fn images_have_strong_tags_ranges_and_costs() {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    let path = format!("/v1/videos/{id}/frames/10/image?width=160");
    let whole = server.get(&path);
    assert_eq!((whole.status, whole.header("content-type")), (200, "image/webp"));
    assert_eq!(whole.header("cache-control"), "public, max-age=31536000, immutable");
    let tokens: serde_json::Value = serde_json::from_str(whole.header("rushes-tokens")).unwrap();
    assert!(tokens.as_object().is_some_and(|families| !families.is_empty()));
    assert_eq!((whole.header("rushes-frame"), whole.header("rushes-at")), ("10", "1"));

    let etag = whole.header("etag");
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    let known = server.get_with(&path, &[("if-none-match", etag)]);
    assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, etag));
    let head = server.head(&path);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), whole.body.len().to_string());

    let part = server.get_with(&path, &[("range", "bytes=4-7")]);
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[4..8]));
    assert_eq!(part.header("content-range"), format!("bytes 4-7/{}", whole.body.len()));
    let beyond = server.get_with(&path, &[("range", "bytes=999999999-")]);
    assert!(beyond.problem(416).contains("none of them"));
    assert_eq!(beyond.header("content-range"), format!("bytes */{}", whole.body.len()));

    let by_time = server.get(&format!("/v1/videos/{id}/frame?at=1.05"));
    assert_eq!(
        (by_time.header("rushes-frame"), by_time.header("cache-control")),
        ("10", "public, max-age=31536000, immutable")
    );
    let by_name = server.get("/v1/videos/clip.mp4/frames/10/image");
    assert_eq!(by_name.header("cache-control"), "no-cache");
    let dry = server.get(&format!("{path}&dry_run=true"));
    assert_eq!((&dry.json()["width"], &dry.json()["bytes"]), (&json!(160), &json!(0)));
}

#[test]
fn the_source_file_streams_in_ranges() {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    let bytes = std::fs::read(media::clip()).unwrap();
    let path = format!("/v1/videos/{id}/media");
    let whole = server.get(&path);
    assert_eq!((whole.header("content-type"), &whole.body), ("video/mp4", &bytes));
    let part = server.get_with(&path, &[("range", "bytes=-10")]);
    assert_eq!((part.status, &part.body[..]), (206, &bytes[bytes.len() - 10..]));
    assert_eq!(part.header("content-length"), "10");
    let known = server.get_with(&path, &[("if-none-match", whole.header("etag"))]);
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(server.get_with(&path, &[("range", "bytes=99999999-")]).status, 416);
}

#[test]
fn everything_else_is_answered() {
    let (library, id) = Library::with_entries();
    let server = Server::start(&library);
    let found = server.get("/v1/search?text=kite").json();
    let reference = found["items"][0]["reference"].as_str().unwrap().replace('#', "%23");
    let cited = server.get(&format!("/v1/cite/{reference}"));
    assert_eq!(cited.json()["text"].as_str(), Some("A red kite turns"), "{cited:?}");
    assert_eq!(
        server.get(&format!("/v1/cite?ref={reference}")).json()["entry"],
        cited.json()["entry"]
    );
    for path in ["frame", "clip"] {
        let picture = server.get(cited.json()[path].as_str().unwrap());
        assert_eq!(picture.status, 200, "{path}: {picture:?}");
    }

    let context = server.get(&format!("/v1/videos/{id}/context?at=2&form=text"));
    assert!(context.text().contains("red kite"), "{context:?}");
    let burst = server.get(&format!("/v1/videos/{id}/burst?from=1&to=2&count=3&width=64"));
    assert_eq!(burst.json().as_array().map(Vec::len), Some(3), "{burst:?}");
    let clip = server.get(&format!("/v1/videos/{id}/clip?from=1&to=2"));
    assert_eq!((clip.status, clip.header("content-type")), (200, "video/mp4"));
    let thumbnail = server.get(&format!("/v1/videos/{id}/thumbnail"));
    assert!(thumbnail.header("content-type").starts_with("image/"), "{thumbnail:?}");

    let said = json!({ "role": "user", "content": "Where?" });
    assert_eq!(server.post_json(&format!("/v1/videos/{id}/memory"), &said).status, 201);
    let messages = server.get(&format!("/v1/videos/{id}/memory")).json();
    assert_eq!(messages["items"][0]["content"], "Where?");

    assert!(server.get("/v1/stats").json()["store"].is_object());
    assert_eq!(server.get("/healthz").text(), "ok\n");
    assert_eq!(server.get("/readyz").status, 200);
    let metrics = server.get("/metrics").text();
    let counted =
        "rushes_http_requests_total{method=\"GET\",route=\"/v1/search\",status=\"200\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn the_page_is_embedded_with_a_tag_and_a_policy() {
    let library = Library::new();
    let server = Server::start(&library);
    let page = server.get("/");
    assert!(page.text().contains("<title>Rushes</title>"), "{page:?}");
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let known = server.get_with("/", &[("if-none-match", page.header("etag"))]);
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert!(server.get("/style.css").header("content-type").starts_with("text/css"));
    server.get("/nothing.js").problem(404);
}

#[test]
fn strangers_are_not_served() {
    let library = Library::new();
    let server = Server::start(&library);
    server.get_with("/v1/videos", &[("host", "rebound.example:80")]).problem(403);
    server.get_with("/v1/videos", &[("origin", "https://evil.example")]).problem(403);
    assert_eq!(server.get_with("/v1/videos", &[("host", "localhost:1")]).status, 200);
    assert_eq!(server.get_with("/v1/videos", &[("origin", &server.address)]).status, 200);

    let refused = library.run(["serve", "--addr", "0.0.0.0:0"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--allow-remote"), "{refused:?}");
}

#[test]
fn a_signal_ends_the_server_cleanly() {
    let library = Library::new();
    for signal in ["-TERM", "-INT"] {
        let server = Server::start(&library);
        assert_eq!(server.get("/healthz").status, 200);
        let told = Command::new("kill").args([signal, &server.pid().to_string()]).status().unwrap();
        assert!(told.success());
        assert_eq!(server.ended(), Some(0), "{signal}");
    }
}

#[test]
fn wrong_methods_and_bodies_are_problems() {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    server.post("/v1/search", b"").problem(405);
    server.get("/v1/nothing").problem(404);
    server.get("/v1/videos?limit=many").problem(400);
    server.get("/v1/videos?colour=red").problem(400);
    server.post(&format!("/v1/videos/{id}/memory"), b"not json").problem(415);
    let said = json!({ "role": "queen", "content": "x" });
    server.post_json(&format!("/v1/videos/{id}/memory"), &said).problem(400);
    server.get(&format!("/v1/search?text={}", "x".repeat(9000))).problem(414);
}

#[test]
fn a_refusal_reaches_a_caller_who_is_still_sending() {
    let library = Library::new();
    let server = Server::start(&library);
    // More than the buffers of a connection hold.
    let body = vec![b'x'; 24 << 20];
    server.post("/v1/videos?colour=red", &body).problem(400);
    server.post("/v1/videos/nothing.mp4/entries", &body).problem(404);
}

#[test]
fn an_upload_over_the_bound_is_refused_and_leaves_nothing() {
    let library = Library::new();
    let before = library.held();
    let server = Server::start_with(&library, &["--upload", "10KB"]);
    let bytes = std::fs::read(media::clip()).unwrap();
    let why = server.post("/v1/videos?name=big.mp4", &bytes).problem(413);
    assert!(why.contains("upload"), "{why}");
    assert_eq!(library.held(), before);
}

#[test]
fn many_videos_are_asked_in_one_call() {
    let (library, id) = Library::with_entries();
    let server = Server::start(&library);
    let body = json!({ "videos": [id, "nobody.mp4"], "kinds": ["caption"], "from": 0, "to": 2 });
    let answer = server.post_json("/v1/entries", &body);
    let items = &answer.json()["items"];
    assert_eq!(items[0]["entries"]["items"][0]["data"]["text"], "A red kite turns", "{answer:?}");
    assert_eq!(
        (&items[1]["video"], &items[1]["error"]["status"]),
        (&json!("nobody.mp4"), &json!(404))
    );
    server.post_json("/v1/entries", &json!({ "videos": [] })).problem(400);
}

#[test]
fn a_write_answers_a_token_that_another_server_honours() {
    let (library, id) = Library::with_entries();
    let late = ["--staleness", "1h"];
    let (one, other) = (Server::start_with(&library, &late), Server::start_with(&library, &late));
    let path = format!("/v1/videos/{id}/memory");
    let messages = |answer: crate::server::Answer| answer.json()["items"].as_array().unwrap().len();
    assert_eq!(messages(other.get(&path)), 0);
    let body = json!({"role": "user", "content": "hello"}).to_string();
    let written = one.post_as(&path, "application/json", body.as_bytes(), &[]);
    assert!((200..300).contains(&written.status), "{written:?}");
    let token = written.header("rushes-token");
    assert_eq!(messages(other.get(&path)), 0, "it looked by itself: nothing is tested");
    assert_eq!(messages(other.get_with(&path, &[("rushes-token", token)])), 1);
    other.get_with(&path, &[("rushes-token", "nonsense")]).problem(400);
}

#[test]
fn a_timeline_is_streamed_as_lines() {
    let (library, id) = Library::with_entries();
    let server = Server::start(&library);
    let path = format!("/v1/videos/{id}/entries?kind=frame,caption,ocr&limit=2&total=exact");
    let page = server.get(&path);
    let all = page.json()["total"]["count"].as_u64().unwrap();
    assert_eq!(page.json()["items"].as_array().unwrap().len(), 2);
    let lines = server.get_with(&path, &[("accept", "application/x-ndjson")]);
    assert_eq!((lines.status, lines.header("content-type")), (200, "application/x-ndjson"));
    assert_eq!(lines.header("rushes-total"), all.to_string());
    assert_eq!(lines.header("rushes-never-computed"), "ocr");
    let text = lines.text();
    let entries: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len() as u64, all);
    assert_eq!(entries[..2], page.json()["items"].as_array().unwrap()[..]);
    let refused = server.get_with(
        "/v1/videos/nobody/entries",
        &[("accept", "application/x-ndjson, application/json;q=0.1")],
    );
    refused.problem(404);
    let declined = server.get_with(&path, &[("accept", "application/x-ndjson;q=0")]);
    assert_eq!(declined.header("content-type"), "application/json");
}
