//! A trace through several configurations.

use std::fmt::Write as _;
use std::process::Command;

use crate::library::Library;
use crate::server::Server;

/// Sessions that stride through videos of an hour, each through another one.
fn strides() -> String {
    let mut trace = "time_ms,session,video,data_type,t_start,t_end\n".to_owned();
    for session in 0..12 {
        for step in 0..24 {
            let from = step * 150 + session;
            let to = from + 8;
            writeln!(trace, "{step},s{session},v{session},frames,{from}.00,{to}.00").unwrap();
        }
    }
    trace
}

#[test]
fn a_trace_is_played_through_configurations_side_by_side() {
    let library = Library::new();
    let trace = library.path().join("trace.csv");
    std::fs::write(&trace, strides()).unwrap();
    let words = ["--json", "replay", trace.to_str().unwrap()];
    let outcomes = library.run(words).json();
    let outcome = |number: usize, name: &str| outcomes[number][name].as_f64().unwrap();
    assert_eq!((outcome(0, "reads"), outcome(0, "distinct")), (144.0, 144.0));
    assert_eq!(outcomes[0]["configuration"], "prefetch=off");
    assert_eq!(outcomes[0]["precision"], serde_json::Value::Null);
    let (off, learned) = (outcome(0, "demand_queries"), outcome(1, "demand_queries"));
    assert!(learned * 3.0 < off && off <= 144.0, "{outcomes}");
    assert!(outcome(1, "precision") > 0.7, "{outcomes}");

    let held_out = ["replay", trace.to_str().unwrap(), "--held-out", "--with", "memory=1MB"];
    let table = library.run(held_out).text();
    assert!(table.contains("configuration") && table.contains("memory=1MB"), "{table}");
    assert!(!library.path().join("rushes.db").exists(), "it is played elsewhere");
}

#[test]
fn what_is_no_trace_is_refused_with_its_line() {
    let library = Library::new();
    let trace = library.path().join("trace.csv");
    std::fs::write(&trace, strides() + "1,s,v,frames,9,1\n").unwrap();
    let refused = library.run(["replay", trace.to_str().unwrap()]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(refused.stderr.contains("line 290: t_end is before t_start"), "{}", refused.stderr);
    let lacking = library.run(["replay", "none.csv"]);
    assert_eq!(lacking.code, 3);
    for words in [["--train", "2"], ["--with", "prefetch"], ["--with", "prefetch=psychic"]] {
        let refused = library.run(["replay", trace.to_str().unwrap(), words[0], words[1]]);
        assert_ne!(refused.code, 0, "{words:?}");
    }
}

#[test]
fn what_a_server_records_can_be_replayed_and_names_nobody() {
    let (library, id) = Library::with_entries();
    let trace = library.path().join("trace.csv");
    let server = Server::start_with(&library, &["--record", trace.to_str().unwrap()]);
    let read = |path: String| {
        let answer = server.get_with(&path, &[("x-rushes-session", "alice")]);
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    read(format!("/v1/videos/{id}/entries?kind=caption&from=1&to=2.5"));
    read(format!("/v1/videos/{id}/frame?at=3"));
    read(format!("/v1/videos/{id}/entries?kind=caption,object"));
    let told = Command::new("kill").args(["-TERM", &server.pid().to_string()]).status();
    assert!(told.unwrap().success());
    assert_eq!(server.ended(), Some(0));

    let text = std::fs::read_to_string(&trace).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let reads: Vec<_> = lines[1..].iter().map(|line| (line[3], line[4], line[5])).collect();
    // The moment of one frame, and windows without ends.
    let end = reads[2].2;
    assert_eq!(
        reads,
        [
            ("caption", "1.000", "2.500"),
            ("frame", "2.999", "3.001"),
            ("caption", "0.000", end),
            ("object", "0.000", end),
        ]
    );
    assert!(end.starts_with('6') || end.starts_with('5'), "the end of the video: {end}");
    assert!(!text.contains(&id) && !text.contains("alice"), "{text}");
    assert!(lines[1..].iter().all(|line| line[1..3] == lines[1][1..3]), "one session, one video");

    let replayed = library.run(["--json", "replay", trace.to_str().unwrap(), "--train", "0"]);
    assert_eq!(replayed.json()[0]["reads"], 4, "{replayed:?}");
    let again =
        library.run(["serve", "--addr", "127.0.0.1:0", "--record", trace.to_str().unwrap()]);
    assert_eq!(again.code, 2, "a trace is not written over: {again:?}");
}
