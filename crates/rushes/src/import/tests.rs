//! The shapes that each format comes in, in small.

use rushes_store::NewEntry;
use serde_json::{Value, json};

use super::options::{Format, ImportOptions};
use super::testing::{as_format, entries, faults, read};

fn spans(entries: &[NewEntry]) -> Vec<(f64, f64)> {
    entries.iter().map(|entry| (entry.start, entry.end)).collect()
}

fn texts(entries: &[NewEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.text.as_deref().unwrap_or_default()).collect()
}

fn only(text: &str, format: Format) -> NewEntry {
    let mut all = entries(text, &as_format(format));
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn refused(text: &str, format: Format) -> String {
    let faults = faults(text, &as_format(format));
    assert_eq!(faults.len(), 1, "{text}: {faults:?}");
    faults[0].1.clone()
}

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

#[test]
fn audio_time_moves_what_counts_from_the_audio() {
    let options = ImportOptions { audio_time: true, ..as_format(Format::Whisper) };
    let text = r#"{"segments":[{"start":0.1,"end":1,"text":"hi","words":[{"word":"hi","start":0.1,"end":0.9}]}]}"#;
    let all = entries(text, &options);
    assert_eq!(spans(&all), [(0.6, 1.5)]);
    assert_eq!(all[0].data["words"], json!([{ "word": "hi", "start": 0.6, "end": 1.4 }]));
    let own = ImportOptions { audio_time: true, ..as_format(Format::Jsonl) };
    let all =
        entries("{\"start\":1,\"words\":[{\"word\":\"x\",\"start\":1}]}\n{\"frame\":0}", &own);
    assert_eq!((all[0].start, &all[0].data["words"][0]["start"]), (1.5, &json!(1.5)));
    assert_eq!(all[1].start, 1.0, "a frame's time is the video's");
}

#[test]
fn frames_are_counted_by_a_rate_only_when_asked_and_flagged() {
    let options = ImportOptions { fps: Some(10.0), ..as_format(Format::Mot) };
    let all = entries("1,1,0,0,5,5,1\n101,1,0,0,5,5,1", &options);
    assert_eq!(spans(&all), [(1.0, 1.0), (11.0, 11.0)]);
    assert!(all.iter().all(|entry| entry.estimated));
    let true_times = entries("1,1,0,0,5,5,1\n101,1,0,0,5,5,1", &as_format(Format::Mot));
    assert_eq!(spans(&true_times), [(1.0, 1.0), (7.0, 7.0)]);
    assert!(!true_times.iter().any(|entry| entry.estimated));
    let from_zero = ImportOptions { first_frame: Some(0), ..as_format(Format::Mot) };
    assert_eq!(entries("101,1,0,0,5,5,1", &from_zero)[0].start, 7.04);
}

#[test]
fn subrip_as_it_is_found() {
    let text = "\u{feff}0\r\n00:00:00,1 --> 00:00:04\r\n<i>One</i> &amp; {\\an8}two\r\nlines\r\n\r\n\
                2\r\n01:02.5 --> 1:00:00.250 X1:0\r\nthree\r\n3\r\n2:00:00,000 --> 2:00:01,000\r\nfour";
    let all = entries(text, &as_format(Format::Srt));
    assert_eq!(spans(&all), [(0.1, 4.0), (62.5, 3600.25), (7200.0, 7201.0)]);
    assert_eq!(texts(&all), ["One & two\nlines", "three", "four"]);
    assert_eq!(all[0].kind.as_str(), "transcript");
}

#[test]
fn an_empty_line_in_a_text_of_subrip_does_not_end_it() {
    let text = "1\n00:00:01,000 --> 00:00:02,000\none\n\ntwo\n\n\nthree\n\n2\n00:00:03,000 --> 00:00:04,000\nx";
    assert_eq!(texts(&entries(text, &as_format(Format::Srt))), ["one\ntwo\nthree", "x"]);
}

#[test]
fn what_is_no_cue_is_named_by_its_line() {
    let text = "1\n00:00:01,000 --> 00:00:02,000\nok\n\n2\n00:00:09,000 --> 00:00:03,000\nback\n\n\
                3\n00:00:60,000 --> 00:00:61,000\nx\n\n4\nno times\n\n5\n00:00:01,000 --> 00:00:02,000\n\n\
                6\n-00:00:01,000 --> 00:00:02,000\nx\n";
    let times = "expected times, as 00:00:12,500 --> 00:00:15,000".to_owned();
    let expected = [
        (6, "the end of the cue, 3 s, is before its start, 9 s".to_owned()),
        (10, times.clone()),
        (13, times.clone()),
        (17, "a cue without text".to_owned()),
        (20, times),
    ];
    assert_eq!(faults(text, &as_format(Format::Srt)), expected);
}

#[test]
fn bytes_that_are_not_utf8_cost_their_cue_and_the_encoding_helps() {
    let text =
        b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n\n2\n00:00:03,000 --> 00:00:04,000\nplain\n";
    let why = "not UTF-8; say which encoding it is (--encoding windows-1252)".to_owned();
    assert_eq!(faults(text, &as_format(Format::Srt)), [(3, why)]);
    let latin =
        ImportOptions { encoding: Some("windows-1252".to_owned()), ..as_format(Format::Srt) };
    assert_eq!(texts(&entries(text, &latin)), ["café", "plain"]);
    let unknown = ImportOptions { encoding: Some("klingon".to_owned()), ..as_format(Format::Srt) };
    assert!(read(text, &unknown).is_err());
    let utf16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain("1\n00:00:01,000 --> 00:00:02,000\né".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(texts(&entries(utf16, &as_format(Format::Srt))), ["é"]);
}

#[test]
fn webvtt_by_its_standard() {
    let text = "WEBVTT - title\nKind: captions\n\nNOTE 00:00 --> x\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:fred\n\n\
                intro\n00:01.000 --> 00:02.500 align:start\n<v Ann>Hi <c.x>there</c>\n\n\
                120:00:00.000 --> 120:00:00.000\nlater\n\n00:03.00 --> 00:04.000\nbad";
    let options = as_format(Format::Webvtt);
    let good: Vec<_> = read(text, &options).unwrap().into_iter().filter_map(Result::ok).collect();
    assert_eq!(spans(&good), [(1.0, 2.5), (432_000.0, 432_000.0)]);
    assert_eq!(good[0].data, json!({ "text": "Hi there", "speaker": "Ann", "cue": "intro" }));
    assert_eq!(
        faults(text, &options),
        [(19, "expected times, as 00:12.500 --> 00:15.000".to_owned())]
    );
    for other in ["", "garbage\n", "\nWEBVTT\n", "WEBVTTX\n", "00:01.000 --> 00:02.000\nx"] {
        assert_eq!(
            refused(other, Format::Webvtt),
            "line 1: a WebVTT file begins with `WEBVTT`",
            "{other}"
        );
    }
}

#[test]
fn a_cue_of_json_is_data() {
    let text = "WEBVTT\n\n00:07.000 --> 00:08.000\n{\"lat\":37.4,\n\"t\":1}\n\n00:08.000 --> 00:09.000\n{not json}";
    let all = entries(text, &as_format(Format::Webvtt));
    assert_eq!((all[0].kind.as_str(), &all[0].data), ("metadata", &json!({ "lat": 37.4, "t": 1 })));
    assert_eq!(texts(&all)[1], "{not json}");
}

#[test]
fn rolling_captions_say_each_line_once() {
    let text = "WEBVTT\n\n\
        00:00.000 --> 00:02.000\n \nhello<00:00.500><c> you</c>\n\n\
        00:02.000 --> 00:02.010\nhello you\n \n\n\
        00:02.010 --> 00:04.000\nhello you\nhow<00:03.000><c> are</c>\n\n\
        00:04.000 --> 00:04.010\nhow are\n \n\n\
        00:06.000 --> 00:07.000\nhow are\n";
    let all = entries(text, &as_format(Format::Webvtt));
    assert_eq!(texts(&all), ["hello you", "how are", "how are"]);
    assert_eq!(spans(&all), [(0.0, 2.01), (2.01, 4.01), (6.0, 7.0)]);
}

#[test]
fn what_is_said_twice_stays_twice() {
    let text = "1\n00:00:01,000 --> 00:00:02,000\nNo.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo.\n";
    assert_eq!(texts(&entries(text, &as_format(Format::Srt))), ["No.", "No."]);
}

#[test]
fn whisper_words_without_times_share_the_gap() {
    let text = r#"{"segments":[{"start":0,"end":4,"text":" a 1 2 b 3 ","words":[
        {"word":"a","start":0.5,"end":1,"score":0.9},{"word":"1","score":0.5},{"word":"2"},
        {"word":"b","start":2,"end":3},{"word":"3","start":null,"end":9}]}]}"#;
    let entry = only(text, Format::Whisper);
    assert_eq!(
        entry.data,
        json!({ "text": "a 1 2 b 3", "words": [
        { "word": "a", "start": 0.5, "end": 1.0, "score": 0.9 },
        { "word": "1", "start": 1.0, "end": 1.5, "score": 0.5, "estimated": true },
        { "word": "2", "start": 1.5, "end": 2.0, "estimated": true },
        { "word": "b", "start": 2.0, "end": 3.0 },
        { "word": "3", "start": 3.0, "end": 4.0, "estimated": true },
    ] })
    );
    assert!(!entry.estimated);
}

#[test]
fn whisper_dialects_come_out_alike() {
    let words = json!([{ "word": "Hi", "start": 0.0, "end": 0.5, "score": 0.9 }]);
    for (segment, after) in [
        (
            r#"{"id":0,"seek":0,"tokens":[1],"start":0,"end":1,"text":" Hi","words":[{"word":" Hi","start":0,"end":0.5,"probability":0.9}]}"#,
            "",
        ),
        (
            r#"{"start":0,"end":1,"text":"Hi","words":[{"text":"Hi","start":0,"end":0.5,"confidence":0.9}]}"#,
            "",
        ),
        (
            r#"{"start":0,"end":1,"text":"Hi","chars":[],"words":[{"word":"Hi","start":0,"end":0.5,"score":0.9}]}"#,
            r#","word_segments":[]"#,
        ),
        (
            r#"{"start":0,"end":1,"text":"Hi"}"#,
            r#","words":[{"word":"Hi","start":0,"end":0.5,"score":0.9}]"#,
        ),
    ] {
        let text =
            format!("{{\"text\":\"x\",\"segments\":[{segment}]{after},\"language\":\"en\"}}");
        let entry = only(&text, Format::Whisper);
        assert_eq!(entry.data, json!({ "text": "Hi", "words": words }), "{text}");
    }
}

#[test]
fn words_without_segments_become_sentences() {
    let text = r#"{"text":"Hi you. Bye","words":[{"word":"Hi","start":0,"end":0.5},{"word":"you.","start":0.5,"end":1},
        {"word":"Bye","start":1,"end":2},{"word":"now","start":5,"end":6}]}"#;
    let all = entries(text, &as_format(Format::Whisper));
    assert_eq!(texts(&all), ["Hi you.", "Bye", "now"]);
    assert_eq!(spans(&all), [(0.0, 1.0), (1.0, 2.0), (5.0, 6.0)]);
}

#[test]
fn a_bare_list_of_words_becomes_sentences() {
    let all = entries(
        r#"[[" Hi", 0.0, 0.5], [" you.", 0.5, 1.0], [" Bye", 1, 2]]"#,
        &as_format(Format::Whisper),
    );
    assert_eq!(texts(&all), ["Hi you.", "Bye"]);
}

#[test]
fn coco_results_are_objects_and_captions_at_their_frames() {
    let text = r#"[{"image_id":100,"category_id":18,"bbox":[1,2,3,4],"score":0.5},
        {"image_id":0,"category_id":1,"keypoints":[10,20,2,30,15,1],"score":0.4},
        {"image_id":1,"caption":" A dog. "},{"image_id":2,"category_id":12,"bbox":[0,0,1,1]}]"#;
    let all = entries(text, &as_format(Format::Coco));
    assert_eq!(spans(&all), [(7.0, 7.0), (1.0, 1.0), (1.04, 1.04), (1.08, 1.08)]);
    assert_eq!(
        all[0].data,
        json!({ "label": "dog", "score": 0.5, "box": [1, 2, 3, 4], "frame": 100, "category_id": 18 })
    );
    assert_eq!((all[0].label.as_deref(), all[0].text.as_deref()), (Some("dog"), None));
    assert_eq!(all[1].data["box"], json!([10.0, 15.0, 20.0, 5.0]));
    assert_eq!(
        (all[2].kind.as_str(), &all[2].data),
        ("caption", &json!({ "text": "A dog.", "frame": 1 }))
    );
    assert_eq!(all[3].label.as_deref(), Some("category 12"));
}

#[test]
fn a_coco_data_set_maps_its_images_and_categories() {
    let text = r#"{"annotations":[{"id":1,"image_id":77,"category_id":1,"bbox":[1,2,3,4]},{"id":2,"image_id":78,"category_id":2,"bbox":[1,2,3,4]}],
        "images":[{"id":77,"file_name":"a/frame_0002.jpg"},{"id":78,"file_name":"x.jpg","frame_id":3}],"categories":[{"id":1,"name":"fox"}]}"#;
    let all = entries(text, &as_format(Format::Coco));
    assert_eq!(spans(&all), [(1.08, 1.08), (1.12, 1.12)]);
    assert_eq!(
        all.iter().map(|entry| entry.label.as_deref().unwrap()).collect::<Vec<_>>(),
        ["fox", "category 2"]
    );
}

#[test]
fn mot_rows_of_all_editions_and_vatic_rows() {
    let rows = "1,3,113.84,274.5,57.3,130,-1,-1,-1,-1\n2,-1,1,2,3,4,0.5\n\n1,1,88,99,61,218,1,4.5,5.5,0\n1,2,1,2,3,4,1,3,0.8";
    let all: Vec<Value> =
        entries(rows, &as_format(Format::Mot)).into_iter().map(|entry| entry.data).collect();
    assert_eq!(
        all,
        [
            json!({ "label": "person", "box": [113.84, 274.5, 57.3, 130], "track": 3, "frame": 1 }),
            json!({ "label": "person", "score": 0.5, "box": [1, 2, 3, 4], "frame": 2 }),
            json!({ "label": "person", "score": 1, "box": [88, 99, 61, 218], "track": 1, "frame": 1, "world": [4.5, 5.5, 0] }),
            json!({ "label": "car", "score": 1, "box": [1, 2, 3, 4], "track": 2, "frame": 1, "visible": 0.8 }),
        ]
    );
    let vatic = "0 412 0 842 124 0 0 0 0 \"worker\"\n0 412 10 842 124 1 0 1 1 \"pc\" \"attr1\" \"attr3\"\n0 1 1 1 1 2 1 0 0 \"pc\"";
    let all = entries(vatic, &as_format(Format::Mot));
    assert_eq!(spans(&all), [(1.0, 1.0), (1.04, 1.04)]);
    assert_eq!(
        all[1].data,
        json!({ "label": "pc", "box": [412, 10, 430, 114], "track": 0, "frame": 1, "occluded": true, "attributes": ["attr1", "attr3"] })
    );
    for bad in [
        "0,1,1,2,3,4,1",
        "1,1,1,2,3",
        "1.5,1,1,2,3,4,1",
        "1,1,NaN,2,3,4,1",
        "1,1,1,2,-3,4,1",
        "a b c",
    ] {
        refused(bad, Format::Mot);
    }
}

#[test]
fn what_it_is_shows_in_what_it_says() {
    use super::sniff::{Sniffed, sniff};
    let sniffed = |text: &'static str, name: &str| {
        sniff(|| Ok(Box::new(std::io::Cursor::new(text)) as super::lines::Text), name).unwrap()
    };
    for (text, name, format) in [
        ("WEBVTT\n", "x.srt", Format::Webvtt),
        ("1\n00:00:01,000 --> 00:00:02,000\nx", "x.txt", Format::Srt),
        ("00:01.000 --> 00:02.000\nx", "x.vtt", Format::Webvtt),
        ("", "x.srt", Format::Srt),
        ("{\"start\":1}\n{\"start\":2}\n", "x.json", Format::Jsonl),
        ("{\"start\":1}", "", Format::Jsonl),
        ("{\"segments\":[{\"start\":1}]}", "x.json", Format::Whisper),
        ("{\n\"text\":\"x\",\n\"segments\":[{}]}", "", Format::Whisper),
        ("[{\"start\":1,\"end\":2,\"text\":\"x\",\"words\":[]}]", "", Format::Whisper),
        ("[{\"start\":1,\"end\":2,\"text\":\"x\"}]", "", Format::Json),
        ("{\"text\":\"\",\"segments\":[],\"language\":\"en\"}", "", Format::Whisper),
        ("{\"text\":\"x\",\n\"words\":[{\"word\":\"x\"}]}", "", Format::Whisper),
        ("{\"text\":\"x\",\n\"words\":[], \"start\":1}", "", Format::Json),
        ("[[\" Hi\", 0.0, 0.5]]", "", Format::Whisper),
        ("{\"entries\":[{}]}", "", Format::Json),
        ("{\n\"start\": 1,\n\"end\": 2}", "", Format::Json),
        ("[]", "", Format::Json),
        ("[{\"image_id\":1}]", "", Format::Coco),
        ("{\"images\":[{}]}", "", Format::Coco),
        ("1,1,1,2,3,4,1,-1,-1,-1", "gt.txt", Format::Mot),
        ("0 412 0 842 124 0 0 0 0 \"worker\"", "x.txt", Format::Mot),
        ("0 0.2 0.7 0.1 0.2 3", "x_1.txt", Format::Yolo),
        ("broken", "x.jsonl", Format::Jsonl),
    ] {
        assert_eq!(sniffed(text, name), Sniffed::Format(format), "{text}");
    }
    for (text, name) in
        [("hello", "x.txt"), ("", "x"), ("1 2 3", "x.txt"), ("0:00:00.378,0:00:11.378\nx", "x.sbv")]
    {
        assert!(matches!(sniffed(text, name), Sniffed::Unclear(_)), "{text}");
    }
    let error = read("hello", &ImportOptions::default()).err().unwrap().to_string();
    assert!(
        error.contains("what was sent: cannot tell its format") && error.contains("--format"),
        "{error}"
    );
}

/// One good text a format, to be damaged.
const GOOD: [(Format, &str); 7] = [
    (
        Format::Json,
        "[{\"start\": 1.5, \"end\": 2, \"kind\": \"object\", \"label\": \"x\", \"box\": [1,2,3,4]}]",
    ),
    (
        Format::Jsonl,
        "{\"start\": 1, \"text\": \"a\"}\n{\"frame\": 3, \"words\": [{\"start\": 1}]}\n",
    ),
    (
        Format::Srt,
        "1\n00:00:01,000 --> 00:00:02,500\n<i>Hi</i> &amp; {\\an8}there\n\n2\n00:00:02,500 --> 00:00:03,000\nthere\nx",
    ),
    (
        Format::Webvtt,
        "WEBVTT\n\nNOTE x\n\na\n00:01.000 --> 00:02.000\n<v Ann>Hi<00:01.500><c> x</c>\n\n00:02.000 --> 00:02.010\nHi x",
    ),
    (
        Format::Whisper,
        "{\"segments\": [{\"start\": 0, \"end\": 4, \"text\": \"a\", \"words\": [{\"word\": \"a\"}]}], \"words\": [{\"word\": \"b\", \"start\": 1, \"end\": 2}], \"language\": \"en\"}",
    ),
    (
        Format::Coco,
        "{\"images\": [{\"id\": 1, \"file_name\": \"é9.jpg\"}], \"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"keypoints\": [1,2,2]}]}",
    ),
    (Format::Mot, "1,1,2,3,4,5,1,2,0.5\n0 412 10 842 124 1 0 0 1 \"pc\" \"a\"\n"),
];

/// Whatever the bytes are: no panic, an end, and only entries that a store can order.
fn holds(bytes: &[u8], options: &ImportOptions) {
    let audio = ImportOptions { audio_time: true, ..options.clone() };
    for options in [options, &audio] {
        let Ok(parsed) = read(bytes, options) else { continue };
        assert!(parsed.len() <= bytes.len() + 1);
        for entry in parsed.into_iter().flatten() {
            entry.check().unwrap();
            assert!(entry.start >= 0.0 && entry.data.is_object());
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        holds(&bytes, &ImportOptions::default());
        for (format, _) in GOOD {
            holds(&bytes, &as_format(format));
        }
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        edits in proptest::collection::vec((0_usize..200, proptest::num::u8::ANY, 0_u8..3), 1..6),
    ) {
        for (format, text) in GOOD {
            let mut bytes = text.as_bytes().to_vec();
            for &(at, byte, edit) in &edits {
                let at = at % bytes.len();
                match edit {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            holds(&bytes, &as_format(format));
        }
    }
}

#[test]
fn the_good_texts_are_good() {
    for (format, text) in GOOD {
        entries(text, &as_format(format));
    }
}
