//! What must be refused well: a clear word, the right status and exit code, and nothing left
//! behind.

use std::path::PathBuf;

use crate::library::Library;
use crate::media;
use crate::server::Server;

/// Files that are no videos, or none that may be decoded.
fn no_videos() -> Vec<PathBuf> {
    let clip = media::clip();
    let whole = std::fs::read(&clip).unwrap();
    let secret = media::written("secret.txt", b"nobody may read this");
    let hls = format!("#EXTM3U\n#EXTINF:1,\nfile://{}\n#EXT-X-ENDLIST\n", secret.display());
    let remote = "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n";
    let concat = format!("ffconcat version 1.0\nfile '{}'\n", clip.display());
    vec![
        media::written("text.mp4", b"To be or not to be.\n"),
        media::written("cut.mp4", &whole[..whole.len() / 3]),
        media::written("empty.mp4", b""),
        media::sound(),
        media::written("playlist.mp4", hls.as_bytes()),
        media::written("remote.m3u8", remote.as_bytes()),
        media::written("concat.mp4", concat.as_bytes()),
        // The first is more than ffmpeg itself decodes, the second more than the setting allows.
        media::huge(20_000),
        media::huge(12_000),
    ]
}

#[test]
fn files_that_are_no_videos() {
    let library = Library::new();
    let before = library.held();
    let server = Server::start(&library);
    for file in no_videos() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let run = library.run(["ingest", file.to_str().unwrap()]);
        assert_eq!(run.code, 4, "{name}: {run:?}");
        assert!(run.stderr.contains(name), "{name}: {run:?}");
        assert!(!run.stderr.contains("nobody may read"), "{run:?}");
        let bytes = std::fs::read(&file).unwrap();
        let why = server.post(&format!("/v1/videos?name={name}"), &bytes).problem(422);
        assert!(!why.contains("nobody may read"), "{why}");
        // It is told by the name that its owner gave, once, and by no other.
        assert!(why.matches(name).count() <= 1 && !why.contains(".tmp"), "{why}");
        assert_eq!(library.held(), before, "{name}");
    }
}

#[test]
fn names_that_could_lead_elsewhere() {
    let library = Library::new();
    let before = library.held();
    let server = Server::start(&library);
    let bytes = std::fs::read(media::clip()).unwrap();
    for (name, encoded) in
        [("a\nb.mp4", "a%0Ab.mp4"), ("../up.mp4", "..%2Fup.mp4"), ("", ""), ("..", "..")]
    {
        let run = library.run_with(["ingest", "-", "--name", name], &bytes);
        assert_eq!(run.code, 2, "{name:?}: {run:?}");
        server.post(&format!("/v1/videos?name={encoded}"), &bytes).problem(400);
        assert_eq!(library.held(), before, "{name:?}");
    }
    server.post("/v1/videos?name=a%00b.mp4", &bytes).problem(400);
    server.post("/v1/videos", &bytes).problem(400);
    assert_eq!(library.held(), before);
}

#[test]
fn a_name_with_quotes_stays_text() {
    let library = Library::new();
    let bytes = std::fs::read(media::clip()).unwrap();
    let name = "it's \"so\"; DROP TABLE videos.mp4";
    let run = library.run_with(["ingest", "-", "--name", name], &bytes);
    if run.code == 0 {
        assert_eq!(library.run(["--json", "show", name]).json()["video"]["name"], name);
    } else {
        assert_eq!(run.code, 2, "{run:?}");
    }
}

#[test]
fn videos_that_are_not_there() {
    let (library, _) = Library::with_clip();
    let server = Server::start(&library);
    let before = library.held();
    for name in
        ["0123456789abcdef", "no-such.mp4", "..%2F..%2Fetc%2Fpasswd", "a%00b", "%F0%9F%A6%9C"]
    {
        for path in ["", "/entries", "/frames/0/image", "/context", "/sheet", "/memory", "/media"] {
            let answer = server.get(&format!("/v1/videos/{name}{path}"));
            assert!(matches!(answer.status, 400 | 404), "{name}{path}: {answer:?}");
            answer.problem(answer.status);
        }
        let deleted = server.delete(&format!("/v1/videos/{name}"));
        assert!(matches!(deleted.status, 400 | 404), "{name}: {deleted:?}");
    }
    for words in [["show", "0123456789abcdef"], ["rm", "nothing.mp4"], ["context", "nothing.mp4"]] {
        let run = library.run(words);
        assert_eq!(run.code, 3, "{words:?}: {run:?}");
    }
    assert_eq!(library.held(), before);
}

#[test]
fn references_that_mean_nothing() {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    for (reference, status) in
        [("nonsense", 400), (&format!("{id}@1.000-2.000%23caption/999999"), 404)]
    {
        server.get(&format!("/v1/cite/{reference}")).problem(status);
    }
    assert_eq!(library.run(["cite", "nonsense"]).code, 2);
    let never = format!("{id}@1.000-2.000#caption/999999");
    assert_eq!(library.run(["cite", &never]).code, 3);
}

#[test]
fn times_and_sizes_out_of_bounds() {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    let before = library.held();
    for path in [
        "entries?from=5&to=2",
        "entries?from=NaN",
        "entries?to=-1",
        "entries?from=inf",
        "entries?limit=0",
        "entries?limit=1000000000",
        "entries?limit=-1",
        "entries?cursor=nonsense",
        "entries?kind=No%20Kind!",
        "context?at=NaN",
        "context?from=5&to=2",
        "context?at=1&budget=0",
        "frame?at=NaN",
        "frame?at=-1",
        "frame",
        "frame?at=1&width=3",
        "frame?at=1&width=wide",
        "frame?at=1&format=bmp",
        "frames/0/image?width=100000",
        "burst?from=2&to=1",
        "burst?from=0&to=1&count=0",
        "burst?from=0&to=1&count=1000000000",
        "burst?from=0&to=1e9",
        "sheet?from=NaN",
        "sheet?columns=0",
        "sheet?columns=1000&rows=1000",
        "sheet?columns=8&rows=8",
        "sheet?cell=1",
        "clip?from=2&to=1",
        "clip?from=NaN&to=1",
        "clip?from=0&to=100000",
        "memory?limit=0",
        "memory?limit=1000000000",
    ] {
        let answer = server.get(&format!("/v1/videos/{id}/{path}"));
        assert!(matches!(answer.status, 400 | 413), "{path}: {answer:?}");
        answer.problem(answer.status);
    }
    for path in ["videos?limit=0", "videos?limit=1000000000", "search?text=x&limit=0", "search"] {
        server.get(&format!("/v1/{path}")).problem(400);
    }
    for words in [
        &["show", &id, "--kind", "caption", "--from", "5", "--to", "2"][..],
        &["show", &id, "--from", "NaN"],
        &["show", &id, "--from", "-1"],
        &["show", &id, "--limit", "0"],
        &["show", &id, "--limit", "1000000000"],
        &["ls", "--limit", "0"],
        &["context", &id, "--at", "NaN"],
        &["frame", &id, "--at", "-1", "--dry-run"],
        &["ingest", media::clip().to_str().unwrap(), "--every", "0"],
        &["ingest", media::clip().to_str().unwrap(), "--every", "-1"],
        &["ingest", media::clip().to_str().unwrap(), "--quality", "400"],
        &["ingest", media::clip().to_str().unwrap(), "--at", "NaN"],
        // Known only when the video has been looked at.
        &["ingest", media::clip().to_str().unwrap(), "--at", "99999"],
        &["ingest", media::other_clip().to_str().unwrap(), "--at", "99999"],
    ] {
        let run = library.run(words);
        assert_eq!(run.code, 2, "{words:?}: {run:?}");
        assert!(!run.stderr.is_empty(), "{words:?}");
    }
    assert_eq!(library.held(), before);
}

#[test]
fn frames_beyond_the_end() {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    server.get(&format!("/v1/videos/{id}/frames/999999/image")).problem(404);
    assert_eq!(library.run(["frame", &id, "--number", "999999", "--dry-run"]).code, 3);
}

#[test]
fn imports_that_cannot_be_read() {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    let before = library.held();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_record = format!("{{\"start\": 1, \"text\": {deep}}}\n");
    let latin = b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9 \xff\xfe\n";
    for (name, bytes) in [
        ("deep.json", deep.as_bytes()),
        ("deep.jsonl", deep_record.as_bytes()),
        ("latin.srt", &latin[..]),
        ("noise.bin", b"\x00\x01\x02\x03"),
    ] {
        let file = media::written(name, bytes);
        let words = ["import", &id, "--strict", "--captions", file.to_str().unwrap()];
        let run = library.run(words);
        assert!(matches!(run.code, 2 | 4), "{name}: {run:?}");
        assert!(run.stderr.contains(name), "{name}: {run:?}");
        let path = format!("/v1/videos/{id}/entries?kind=caption&strict=true&name={name}");
        let answer = server.post(&path, bytes);
        assert!(matches!(answer.status, 400 | 422), "{name}: {answer:?}");
        assert!(answer.problem(answer.status).contains(name), "{name}: {answer:?}");
        assert_eq!(library.held(), before, "{name}");
    }
}

#[test]
fn searches_that_look_like_a_query_language() {
    let (library, _) = Library::with_entries();
    let server = Server::start(&library);
    for text in ["%22", "kite%20AND", "NEAR(", "*", "kite*%20OR%201=1--", "a:b", "%00", "(((("] {
        let answer = server.get(&format!("/v1/search?text={text}"));
        assert!(matches!(answer.status, 200 | 400), "{text}: {answer:?}");
    }
}
