//! Every real file there is goes through. What is expected was counted in the files by other
//! means: cues by their arrows, segments and results by `len`, rows by `wc`.

use std::path::{Path, PathBuf};

use rushes_store::NewEntry;

use super::super::options::ImportOptions;
use super::super::plan::Plan;
use super::super::source::Source;
use super::shared::{real_data, target};

/// The folders with files to import.
const FOLDERS: [&str; 9] = [
    "annotations",
    "annotations/coco",
    "annotations/mot",
    "annotations/subtitles",
    "annotations/whisper",
    "annotations/whisperx",
    "annotations/yolo",
    "transcripts",
    "videos",
];

const EXTENSIONS: [&str; 6] = ["json", "jsonl", "srt", "vtt", "txt", "sbv"];

/// File, good entries, bad records, first start, last end
type Expected = (&'static str, usize, usize, f64, f64);

#[rustfmt::skip]
const EXPECTED: &[Expected] = &[
    ("annotations/captions_activitynet_val1_head1500.jsonl", 0, 1500, 0.0, 0.0),
    ("annotations/coco/captions_val2014_fakecap_results.json", 1000, 0, 15676.8, 8893.16),
    ("annotations/coco/instances_val2014_fakebbox100_results.json", 734, 0, 2.68, 52.68),
    ("annotations/coco/person_keypoints_val2014_fakekeypoints100_results.json", 125, 0, 6.44, 52.68),
    ("annotations/mot/TUD-Campus-gt.txt", 359, 0, 1.0, 3.8),
    ("annotations/mot/TUD-Campus-test.txt", 222, 0, 1.0, 3.8),
    ("annotations/mot/TUD-Stadtmitte-gt.txt", 1156, 0, 1.0, 8.12),
    ("annotations/mot/TUD-Stadtmitte-test.txt", 749, 0, 1.0, 8.12),
    ("annotations/mot/iotest-motchallenge.txt", 5, 0, 1.0, 1.04),
    ("annotations/mot/iotest-vatic.txt", 4, 0, 1.0, 1.08),
    ("annotations/subtitles/ableplayer.blocks4all_captions_ko.vtt", 44, 0, 1.34, 159.04),
    ("annotations/subtitles/ableplayer.deadline_captions_ar.vtt", 16, 0, 14.14, 54.803),
    ("annotations/subtitles/ableplayer.deadline_captions_hi.vtt", 16, 0, 14.14, 54.803),
    ("annotations/subtitles/ableplayer.itaccess-excerpt-described-captions_en.vtt", 20, 0, 0.001, 66.604),
    ("annotations/subtitles/ableplayer.itaccess_chapters_en.vtt", 14, 0, 0.0, 407.0),
    ("annotations/subtitles/ableplayer.paulallen_meta.vtt", 6, 1, 10.0, 182.0),
    ("annotations/subtitles/ableplayer.wwa_captions_ja.vtt", 15, 0, 0.429, 52.0),
    ("annotations/subtitles/ableplayer.wwa_meta.vtt", 2, 0, 22.5, 39.5),
    ("annotations/subtitles/node-webvtt.acid.vtt", 1292, 54, 0.0, 429.9),
    ("annotations/subtitles/node-webvtt.malformed.vtt", 0, 2, 0.0, 0.0),
    ("annotations/subtitles/node-webvtt.subs1.vtt", 683, 0, 1.8, 2440.08),
    ("annotations/subtitles/popcorn.data.srt", 4, 0, 2.4, 30.399),
    ("annotations/subtitles/popcorn.unit.srt", 10, 0, 2.4, 37.999),
    ("annotations/subtitles/pysrt.bom-utf-16-be.srt", 7, 0, 6.5, 50.0),
    ("annotations/subtitles/pysrt.bom-utf-16-le.srt", 7, 0, 6.5, 50.0),
    ("annotations/subtitles/pysrt.bom-utf-8.srt", 7, 0, 6.5, 50.0),
    ("annotations/subtitles/pysrt.capability_tester.srt", 37, 0, 0.0, 68.5),
    ("annotations/subtitles/pysrt.empty.srt", 5, 2, 6.5, 50.0),
    ("annotations/subtitles/pysrt.invalid.srt", 1, 0, 1.0, 10.0),
    ("annotations/subtitles/pysrt.no-indexes.srt", 7, 0, 6.5, 50.0),
    ("annotations/subtitles/pysrt.windows-1252.head30.srt", 15, 15, 1.0, 165.574),
    ("annotations/subtitles/simpl.developerStories-subtitles-en.vtt", 22, 0, 0.5, 64.0),
    ("annotations/subtitles/simpl.gbike.vtt", 446, 0, 7.0, 453.0),
    ("annotations/subtitles/vtt-test-file.1_Contain_Index_Number_like_1_2_3_.vtt", 92, 0, 10.52, 416.25),
    ("annotations/subtitles/vtt-test-file.2_No_Index_Number_download_using_youtube.vtt", 13, 0, 0.16, 65.14),
    ("annotations/subtitles/vtt-test-file.3_Contain_Comment.vtt", 12, 0, 5.259, 42.059),
    ("annotations/subtitles/vtt-test-file.4_No_Hour.vtt", 7, 0, 11.0, 26.0),
    ("annotations/subtitles/vtt-test-file.5_Position.vtt", 3, 0, 0.0, 6.5),
    ("annotations/subtitles/vtt-test-file.6_Region.vtt", 6, 0, 0.0, 32.5),
    ("annotations/subtitles/vtt-test-file.7_Comment.vtt", 2, 0, 1.0, 9.0),
    ("annotations/subtitles/vtt-test-file.8_Chapters.vtt", 4, 0, 0.0, 213.0),
    ("annotations/subtitles/webvtt-py.captions_with_bom.vtt", 4, 0, 0.5, 21.58),
    ("annotations/subtitles/webvtt-py.comments.vtt", 3, 0, 135.0, 150.0),
    ("annotations/subtitles/webvtt-py.cue_tags.vtt", 3, 0, 16.5, 21.5),
    ("annotations/subtitles/webvtt-py.empty.vtt", 0, 1, 0.0, 0.0),
    ("annotations/subtitles/webvtt-py.invalid.vtt", 0, 1, 0.0, 0.0),
    ("annotations/subtitles/webvtt-py.invalid_format4.srt", 0, 1, 0.0, 0.0),
    ("annotations/subtitles/webvtt-py.invalid_timeframe.srt", 5, 0, 0.5, 23.88),
    ("annotations/subtitles/webvtt-py.invalid_timeframe.vtt", 6, 1, 0.5, 30.28),
    ("annotations/subtitles/webvtt-py.invalid_timeframe_in_cue_text.vtt", 3, 1, 0.5, 16.32),
    ("annotations/subtitles/webvtt-py.metadata_headers.vtt", 2, 0, 0.5, 11.89),
    ("annotations/subtitles/webvtt-py.metadata_headers_multiline.vtt", 2, 0, 0.5, 11.89),
    ("annotations/subtitles/webvtt-py.missing_caption_text.srt", 4, 1, 0.5, 23.88),
    ("annotations/subtitles/webvtt-py.missing_caption_text.vtt", 4, 1, 0.5, 23.88),
    ("annotations/subtitles/webvtt-py.missing_timeframe.srt", 4, 1, 0.5, 23.88),
    ("annotations/subtitles/webvtt-py.missing_timeframe.vtt", 6, 1, 0.5, 30.28),
    ("annotations/subtitles/webvtt-py.no_captions.vtt", 0, 0, 0.0, 0.0),
    ("annotations/subtitles/webvtt-py.one_caption.srt", 1, 0, 0.5, 7.0),
    ("annotations/subtitles/webvtt-py.one_caption.vtt", 1, 0, 0.5, 7.0),
    ("annotations/subtitles/webvtt-py.sample.srt", 5, 0, 0.5, 23.88),
    ("annotations/subtitles/webvtt-py.styles.vtt", 1, 0, 0.0, 10.0),
    ("annotations/subtitles/webvtt-py.using_identifiers.vtt", 6, 0, 0.5, 27.28),
    ("annotations/subtitles/webvtt-py.youtube_dl.vtt", 3, 0, 286.07, 305.4),
    ("annotations/whisper/arabic.mp3.words.json", 8, 0, 1.8, 41.3),
    ("annotations/whisper/empty.mp3.words.json", 1, 0, 0.0, 2.52),
    ("annotations/whisper/openfacefx.whisper_verbose.json", 1, 0, 0.0, 1.6),
    ("annotations/whisper/radio_short.mp3.words.json", 61, 0, 0.04, 120.86),
    ("annotations/whisper/random_apollo11.mp3.words.json", 27, 0, 0.52, 78.24),
    ("annotations/whisper/smartphone.mp3.words.json", 38, 0, 0.4, 177.38),
    ("annotations/whisper/spacy-whisper.whisper_output.json", 26, 0, 0.0, 59.76),
    ("annotations/whisperx/datahack-nlp.whisperx_output.json", 30, 0, 0.78, 123.758),
    ("annotations/whisperx/openfacefx.whisperx.json", 1, 0, 0.0, 1.35),
    ("annotations/yolo/labels", 64, 0, 1.0, 1.76),
    ("transcripts/3b1b.2018-quaternions.captions.srt", 462, 0, 0.0, 1899.14),
    ("transcripts/3b1b.2018-quaternions.word_timings.json", 210, 0, 0.0, 1899.54),
    ("transcripts/3b1b.2020-ldm-complex-numbers.captions.srt", 376, 0, 0.0, 4930.37),
    ("transcripts/3b1b.2020-ldm-complex-numbers.word_timings.json", 421, 0, 0.0, 4930.51),
    ("transcripts/3b1b.2020-ldm-logarithms.captions.srt", 893, 0, 0.0, 5629.91),
    ("transcripts/3b1b.2020-ldm-logarithms.word_timings.json", 461, 0, 0.0, 5646.79),
    ("transcripts/3b1b.2024-gpt.captions.srt", 438, 0, 0.0, 1612.41),
    ("transcripts/3b1b.2024-gpt.word_timings.json", 179, 0, 0.0, 1612.67),
    ("transcripts/3b1b_english_sentences.jsonl", 21113, 13, 3.3, 59.18),
    ("transcripts/whisper_lecture_higgs.json", 1021, 0, 0.0, 4497.2),
    ("videos/chrome.descriptions.vtt", 9, 0, 0.0, 29.5),
    ("videos/echo-hereweare.srt", 15, 0, 0.1, 45.0),
    ("videos/friday.vtt", 5, 0, 0.0, 6.0),
    ("videos/rabbit320.vtt", 3, 0, 2.01, 8.0),
];

fn options(name: &str) -> ImportOptions {
    let kind = name.ends_with(".jsonl").then(|| "caption".to_owned());
    // The images of the COCO files are no frames of a video: count them.
    ImportOptions { kind, fps: Some(25.0), ..ImportOptions::default() }
}

fn read(path: &Path, options: &ImportOptions) -> Option<(Vec<NewEntry>, usize)> {
    let plan = Plan::of(&target(), &Source::at(path).unwrap(), options).ok()?;
    let all: Vec<_> = plan.entries.collect();
    let bad = all.iter().filter(|entry| entry.is_err()).count();
    Some((all.into_iter().flatten().collect(), bad))
}

fn files(data: &Path, folder: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(data.join(folder)).unwrap().map(|file| file.unwrap().path());
    let known = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|name| EXTENSIONS.contains(&name)) || path.ends_with("labels")
    };
    let mut all: Vec<_> = all.filter(known).collect();
    all.sort();
    all
}

#[test]
fn every_real_file_yields_what_is_in_it() {
    let Some(data) = real_data() else { return };
    let mut wrong = Vec::new();
    for path in FOLDERS.iter().flat_map(|folder| files(&data, folder)) {
        let name = path.strip_prefix(&data).unwrap().display().to_string();
        let Some((good, bad)) = read(&path, &options(&name)) else {
            assert!(name.ends_with(".sbv"), "{name} was refused");
            continue;
        };
        let first = good.first().map_or(0.0, |entry| entry.start);
        let last = good.last().map_or(0.0, |entry| entry.end);
        let found = (name.as_str(), good.len(), bad, first, last);
        if !EXPECTED.contains(&found) {
            wrong.push(format!("{found:?},"));
        }
    }
    assert!(wrong.is_empty(), "found otherwise:\n{}", wrong.join("\n"));
}

/// The files of vtt.js: 104 corner cases, each a cue or two, some meant to fail.
#[test]
fn the_corner_cases_of_webvtt_are_read_as_its_standard_says() {
    let Some(data) = real_data() else { return };
    let mut good = 0;
    for path in files(&data, "annotations/subtitles/vttjs") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (entries, bad) = read(&path, &ImportOptions::default()).unwrap();
        if ["cue-times_incorrect-delimiter", "cue-times_min-top-digits"].contains(&name.as_str()) {
            assert_eq!((entries.len(), bad), (0, 1), "{name}");
        }
        if name.starts_with("cue-times_tab") || name.starts_with("cue-times_separator") {
            assert_eq!((entries.len(), bad), (1, 0), "{name}");
        }
        good += entries.len();
    }
    assert_eq!(good, 79);
}

#[test]
fn real_texts_come_out_as_people_read_them() {
    let Some(data) = real_data() else { return };
    let text = |name: &str, at: usize, options: &ImportOptions| {
        let (entries, _) = read(&data.join("annotations").join(name), options).unwrap();
        entries[at].data.clone()
    };
    let none = ImportOptions::default();
    let latin = ImportOptions { encoding: Some("windows-1252".to_owned()), ..none.clone() };
    let french = data.join("annotations/subtitles/pysrt.windows-1252.head30.srt");
    let (cues, bad) = read(&french, &latin).unwrap();
    assert_eq!((cues.len(), bad), (30, 0));
    assert!(cues.iter().any(|cue| cue.text.as_deref().unwrap().contains('é')));
    let rolling: Vec<_> = (0..3)
        .map(|at| text("subtitles/webvtt-py.youtube_dl.vtt", at, &none)["text"].clone())
        .collect();
    assert_eq!(rolling, ["yeah", "what", "this will happen is I'm telling"]);
    assert_eq!(text("subtitles/simpl.gbike.vtt", 0, &none)["lat"], 37.421_927_6);
    let number = &text("whisperx/openfacefx.whisperx.json", 0, &none)["words"][2];
    let expected = serde_json::json!(
        { "word": "2024", "start": 0.88, "end": 0.95, "score": 0.5, "estimated": true });
    assert_eq!(number, &expected);
    let meta = text("subtitles/pysrt.bom-utf-16-le.srt", 0, &none);
    assert_eq!(meta, text("subtitles/pysrt.bom-utf-16-be.srt", 0, &none));
}
