//! Imports from a file to answers, in a real library.

use std::path::Path;

use rushes_store::{Entry, EntryQuery, Window};
use tempfile::TempDir;

use super::super::options::{Format, ImportOptions, Imported};
use super::shared::target;
use crate::config::Settings;
use crate::engine::Rushes;
use crate::error::{Kind, Result};

/// A library that knows one video, without its timing index.
struct Library {
    folder: TempDir,
    rushes: Rushes,
}

impl Library {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rushes = Rushes::open(Settings::library(folder.path().join("library"))).await.unwrap();
        rushes.inner.store.put_video(&target().video).await.unwrap();
        Self { folder, rushes }
    }

    async fn import(&self, name: &str, text: &str, options: ImportOptions) -> Result<Imported> {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        self.rushes.import_file("clip.mp4", &file, options).await
    }

    async fn bytes(&self, text: &'static str, options: ImportOptions) -> Imported {
        self.rushes.import_bytes("clip.mp4", text.into(), options).await.unwrap()
    }

    /// All that is known.
    async fn entries(&self) -> Vec<Entry> {
        let query = EntryQuery {
            video: target().video.id,
            kinds: Vec::new(),
            window: Window::ALL,
            model: None,
            limit: 100,
            after: None,
        };
        self.rushes.inner.store.entries(&query).await.unwrap().items
    }

    async fn texts(&self) -> Vec<String> {
        let text = |entry: Entry| entry.data["text"].as_str().unwrap().to_owned();
        self.entries().await.into_iter().map(text).collect()
    }
}

fn captions(model: &str) -> ImportOptions {
    ImportOptions {
        kind: Some("caption".to_owned()),
        model: model.to_owned(),
        ..Default::default()
    }
}

const TWO: &str =
    "{\"start\":1,\"end\":2,\"text\":\"one\"}\n{\"start\":2,\"end\":3,\"text\":\"two\"}\n";

#[tokio::test(flavor = "multi_thread")]
async fn importing_the_same_again_changes_nothing() {
    let library = Library::new().await;
    let first = library.import("a.jsonl", TWO, captions("m")).await.unwrap();
    assert_eq!((first.added["caption"], first.unchanged), (2, 0));
    let array = format!("[{}]", TWO.trim().replace('\n', ","));
    let again = library.import("a.jsonl", &array, captions("m")).await.unwrap();
    assert_eq!((again.added.len(), again.unchanged, again.removed), (0, 2, 0));
    assert_eq!(library.texts().await, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_file_takes_the_place_of_what_it_gave_before() {
    let library = Library::new().await;
    library.import("other.jsonl", "{\"start\":0,\"text\":\"zero\"}", captions("")).await.unwrap();
    library.import("a.jsonl", TWO, captions("")).await.unwrap();
    let kept = library.entries().await[1].clone();
    let corrected = TWO.replace("two", "TWO");
    let done = library.import("a.jsonl", &corrected, captions("")).await.unwrap();
    assert_eq!((done.added["caption"], done.unchanged, done.removed), (1, 1, 1));
    assert_eq!(library.texts().await, ["zero", "one", "TWO"]);
    // References to what did not change still lead there.
    assert!(library.entries().await.contains(&kept));
    assert_eq!(kept.recipe.params["source"], "a.jsonl");

    let add = ImportOptions { add: true, ..captions("") };
    library.import("a.jsonl", TWO, add).await.unwrap();
    assert_eq!(library.texts().await.len(), 4);
    // By another model, and from bytes that have no name, entries stand beside.
    library.import("a.jsonl", TWO, captions("m")).await.unwrap();
    for _ in 0..2 {
        library.bytes(TWO, captions("m")).await;
        library.bytes("{\"start\":3,\"text\":\"three\"}", captions("m")).await;
    }
    assert_eq!(library.texts().await.len(), 4 + 2 + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_model_stands_beside_or_replaces() {
    let library = Library::new().await;
    library.import("a.jsonl", TWO, captions("m1")).await.unwrap();
    let three = "{\"start\":1,\"text\":\"three\"}";
    library.import("b.jsonl", three, captions("m2")).await.unwrap();
    assert_eq!(library.texts().await.len(), 3);
    let replacing = ImportOptions { replace: true, ..captions("m3") };
    let done = library.import("b.jsonl", three, replacing).await.unwrap();
    assert_eq!((done.added["caption"], done.removed), (1, 3));
    assert_eq!(library.texts().await, ["three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_writes_nothing_and_names_the_first_bad_record() {
    let library = Library::new().await;
    let many: String = (0..5000).map(|n| format!("{{\"start\":{n},\"text\":\"{n}\"}}\n")).collect();
    let text = format!("{many}{{\"start\":-1}}\n");
    let error = library
        .import("a.jsonl", &text, ImportOptions { strict: true, ..captions("m") })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    let expected = "a.jsonl: line 5001: start must be seconds of the video, 0 or more, not -1";
    assert_eq!(error.to_string(), expected);
    assert_eq!(library.texts().await, Vec::<String>::new());
    assert!(library.rushes.inner.store.timelines(&target().video.id).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_are_counted_and_the_first_ten_listed() {
    let library = Library::new().await;
    let text = format!("{TWO}{}", "bad\n".repeat(12));
    let done = library.import("a.jsonl", &text, captions("m")).await.unwrap();
    assert_eq!((done.added["caption"], done.rejected, done.rejections.len()), (2, 12, 10));
    let first = done.rejections[0].to_string();
    assert!(first.starts_with("line 3: not JSON"), "{first}");
    let array = "[{\"start\":1,\"text\":\"x\"}, {\"start\":-1,\"text\":\"y\"}]";
    let done = library.import("a.json", array, captions("m")).await.unwrap();
    let first = done.rejections[0].to_string();
    assert!(first.starts_with("record 2 (line 1): start must be"), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_nothing_good_is_refused_and_leaves_nothing() {
    let library = Library::new().await;
    let deep = format!("[{{\"x\":{}{}}}]", "[".repeat(10_000), "]".repeat(10_000));
    let broken = format!("[{},", TWO.trim().replace('\n', ","));
    for (name, text, why) in [
        ("deep.json", deep.as_str(), "nested deeper than 128 levels"),
        ("bad.srt", "1\n00:00:02,000 --> 00:00:01,000\nx\n", "line 2: the end of the cue"),
        ("cut.json", broken.as_str(), "the JSON text is cut off here"),
        ("note.txt", "hello", "cannot tell its format"),
        ("empty.vtt", "", "a WebVTT file begins with `WEBVTT`"),
    ] {
        let error = library.import(name, text, captions("m")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{name}");
        let said = error.to_string();
        assert!(said.starts_with(name) && said.contains(why), "{said}");
    }
    assert!(library.rushes.inner.store.timelines(&target().video.id).await.unwrap().is_empty());
    let missing = library.rushes.import_file("clip.mp4", Path::new("nowhere"), captions("m")).await;
    assert_eq!(missing.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_result_is_known_to_be_empty() {
    let library = Library::new().await;
    let done = library.import("silent.srt", "", ImportOptions::default()).await.unwrap();
    assert!(done.added.is_empty());
    let timelines = library.rushes.inner.store.timelines(&target().video.id).await.unwrap();
    assert_eq!((timelines[0].kind.as_str(), timelines[0].count), ("transcript", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whisper_file_says_what_made_it() {
    let library = Library::new().await;
    let text =
        r#"{"segments":[{"start":1,"end":2,"text":"hi"}],"model":"large-v3","language":"en"}"#;
    library.import("a.json", text, ImportOptions::default()).await.unwrap();
    let timelines = library.rushes.inner.store.timelines(&target().video.id).await.unwrap();
    let recipe = &timelines[0].recipes[0];
    assert_eq!((recipe.tool.as_str(), recipe.model.as_str()), ("whisper", "large-v3"));
    assert_eq!(recipe.params, serde_json::json!({ "language": "en", "source": "a.json" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_labels_is_one_import_with_named_classes() {
    let library = Library::new().await;
    let folder = library.folder.path().join("labels");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("clip_10.txt"), "1 0.5 0.5 0.2 0.4 0.9 7\nx\n").unwrap();
    std::fs::write(folder.join("clip_2.txt"), "0 0.5 0.5 0.2 0.4 3\n7 0.5 0.5 1 1 0.25\n").unwrap();
    std::fs::write(folder.join("classes.txt"), "person\ndog\n").unwrap();
    let done =
        library.rushes.import_file("clip.mp4", &folder, ImportOptions::default()).await.unwrap();
    assert_eq!((done.added["object"], done.rejected), (3, 1));
    assert_eq!(done.rejections[0].line, Some(2));
    assert!(done.rejections[0].why.starts_with("of clip_10.txt: expected class x y"));
    let all = library.entries().await;
    let found: Vec<_> = all.iter().map(|entry| (entry.start, entry.data.clone())).collect();
    // The video has no index here: frame 2 of a count from 1 is one 25th after its start at 1 s.
    assert_eq!(found[0].0, 1.04);
    let first = serde_json::json!({ "label": "person", "box": [0.4, 0.3, 0.2, 0.4],
        "box_unit": "relative", "track": 3, "frame": 2 });
    assert_eq!(found[0].1, first);
    assert_eq!(found[1].1["label"], "class 7");
    assert_eq!((&found[1].1["score"], &found[2].1["track"]), (&0.25.into(), &7.into()));
    let format = ImportOptions {
        format: Some(Format::Yolo),
        source: Some("labels".to_owned()),
        add: true,
        ..Default::default()
    };
    let one =
        library.rushes.import_file("clip.mp4", &folder.join("clip_2.txt"), format).await.unwrap();
    assert_eq!(one.unchanged, 2);
}
