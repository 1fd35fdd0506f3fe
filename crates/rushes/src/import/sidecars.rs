//! Files that lie beside a video and belong to it, found by their names.

use std::path::{Path, PathBuf};

use rushes_store::Kind;
use serde_json::json;

use super::options::ImportOptions;

/// The files beside `video` that an ingest imports along with it, and how; in the order of their
/// names. For `clip.mp4`: `clip.srt` and `clip.en.vtt` (transcripts), `clip.captions.jsonl`,
/// `clip.transcript.json`, `clip.objects.txt`, `clip.descriptions.vtt`, `clip.chapters.vtt`,
/// `clip.metadata.json`; and `clip.NAME.jsonl` as the kind of that name.
pub fn sidecars(video: &Path) -> Vec<(PathBuf, ImportOptions)> {
    let (Some(stem), Some(folder)) =
        (video.file_stem().and_then(|stem| stem.to_str()), video.parent())
    else {
        return Vec::new();
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = files.filter_map(|file| Some(file.ok()?.path())).filter(|path| path.is_file());
    let mut found: Vec<_> = paths
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let options = options(name.strip_prefix(stem)?.strip_prefix('.')?)?;
            Some((path, ImportOptions { origin: name, ..options }))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// How a file is imported whose name goes on like this after that of the video.
fn options(rest: &str) -> Option<ImportOptions> {
    let (role, extension) = rest.rsplit_once('.').unwrap_or(("", rest));
    let subtitles = ["srt", "vtt"].contains(&extension);
    let records = ["json", "jsonl"].contains(&extension);
    let kind = match role {
        "" if subtitles => Kind::TRANSCRIPT,
        "captions" | "descriptions" if subtitles || records => Kind::CAPTION,
        "transcript" if subtitles || records => Kind::TRANSCRIPT,
        "objects" if records || extension == "txt" => Kind::OBJECT,
        "chapters" if subtitles || records => "chapter",
        "metadata" if subtitles || records => Kind::METADATA,
        language if subtitles && is_language(language) => {
            let options = of_kind(Kind::TRANSCRIPT);
            return Some(ImportOptions { params: json!({ "language": language }), ..options });
        }
        name if extension == "jsonl" && Kind::new(name).is_ok_and(|kind| kind != Kind::frame()) => {
            name
        }
        _ => return None,
    };
    Some(of_kind(kind))
}

fn of_kind(kind: &str) -> ImportOptions {
    ImportOptions { kind: Some(kind.to_owned()), ..ImportOptions::default() }
}

/// Whether a part of a name is a language: two or three letters, and perhaps a place or script.
fn is_language(name: &str) -> bool {
    let mut parts = name.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| {
            (2..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beside_the_video_tell_the_kind() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "clip.mp4",
            "clip.srt",
            "clip.en.srt",
            "clip.pt-BR.vtt",
            "clip.captions.jsonl",
            "clip.transcript.json",
            "clip.objects.txt",
            "clip.descriptions.vtt",
            "clip.chapters.vtt",
            "clip.ocr.jsonl",
            "clip.info.json",
            "clip.frame.jsonl",
            "clip.notes.txt",
            "clip2.srt",
            "other.srt",
        ];
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = sidecars(&folder.path().join("clip.mp4"));
        let found: Vec<_> = found
            .iter()
            .map(|(_, options)| (options.origin.as_str(), options.kind.as_deref().unwrap()))
            .collect();
        let expected = [
            ("clip.captions.jsonl", "caption"),
            ("clip.chapters.vtt", "chapter"),
            ("clip.descriptions.vtt", "caption"),
            ("clip.en.srt", "transcript"),
            ("clip.objects.txt", "object"),
            ("clip.ocr.jsonl", "ocr"),
            ("clip.pt-BR.vtt", "transcript"),
            ("clip.srt", "transcript"),
            ("clip.transcript.json", "transcript"),
        ];
        assert_eq!(found, expected);
        assert_eq!(sidecars(Path::new("nowhere/clip.mp4")), []);
    }

    #[test]
    fn a_language_is_kept_as_a_parameter() {
        assert_eq!(options("en.srt").unwrap().params, json!({ "language": "en" }));
        assert_eq!(options("forced.srt"), None);
    }
}
