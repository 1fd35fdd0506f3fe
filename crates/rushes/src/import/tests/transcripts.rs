//! The Whisper family.

use serde_json::json;

use super::super::options::{Format, ImportOptions};
use super::shared::{as_format, entries, only, spans, texts};

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
