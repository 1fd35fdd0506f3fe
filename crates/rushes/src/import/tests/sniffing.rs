//! Which format a text is taken for.

use super::super::options::{Format, ImportOptions};
use super::shared::read;

#[test]
fn what_it_is_shows_in_what_it_says() {
    use super::super::sniff::{Sniffed, sniff};
    let sniffed = |text: &'static str, name: &str| {
        sniff(|| Ok(Box::new(std::io::Cursor::new(text)) as super::super::lines::Text), name)
            .unwrap()
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
        ("broken\n{\"start\":1}", "", Format::Jsonl),
        ("{\"start\": 1,}\n{\"start\":1}", "", Format::Jsonl),
        ("{\"start\": 1, \"te\n{\"start\":1}\n{\"start\":2}", "", Format::Jsonl),
        ("{\"entries\": [\n{\"start\":1}\n]}", "", Format::Json),
        ("{\"entries\": [\n{\"start\":1},\n{\"start\":1}\n]}", "", Format::Json),
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
