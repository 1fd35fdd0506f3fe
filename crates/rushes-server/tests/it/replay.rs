//! A trace through several configurations.

use std::fmt::Write as _;

use crate::library::Library;

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
