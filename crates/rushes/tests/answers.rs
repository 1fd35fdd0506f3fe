//! What an agent asks for, of a real library: a clip made by ffmpeg, taken in, with entries written
//! by another handle of the same database, as another process would.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rushes::answer::{
    BurstRequest, ClipFormat, ClipRequest, ContextRequest, FrameRequest, ImageFormat,
    SearchRequest, SheetRequest, Width,
};
use rushes::config::Settings;
use rushes::ingest::{IngestOptions, Source};
use rushes::read::Tier;
use rushes::store::{Kind, NewEntry, Older, Recipe, SqliteOptions, SqliteStore, Store, VideoId};
use rushes::{ErrorKind, Rushes};
use rushes_codec::image::{self, Format};
use serde_json::{Value, json};

/// A copy of the clip that all tests use.
fn clip(folder: &Path) -> PathBuf {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        make_clip(&folder.path().join("moving.mp4"));
        folder
    });
    let path = folder.join("moving.mp4");
    std::fs::copy(made.path().join("moving.mp4"), &path).unwrap();
    path
}

/// Twelve seconds of 640x360 at 25 frames a second that never stand still.
fn make_clip(path: &Path) {
    let pattern = "testsrc2=size=640x360:rate=25:duration=12";
    let sound = "sine=frequency=440:duration=12";
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", pattern, "-f", "lavfi", "-i", sound])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"])
        .args(["-c:a", "aac", "-shortest"])
        .arg(path)
        .status()
        .expect("ffmpeg runs");
    assert!(made.success());
}

/// Each frame's timestamp, as ffprobe prints it.
fn timestamps(path: &Path) -> Vec<f64> {
    let list = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time"])
        .args(["-of", "csv=p=0"])
        .arg(path)
        .output()
        .expect("ffprobe runs");
    let text = String::from_utf8(list.stdout).unwrap();
    text.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
}

struct Library {
    folder: tempfile::TempDir,
    clip: PathBuf,
    rushes: Rushes,
    video: String,
}

impl Library {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clip = clip(folder.path());
        let rushes = Rushes::open(Settings::library(folder.path().join("library"))).await.unwrap();
        let source = Source::File(clip.clone());
        let taken = rushes.ingest(source, IngestOptions::default(), None).await.unwrap();
        Self { folder, clip, rushes, video: taken.video }
    }

    /// Writes entries as a finished run of `model`, through a handle of its own.
    async fn write(&self, model: &str, kinds: &[&str], entries: Vec<NewEntry>, older: Older) {
        let file = self.folder.path().join("library/rushes.db");
        let store = SqliteStore::open(&file, &SqliteOptions::default()).unwrap();
        let video = VideoId::parse(&self.video).unwrap();
        let recipe = Recipe { tool: "test".into(), model: model.into(), ..Default::default() };
        let run = store.run_open(&video, &recipe, false).await.unwrap();
        store.run_write(run.id, entries).await.unwrap();
        let kinds: Vec<Kind> = kinds.iter().map(|kind| Kind::new(kind).unwrap()).collect();
        store.run_finish(run.id, &kinds, older).await.unwrap();
    }

    async fn captions(&self, model: &str, older: Older) {
        let text = |second: u32| if second < 3 { "a test card" } else { "a changed test card" };
        let caption = |second: u32| {
            let data = json!({ "text": format!("{}, second {}", text(second), second / 2) });
            entry("caption", f64::from(second), f64::from(second) + 1.0, data)
        };
        self.write(model, &["caption", "transcript"], (0..12).map(caption).collect(), older).await;
    }

    fn context(&self) -> ContextRequest {
        ContextRequest { video: self.video.clone(), ..Default::default() }
    }

    fn frame(&self) -> FrameRequest {
        FrameRequest { video: self.video.clone(), ..Default::default() }
    }

    fn sheet(&self) -> SheetRequest {
        SheetRequest { video: self.video.clone(), ..Default::default() }
    }
}

fn entry(kind: &str, start: f64, end: f64, data: Value) -> NewEntry {
    let member = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
    NewEntry {
        kind: Kind::new(kind).unwrap(),
        start,
        end,
        estimated: false,
        text: member("text"),
        label: member("label"),
        blob: None,
        data,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn context_keeps_its_budget_and_tells_never_computed_from_none_found() {
    let library = Library::new().await;
    library.captions("one", Older::Keep).await;
    let request = ContextRequest { at: Some(6.0), budget: Some(400), ..library.context() };
    let context = library.rushes.context(&request).await.unwrap();
    assert!(context.tokens <= 400 && context.tokens > 100, "{}", context.tokens);
    assert_eq!(context.tokens, context.tokenizer.count(&context.text));
    assert_eq!(context.never_computed, ["object"]);
    let heading = context.text.lines().next().unwrap();
    assert!(heading.contains("none found here: transcript"), "{heading}");
    assert!(heading.contains("never computed: object"), "{heading}");
    assert!(context.lines.iter().any(|line| line.folded == 2 && line.end - line.start == 2.0));
    for line in &context.lines {
        assert!(context.text.contains(&format!("[{}]", line.reference)));
    }
    let tiny = ContextRequest { budget: Some(3), ..request.clone() };
    assert!(library.rushes.context(&tiny).await.unwrap().tokens <= 3);
    let again = library.rushes.context(&request).await.unwrap();
    assert_eq!(again.served.tier, Tier::Memory);
    assert_eq!(again.text, context.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_crowd_of_objects_the_nearest_are_looked_at() {
    let library = Library::new().await;
    let seen = |n: u32| {
        let at = f64::from(n / 40) / 25.0;
        let label = if n % 40 < 30 { "person" } else { "car" };
        entry("object", at, at, json!({ "label": label, "box": [n % 40, 2, 3, 4] }))
    };
    library.write("detector", &["object"], (0..12_000).map(seen).collect(), Older::Keep).await;
    let kinds = vec!["object".to_owned()];
    let request = ContextRequest { at: Some(9.0), kinds, ..library.context() };
    let context = library.rushes.context(&request).await.unwrap();
    assert!(context.lines.iter().all(|line| line.text == "person x30, car x10"), "{context:?}");
    let line = &context.lines[0];
    assert!(line.start <= 9.0 && 9.0 <= line.end && line.start > 5.0, "{line:?}");
    assert!(context.left_out > 0, "{}", context.left_out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_answer_comes_with_and_without_a_cache() {
    let library = Library::new().await;
    library.captions("one", Older::Keep).await;
    let folder = library.folder.path().join("library");
    let bare = Rushes::open(Settings { memory: 0, ..Settings::library(folder) }).await.unwrap();
    let request = library.context();
    let sheet = library.sheet();
    for _ in 0..2 {
        let (with, without) = (
            library.rushes.context(&request).await.unwrap(),
            bare.context(&request).await.unwrap(),
        );
        assert_eq!((with.text, with.lines), (without.text, without.lines));
        let (with, without) =
            (library.rushes.sheet(&sheet).await.unwrap(), bare.sheet(&sheet).await.unwrap());
        assert_eq!((with.etag, with.text), (without.etag, without.text));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_resolves_to_its_entry_or_says_that_it_is_gone() {
    let library = Library::new().await;
    library.captions("one", Older::Keep).await;
    let context = library.rushes.context(&library.context()).await.unwrap();
    let line = context.lines.iter().find(|line| line.kind == "caption").unwrap();
    let cited = library.rushes.cite(&line.reference).await.unwrap();
    assert_eq!(
        (cited.reference.as_str(), cited.text.as_str()),
        (line.reference.as_str(), line.text.as_str())
    );
    assert_eq!(cited.time, "0:00:00.000");
    assert_eq!(cited.frame, format!("/v1/videos/{}/frame?at=0", library.video));
    assert!(cited.clip.starts_with(&format!("/v1/videos/{}/clip?from=0&to=", library.video)));

    let kind_of = async |reference: &str| library.rushes.cite(reference).await.unwrap_err().kind();
    let (place, id) = line.reference.rsplit_once('/').unwrap();
    let next: i64 = id.parse::<i64>().unwrap() + 1;
    assert_eq!(kind_of(&format!("{place}/{next}")).await, ErrorKind::Gone, "a neighbour's id");
    assert_eq!(kind_of(&format!("{place}/999999")).await, ErrorKind::NotFound);
    assert_eq!(kind_of("nonsense").await, ErrorKind::Invalid);

    library.captions("two", Older::Replace).await;
    assert_eq!(kind_of(&line.reference).await, ErrorKind::Gone, "superseded");
    let context = library.rushes.context(&library.context()).await.unwrap();
    let line = context.lines.iter().find(|line| line.kind == "caption").unwrap();
    library.rushes.remove(&library.video).await.unwrap();
    assert_eq!(kind_of(&line.reference).await, ErrorKind::Gone, "deleted with its video");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_frame_at_a_time_is_the_one_on_screen_stored_or_native() {
    let library = Library::new().await;
    let times = timestamps(&library.clip);
    for (at, number) in [(0.0, 0), (0.039, 0), (0.041, 1), (3.0, 75), (3.019, 75), (7.777, 194)] {
        let request = FrameRequest { at: Some(at), width: Width::Overview, ..library.frame() };
        let frame = library.rushes.frame(&request).await.unwrap();
        assert_eq!(frame.number, Some(number), "at {at}");
        assert!((frame.at - times[number as usize]).abs() < 1e-6, "{} at {at}", frame.at);
        assert_eq!((frame.width, frame.height, frame.exact), (448, 252, true));
        assert_eq!(frame.tokens["claude_std"], 144);
        let (format, width, height) = image::header(&frame.image).unwrap();
        assert_eq!((format, width, height), (Format::WebP, 448, 252));
        assert_eq!(frame.reference.is_some(), number % 25 == 0, "stored once a second");
        let same = FrameRequest { at: None, number: Some(number), ..request.clone() };
        assert_eq!(library.rushes.frame(&same).await.unwrap().etag, frame.etag);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_and_native_pictures_of_a_frame_are_alike() {
    let library = Library::new().await;
    let stored =
        FrameRequest { number: Some(75), format: Some(ImageFormat::Png), ..library.frame() };
    let stored = library.rushes.frame(&stored).await.unwrap();
    assert!(stored.reference.is_some());
    let other = IngestOptions { edge: 64, ..IngestOptions::default() };
    let folder = tempfile::tempdir().unwrap();
    let rushes = Rushes::open(Settings::library(folder.path())).await.unwrap();
    let taken = rushes.ingest(Source::File(library.clip.clone()), other, None).await.unwrap();
    let native = FrameRequest {
        video: taken.video,
        number: Some(75),
        width: Width::Pixels(640),
        format: Some(ImageFormat::Png),
        ..Default::default()
    };
    let native = rushes.frame(&native).await.unwrap();
    let pixels = |bytes: &[u8]| image::decode(bytes, image::Limits::default()).unwrap();
    let (stored, native) = (pixels(&stored.image), pixels(&native.image));
    assert_eq!((stored.width, stored.height), (native.width, native.height));
    let difference: u64 =
        stored.data.iter().zip(&native.data).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = difference as f64 / stored.data.len() as f64;
    assert!(mean < 6.0, "mean difference {mean} of 255");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_states_what_the_image_would_cost() {
    let library = Library::new().await;
    for (number, width) in [(75, Width::Detail), (76, Width::Overview), (76, Width::Full)] {
        let wet = FrameRequest { number: Some(number), width, ..library.frame() };
        let dry = FrameRequest { dry_run: true, ..wet.clone() };
        let dry = library.rushes.frame(&dry).await.unwrap();
        let wet = library.rushes.frame(&wet).await.unwrap();
        assert!(dry.image.is_empty() && dry.etag.is_empty());
        assert_eq!((dry.width, dry.height, dry.tokens), (wet.width, wet.height, wet.tokens));
    }
    let dry = SheetRequest { dry_run: true, ..library.sheet() };
    let dry = library.rushes.sheet(&dry).await.unwrap();
    let wet = library.rushes.sheet(&library.sheet()).await.unwrap();
    assert_eq!((dry.width, dry.cells, dry.tokens), (wet.width, wet.cells, wet.tokens));
    assert!(dry.image.is_empty() && !wet.image.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_end_is_an_error_that_names_the_end() {
    let library = Library::new().await;
    for at in [12.0, 1e9] {
        let request = FrameRequest { at: Some(at), ..library.frame() };
        let error = library.rushes.frame(&request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("12.000 s"), "{error}");
    }
    let request = FrameRequest { number: Some(300), ..library.frame() };
    let error = library.rushes.frame(&request).await.unwrap_err();
    assert!(error.to_string().contains("300"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_file_the_last_stored_frame_stands_in_and_says_so() {
    let library = Library::new().await;
    std::fs::remove_file(&library.clip).unwrap();
    let request = FrameRequest { at: Some(5.5), ..library.frame() };
    let frame = library.rushes.frame(&request).await.unwrap();
    assert_eq!((frame.exact, frame.number, frame.at), (false, Some(125), 5.0));
    let request = FrameRequest { at: Some(5.01), ..library.frame() };
    assert!(library.rushes.frame(&request).await.unwrap().exact);
    let burst =
        BurstRequest { video: library.video.clone(), from: 1.0, to: 2.0, ..Default::default() };
    let error = library.rushes.burst(&burst).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_gives_true_times_of_native_frames() {
    let library = Library::new().await;
    let times = timestamps(&library.clip);
    let request = BurstRequest {
        video: library.video.clone(),
        from: 2.0,
        to: 3.0,
        count: Some(20),
        width: Width::Overview,
        format: Some(ImageFormat::Jpeg),
        ..Default::default()
    };
    let burst = library.rushes.burst(&request).await.unwrap();
    assert_eq!(burst.len(), 20);
    assert_eq!(burst[0].number, Some(50));
    assert!(burst.is_sorted_by(|a, b| a.at < b.at));
    for frame in &burst {
        assert!((frame.at - times[frame.number.unwrap() as usize]).abs() < 1e-6);
        assert_eq!(image::header(&frame.image).unwrap(), (Format::Jpeg, 448, 252));
    }
    let all = BurstRequest { count: Some(100), ..request.clone() };
    assert_eq!(library.rushes.burst(&all).await.unwrap().len(), 25);
    let again = library.rushes.burst(&request).await.unwrap();
    assert_eq!(again[7].served.tier, Tier::Memory);
    assert_eq!(again[7].etag, burst[7].etag);
    let single = FrameRequest {
        number: burst[7].number,
        width: Width::Overview,
        format: Some(ImageFormat::Jpeg),
        ..library.frame()
    };
    assert_eq!(library.rushes.frame(&single).await.unwrap().etag, burst[7].etag);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_shows_an_even_choice_with_no_blank_cell() {
    let library = Library::new().await;
    let sheet = library.rushes.sheet(&library.sheet()).await.unwrap();
    assert_eq!((sheet.frames, sheet.cells.len()), (12, 9));
    assert_eq!((sheet.width, sheet.height), (1344, 756));
    assert_eq!(sheet.tokens["claude_std"], 1296);
    assert_eq!(sheet.cells[0].at, 0.0);
    assert!(sheet.cells.is_sorted_by(|a, b| a.at < b.at));
    assert!(sheet.text.contains("9 of 12 frames, 3 columns x 3 rows"), "{}", sheet.text);
    assert_eq!(image::header(&sheet.image).unwrap(), (Format::Jpeg, 1344, 756));
    let cited = library.rushes.cite(&sheet.cells[4].reference).await.unwrap();
    assert_eq!(cited.entry.start, sheet.cells[4].at);

    let few = SheetRequest { from: Some(3.0), to: Some(8.0), ..library.sheet() };
    let few = library.rushes.sheet(&few).await.unwrap();
    assert_eq!((few.cells.len(), few.width, few.height), (5, 1344, 504));
    let none = SheetRequest { from: Some(3.2), to: Some(3.8), ..library.sheet() };
    let error = library.rushes.sheet(&none).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(library.rushes.sheet(&library.sheet()).await.unwrap().served.tier, Tier::Memory);
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_words_and_objects_and_tells_what_was_never_computed() {
    let library = Library::new().await;
    let request = |text: &str| SearchRequest { text: Some(text.into()), ..Default::default() };
    let before = library.rushes.search(&request("card")).await.unwrap();
    assert!(before.items.is_empty());
    assert_eq!(before.never_computed, ["caption", "transcript"]);

    library.captions("one", Older::Keep).await;
    let car = json!({ "label": "Car", "box": [1, 2, 3, 4] });
    library.write("detector", &["object"], vec![entry("object", 4.0, 4.0, car)], Older::Keep).await;
    let found = library.rushes.search(&request("changed")).await.unwrap();
    assert_eq!((found.items.len(), found.more), (9, false));
    assert!(found.items[0].snippet.contains("**changed**"), "{}", found.items[0].snippet);
    assert_eq!(found.items[0].name, "moving.mp4");
    assert!(found.never_computed.is_empty());
    let cited = library.rushes.cite(&found.items[0].reference).await.unwrap();
    assert_eq!(cited.entry.start, found.items[0].start);

    let few = SearchRequest { limit: Some(4), ..request("changed") };
    let few = library.rushes.search(&few).await.unwrap();
    assert_eq!((few.items.len(), few.more), (4, true));
    let class = SearchRequest { label: Some("car".into()), ..Default::default() };
    let class = library.rushes.search(&class).await.unwrap();
    assert_eq!((class.items.len(), class.items[0].start), (1, 4.0));
    for hostile in ["\" OR 1", "NEAR(", "a*", "-", "col:x", "'); DROP TABLE entries;--"] {
        library.rushes.search(&request(hostile)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_is_a_playable_file_of_the_window() {
    let library = Library::new().await;
    let request =
        ClipRequest { video: library.video.clone(), from: 2.0, to: 4.0, ..Default::default() };
    let clip = library.rushes.clip(&request).await.unwrap();
    assert_eq!(clip.media_type, "video/mp4");
    assert!((clip.from - 2.0).abs() < 0.041 && (clip.to - 4.0).abs() < 0.041, "{clip:?}");
    let path = library.folder.path().join("cut.mp4");
    std::fs::write(&path, &clip.file).unwrap();
    let frames = timestamps(&path);
    assert_eq!(frames.len(), 50);
    let again = library.rushes.clip(&request).await.unwrap();
    assert_eq!((again.served.tier, again.file), (Tier::Memory, clip.file));
    let gif = ClipRequest { format: ClipFormat::Gif, to: 2.5, ..request.clone() };
    assert!(library.rushes.clip(&gif).await.unwrap().file.starts_with(b"GIF8"));
    let late = ClipRequest { from: 20.0, to: 21.0, ..request };
    assert_eq!(library.rushes.clip(&late).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_has_a_thumbnail() {
    let library = Library::new().await;
    let thumbnail = library.rushes.thumbnail(&library.video).await.unwrap();
    let (_, width, height) = image::header(&thumbnail.image).unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (width, height));
    assert!(width < 640);
    let error = library.rushes.thumbnail("no such video").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
