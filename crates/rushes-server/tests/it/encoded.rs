//! Answers in the encoding that a client takes, each form with a tag of its own.

use std::io::Read;

use serde_json::json;

use crate::library::Library;
use crate::server::{Answer, Server};

fn decoded(answer: &Answer) -> Vec<u8> {
    let bytes = &answer.body[..];
    let mut body = Vec::new();
    match answer.header("content-encoding") {
        "zstd" => body = zstd::decode_all(bytes).unwrap(),
        "br" => brotli::BrotliDecompress(&mut &*bytes, &mut body).unwrap(),
        "gzip" => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut body).unwrap()),
        other => panic!("encoded as {other:?}: {answer:?}"),
    }
    body
}

/// A library with enough captions that a page of them is worth encoding, and the page's path.
fn with_captions(texts: &str) -> (Library, Server, String) {
    let (library, id) = Library::with_clip();
    let server = Server::start(&library);
    let path = format!("/v1/videos/{id}/entries?kind=caption");
    let line = |n: i32| json!({"start": n as f64 / 10.0, "text": format!("{texts} {n}")});
    let lines: Vec<_> = (0..50).map(|n| line(n).to_string()).collect();
    let imported = server.post(&path, lines.join("\n").as_bytes());
    assert_eq!(imported.json()["added"]["caption"], 50, "{imported:?}");
    (library, server, path)
}

#[test]
fn an_answer_is_sent_as_its_client_takes_it_and_is_the_same_answer() {
    let (_library, server, path) = with_captions("a kite");
    let plain = server.get(&path);
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        ("", "accept, accept-encoding")
    );
    for (wish, name) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.1", "gzip"),
    ] {
        for _ in 0..2 {
            let answer = server.get_with(&path, &[("accept-encoding", wish)]);
            assert_eq!(answer.header("content-encoding"), name);
            assert_eq!(answer.header("content-length"), answer.body.len().to_string());
            assert!(answer.body.len() * 4 < plain.body.len(), "{} bytes", answer.body.len());
            assert_eq!(decoded(&answer), plain.body, "{name}");
        }
    }
    // The second of each was found: the encoded form lies in memory.
    let stats = server.get("/v1/stats").json();
    let encoded = &stats["cache"]["namespaces"]["encoded"];
    assert_eq!((&encoded["loads"], &encoded["hits"]), (&json!(3), &json!(3)), "{encoded}");
}

#[test]
fn each_form_is_known_by_its_own_tag_until_the_answer_changes() {
    let (_library, server, path) = with_captions("a kite");
    let gzip = ("accept-encoding", "gzip");
    let plain = server.get(&path).header("etag").to_owned();
    let tag = server.get_with(&path, &[gzip]).header("etag").to_owned();
    assert!(plain.starts_with('"') && tag == format!("{}-gzip\"", plain.trim_end_matches('"')));

    let known = |headers: &[(&str, &str)]| server.get_with(&path, headers);
    let same = known(&[gzip, ("if-none-match", &tag)]);
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, &*tag));
    assert_eq!(same.header("vary"), "accept, accept-encoding");
    assert_eq!(known(&[("if-none-match", &plain)]).status, 304);
    assert_eq!(known(&[("if-none-match", &tag)]).status, 200, "it has another form");
    assert_eq!(known(&[gzip, ("if-none-match", &plain)]).status, 200);

    let more = server.post(&(path.clone() + "&add=true"), b"{\"start\": 9, \"text\": \"new\"}\n");
    assert_eq!(more.status, 200, "{more:?}");
    let changed = known(&[gzip, ("if-none-match", &tag)]);
    assert_eq!(changed.status, 200);
    assert!(String::from_utf8(decoded(&changed)).unwrap().contains("\"new\""));
}

#[test]
fn head_says_what_get_would() {
    let (_library, server, path) = with_captions("a kite");
    for path in [path.as_str(), "/style.css", "/healthz"] {
        for wish in ["gzip", "identity"] {
            let wish = [("accept-encoding", wish)];
            let (got, head) = (server.get_with(path, &wish), server.head_with(path, &wish));
            assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
            for name in ["content-length", "content-encoding", "content-type", "etag", "vary"] {
                assert_eq!(head.header(name), got.header(name), "{name} of {path}");
            }
        }
    }
}

#[test]
fn what_gains_nothing_goes_out_as_it_is() {
    let (library, id) = Library::with_entries();
    let server = Server::start(&library);
    let all = [("accept-encoding", "gzip, br, zstd")];
    for path in [
        format!("/v1/videos/{id}/entries?kind=caption"),
        format!("/v1/videos/{id}/frame?at=1"),
        format!("/v1/videos/{id}/media"),
        "/v1/videos/none".to_owned(),
    ] {
        let answer = server.get_with(&path, &all);
        assert_eq!(answer.header("content-encoding"), "", "{path}");
        assert!(!answer.body.is_empty());
    }
    let part = server.get_with(
        &format!("/v1/videos/{id}/frame?at=1"),
        &[("accept-encoding", "gzip"), ("range", "bytes=4-7")],
    );
    assert_eq!((part.status, part.body.len()), (206, 4));
    let page = server.get_with("/style.css", &all);
    let known = [all[0], ("if-none-match", page.header("etag"))];
    assert_eq!(
        (page.header("content-encoding"), server.get_with("/style.css", &known).status),
        ("zstd", 304)
    );
}
