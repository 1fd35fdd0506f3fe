//! Our own form, as JSON and JSONL.

use serde_json::json;

use super::super::options::{Format, ImportOptions};
use super::shared::{as_format, entries, faults, only, read, refused, spans};

#[test]
fn a_record_has_a_place_and_all_else_is_data_in_its_order() {
    let entry = only(
        r#"{"z":1,"start":12.5,"kind":"caption","text":"A dog","end":15,"a":[2]}"#,
        Format::Jsonl,
    );
    assert_eq!((entry.kind.as_str(), entry.start, entry.end), ("caption", 12.5, 15.0));
    assert_eq!(entry.data.to_string(), r#"{"z":1,"text":"A dog","a":[2]}"#);
    assert_eq!((entry.text.as_deref(), entry.estimated), (Some("A dog"), false));
}

#[test]
fn a_record_may_be_an_instant_by_time_or_by_frame() {
    let options = as_format(Format::Jsonl);
    let all = entries(
        "{\"start\":3}\n{\"timestamp\":4}\n\n{\"frame\":0}\n{\"frame\":100}\n{\"start\":5,\"frame\":7,\"estimated\":true}",
        &options,
    );
    assert_eq!(spans(&all), [(3.0, 3.0), (4.0, 4.0), (1.0, 1.0), (7.0, 7.0), (5.0, 5.0)]);
    assert_eq!(all[3].data, json!({ "frame": 100 }));
    assert_eq!((all[4].estimated, &all[4].data), (true, &json!({ "frame": 7 })));
}

#[test]
fn what_a_library_prints_is_read_back() {
    let entry = only(
        r#"{"id":7,"video":"00","kind":"ocr","start":1,"end":2,"data":{"text":"EXIT","n":1},"recipe":{"tool":"t"}}"#,
        Format::Jsonl,
    );
    assert_eq!((entry.kind.as_str(), entry.data), ("ocr", json!({ "text": "EXIT", "n": 1 })));
}

#[test]
fn json_is_an_array_or_entries_or_one_record() {
    let one = r#"{"start": 1, "end": 2, "text": "x", "box": [1, 2, 3, 4]}"#;
    for text in [
        format!("[{one}]"),
        format!("{{\"about\": {{}}, \"entries\": [{one}]}}"),
        one.replace(", ", ",\n"),
    ] {
        let entry = only(&text, Format::Json);
        assert_eq!(entry.data, json!({ "text": "x", "box": [1, 2, 3, 4] }), "{text}");
    }
    for nothing in ["[]", "{\"entries\": []}", "{}"] {
        assert_eq!(entries(nothing, &as_format(Format::Json)), []);
    }
}

#[test]
fn a_bad_record_is_named_by_line_and_costs_only_itself() {
    let good = r#"{"start":1,"end":2}"#;
    for (bad, why) in [
        (r#"{"end":2}"#, "expected `start` and `end` in seconds (or `timestamp`, or `frame`)"),
        (r#"{"start":-1,"end":2}"#, "start must be seconds of the video, 0 or more, not -1"),
        (r#"{"start":3,"end":2}"#, "end 2 is before start 3"),
        (r#"{"start":1,"end":1e999}"#, "not JSON: number out of range at column 22"),
        (r#"{"start":NaN,"end":2}"#, "not JSON: expected value at column 10"),
        (
            r#"{"start":1690000000,"end":1690000001}"#,
            "start must be seconds of the video, 0 or more, not 1690000000",
        ),
        (r#"{"start":"00:01","end":2}"#, "start must be a number of seconds, not \"00:01\""),
        (
            r#"{"start":1,"end":2,"kind":"No Kind"}"#,
            "a kind is 1 to 64 of a-z 0-9 _ - . beginning with a letter, not \"No Kind\"",
        ),
        (r#"{"start":1,"end":2,"kind":"caption"}"#, "a caption needs a `text` that is not empty"),
        (
            r#"{"start":1,"end":2,"kind":"frame"}"#,
            "frames are taken from the video by ingest, not imported",
        ),
        (r#"{"start":1,"kind":"object"}"#, "an object needs a `label`: the name of its class"),
        (
            r#"{"start":1,"kind":"object","label":"x","box":[1,2]}"#,
            "box must be [left, top, width, height]",
        ),
        (r#"{"frame":250}"#, "frame 250: the video has 250 frames, numbered from 0"),
        (r#"["x",1,2]"#, "invalid type: sequence, expected an object with `start` and `end`"),
    ] {
        let lines = format!("{good}\n{bad}\n{good}");
        assert_eq!(faults(&lines, &as_format(Format::Jsonl)), [(2, why.to_owned())], "{bad}");
        let array = format!("[{good},\n{bad},\n{good}]");
        assert_eq!(faults(&array, &as_format(Format::Json)), [(2, why.to_owned())], "{bad}");
    }
}

#[test]
fn nesting_of_ten_thousand_levels_is_refused() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let record = format!("{{\"start\":1,\"x\":{deep}}}");
    assert_eq!(refused(&record, Format::Jsonl), "nested deeper than 128 levels");
    assert_eq!(refused(&format!("[{record}]"), Format::Json), "nested deeper than 128 levels");
    let no_record = "invalid type: sequence, expected an object with `start` and `end`";
    assert_eq!(refused(&deep, Format::Json), no_record);
    assert_eq!(
        refused(&format!("{{\"segments\":[{record}]}}"), Format::Whisper),
        "nested deeper than 128 levels"
    );
    assert_eq!(refused(&format!("[{record}]"), Format::Coco), "nested deeper than 128 levels");
}

#[test]
fn records_need_a_kind_from_somewhere() {
    let options = ImportOptions { kind: None, ..as_format(Format::Jsonl) };
    let why = "has no kind; give one for the whole file (--kind)".to_owned();
    assert_eq!(faults(r#"{"start":1}"#, &options), [(1, why)]);
}

#[test]
fn a_schema_is_held_against_each_record() {
    let schema = json!({ "required": ["n"], "properties": { "n": { "type": "integer" } } });
    let options = ImportOptions { schema: Some(schema), ..as_format(Format::Jsonl) };
    let faults =
        faults("{\"start\":1,\"n\":1}\n{\"start\":1,\"n\":\"x\"}\n{\"start\":1}", &options);
    assert_eq!(
        faults[0],
        (2, "against the schema at /n: \"x\" is not of type \"integer\"".to_owned())
    );
    assert_eq!(faults[1], (3, "against the schema: \"n\" is a required property".to_owned()));
    let outside = json!({ "$ref": "http://127.0.0.1:1/schema.json" });
    let refused = read("{}", &ImportOptions { schema: Some(outside), ..options }).err().unwrap();
    assert!(refused.to_string().starts_with("the JSON Schema cannot be used"), "{refused}");
}
