//! Any bytes, read as any format: subtitles, JSON of our own and of others, rows of boxes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rushes::import::{Format, fuzzing};

const FORMATS: [Option<Format>; 8] = [
    None,
    Some(Format::Json),
    Some(Format::Jsonl),
    Some(Format::Srt),
    Some(Format::Webvtt),
    Some(Format::Whisper),
    Some(Format::Coco),
    Some(Format::Mot),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else { return };
    let format = FORMATS[usize::from(*first) % FORMATS.len()];
    fuzzing::read(text, format);
});
