//! SQL on the command line and over HTTP.

use serde_json::json;

use crate::library::Library;
use crate::server::Server;

#[test]
fn the_library_answers_in_its_own_words() {
    let (library, id) = Library::with_entries();
    let sql = "SELECT kind, starts, text FROM timeline WHERE video = ? AND text IS NOT NULL \
               ORDER BY starts";
    let values = format!("[\"{id}\"]");
    let shown = library.run(["sql", sql, "--params", &values]).text();
    assert!(shown.contains("A red kite turns") && shown.contains("caption"), "{shown}");
    let csv = library.run(["sql", sql, "--params", &values, "--format", "csv"]).text();
    assert!(csv.starts_with("kind,starts,text\ncaption,1.0,"), "{csv}");
    let found = library.run(["--json", "sql", "SELECT count(*) AS n FROM timeline"]).json();
    assert_eq!(found["columns"], json!(["n"]), "{found}");

    let plan = library.run(["sql", sql, "--explain"]).text();
    assert!(plan.contains("cached until written to: entries/?1"), "{plan}");
    for (sql, code) in [("DELETE FROM videos", 2), ("SELECT nonsense", 2), ("SELECT ?", 2)] {
        let run = library.run(["sql", sql]);
        assert_eq!(run.code, code, "{run:?}");
    }
    let endless =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c";
    let run = library.run(["sql", endless, "--sql-timeout", "100ms"]);
    assert!(run.code == 2 && run.stderr.contains("stopped after 0.1 s"), "{run:?}");
}

#[test]
fn statements_are_remembered_for_advice() {
    let (library, _) = Library::with_entries();
    assert!(library.run(["advise"]).text().contains("No statements"));
    library.run(["sql", "SELECT ends FROM entries WHERE estimated = 1"]);
    let advice = library.run(["--json", "advise"]).json();
    assert_eq!(advice[0]["statement"], "SELECT ends FROM entries WHERE estimated = ?");
    assert_eq!(advice[0]["count"], 1);
    assert_eq!(advice[0]["warnings"], json!(["reads all of entries"]), "{advice}");
    let on = library.run(["advise", "SELECT * FROM entries WHERE digest = ?", "--params", "[1]"]);
    assert!(on.text().contains("reads all of entries"), "{on:?}");
}

#[test]
fn sql_over_http_is_off_unless_allowed() {
    let (library, id) = Library::with_entries();
    let ask =
        json!({ "sql": "SELECT count(*) FROM timeline WHERE video = :v", "params": { "v": id } });
    let server = Server::start(&library);
    let problem = server.post_json("/v1/sql", &ask).problem(403);
    assert!(problem.contains("--sql-http"), "{problem}");
    drop(server);

    let server = Server::start_with(&library, &["--sql-http", "true"]);
    let first = server.post_json("/v1/sql", &ask);
    assert_eq!(first.header("rushes-served"), "store", "{first:?}");
    let (first, again) = (first.json(), server.post_json("/v1/sql", &ask));
    assert_eq!(again.header("rushes-served"), "memory", "{again:?}");
    assert_eq!(again.json()["rows"], first["rows"]);

    let more = json!({ "role": "user", "content": "hello" });
    server.post_json(&format!("/v1/videos/{id}/memory"), &more);
    let after = server.post_json("/v1/sql", &ask);
    assert_eq!(after.header("rushes-served"), "memory", "a message is no entry: {after:?}");
    let srt = "1\n00:00:01,500 --> 00:00:02,500\nAnother kite\n";
    let captions = crate::media::written("more.srt", srt.as_bytes());
    let run = library.run(["import", &id, "--captions", captions.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    let after = server.post_json("/v1/sql", &ask);
    assert_eq!(after.header("rushes-served"), "store", "another process's import went unseen");
    let count = |answer: &serde_json::Value| answer["rows"][0][0].as_i64().unwrap();
    assert_eq!(count(&after.json()), count(&first) + 1);

    let write = json!({ "sql": "DELETE FROM entries" });
    let problem = server.post_json("/v1/sql", &write).problem(400);
    assert!(problem.contains("only reading"), "{problem}");
    let many = json!({ "sql": "SELECT * FROM timeline", "rows": 1 });
    server.post_json("/v1/sql", &many).problem(413);
    let stats = server.get("/v1/stats").json();
    let top = &stats["sql"]["statements"][0];
    assert!(top["count"].as_u64() > Some(0) && top["p99_micros"].is_u64(), "{stats}");
    assert!(server.get("/v1/sql/advice").json().is_array());
}
