//! Bytes that no tool wrote.

use super::super::options::{Format, ImportOptions};
use super::shared::{as_format, entries, read};

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
