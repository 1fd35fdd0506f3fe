//! SubRip and WebVTT.

use serde_json::json;

use super::super::options::{Format, ImportOptions};
use super::shared::{as_format, entries, faults, read, refused, spans, texts};

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
