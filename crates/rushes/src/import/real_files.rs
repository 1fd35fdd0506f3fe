//! Every real file there is goes through, and yields what its source says is in it.

use std::path::{Path, PathBuf};

use rushes_store::NewEntry;

use super::fault::Fault;
use super::options::ImportOptions;
use super::plan::Plan;
use super::source::Source;
use super::testing::{real_data, target};

#[test]
#[ignore]
fn survey() {
    let Some(data) = real_data() else { return };
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in [
        "annotations",
        "annotations/coco",
        "annotations/mot",
        "annotations/subtitles",
        "annotations/subtitles/vttjs",
        "annotations/whisper",
        "annotations/whisperx",
        "transcripts",
        "videos",
    ] {
        for f in std::fs::read_dir(data.join(folder)).unwrap() {
            let f = f.unwrap().path();
            if f.is_file() {
                files.push(f);
            }
        }
    }
    files.push(data.join("annotations/yolo/labels"));
    files.sort();
    for path in files {
        let name = path.strip_prefix(&data).unwrap().display().to_string();
        if name.contains("videos/") && !(name.ends_with(".srt") || name.ends_with(".vtt")) {
            continue;
        }
        let opts = ImportOptions {
            kind: name.contains(".jsonl").then(|| "caption".into()),
            fps: Some(25.0),
            ..Default::default()
        };
        match Plan::of(&target(), &Source::at(&path).unwrap(), &opts) {
            Err(e) => println!("{name}: ERR {e}"),
            Ok(plan) => {
                let all: Vec<_> = plan.entries.collect();
                let good: Vec<&NewEntry> = all.iter().filter_map(|e| e.as_ref().ok()).collect();
                let bad: Vec<&Fault> = all.iter().filter_map(|e| e.as_ref().err()).collect();
                println!("{name}: {} good {} bad", good.len(), bad.len());
                for e in good.first().into_iter().chain(good.last()) {
                    let d = e.data.to_string();
                    println!(
                        "     {} {}-{} {}",
                        e.kind,
                        e.start,
                        e.end,
                        d.chars().take(150).collect::<String>()
                    );
                }
                for b in bad.iter().take(3) {
                    println!("   ! {b:?}");
                }
            }
        }
    }
    let _ = Path::new("");
}
