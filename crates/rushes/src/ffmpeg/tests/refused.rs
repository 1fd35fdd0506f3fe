//! What is no video gets a clear reason, and nothing but the named file is opened.

use super::clips::{Clips, probed, sampled};
use crate::error::{Error, Kind};
use crate::ffmpeg::child::{Child, Program};
use crate::ffmpeg::{Limits, probe};
use crate::ingest::Sampling;

async fn refusal(path: &std::path::Path) -> Error {
    probe(path, &Limits::default()).await.unwrap_err()
}

fn assert_says(error: &Error, kind: Kind, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in parts {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
    assert!(!text.contains("/tmp/"), "a folder of this machine shows in {text:?}");
}

#[tokio::test]
async fn what_is_no_video_is_refused_with_a_reason() {
    let clips = Clips::new();
    let text = clips.write("text.mp4", "just words, no pictures\n".repeat(50));
    assert_says(&refusal(&text).await, Kind::Unsupported, &["text.mp4: not a video: "]);
    let empty = clips.write("empty.mp4", "");
    assert_says(&refusal(&empty).await, Kind::Unsupported, &["empty.mp4", "empty"]);
    let missing = clips.path("missing.mp4");
    assert_says(&refusal(&missing).await, Kind::NotFound, &["missing.mp4"]);
    let whole = clips.h264("whole.mp4", 10, 1.0, "");
    let bytes = std::fs::read(whole).unwrap();
    let cut = clips.write("cut.mp4", &bytes[..bytes.len() / 2]);
    assert_says(&refusal(&cut).await, Kind::Unsupported, &["cut.mp4", "cut short", "moov"]);
    let theora = "-f lavfi -i testsrc2=s=64x48:r=10:d=3 -f lavfi -i sine=d=3 -c:v libtheora -g 5";
    for (name, whole) in [
        ("fast.mp4", clips.h264("fast.mp4", 10, 3.0, "-movflags +faststart -g 5")),
        ("fast.mkv", clips.h264("fast.mkv", 10, 3.0, "-g 5")),
        ("old.avi", clips.h264("old.avi", 10, 3.0, "-g 5")),
        ("old.ogv", clips.make("old.ogv", theora)),
    ] {
        probed(&whole).await;
        let bytes = std::fs::read(&whole).unwrap();
        let cut = clips.write(&format!("cut{name}"), &bytes[..bytes.len() * 6 / 10]);
        assert_says(&refusal(&cut).await, Kind::Unsupported, &[name, "cut short"]);
    }
    let folder = clips.path("folder.mp4");
    std::fs::create_dir(&folder).unwrap();
    assert_says(&refusal(&folder).await, Kind::Unsupported, &["not a regular file"]);
}

#[tokio::test]
async fn a_file_of_which_no_frame_decodes_is_no_success() {
    let clips = Clips::new();
    let whole = clips.h264("whole.mp4", 10, 1.0, "-movflags +faststart");
    let mut bytes = std::fs::read(&whole).unwrap();
    let data = bytes.windows(4).position(|word| word == b"mdat").unwrap() + 4;
    bytes[data..].fill(0);
    let path = clips.write("zeros.mp4", &bytes);
    assert_says(&refusal(&path).await, Kind::Unsupported, &["zeros.mp4", "no frame"]);
    // The same where packets look sound.
    let found = probed(&whole).await;
    for sampling in [Sampling::Every(0.5), Sampling::Keyframes, Sampling::Scene(0.2)] {
        let error = sampled(&path, &found, sampling, 64, None).await.unwrap_err();
        assert_says(&error, Kind::Unsupported, &["zeros.mp4: "]);
    }
}

#[tokio::test]
async fn sound_is_no_video_even_with_a_cover() {
    let clips = Clips::new();
    let sound = clips.make("sound.m4a", "-f lavfi -i sine=d=0.2 -c:a aac");
    assert_says(&refusal(&sound).await, Kind::Unsupported, &["sound.m4a", "no video stream"]);
    let cover = clips.make(
        "cover.mp3",
        "-f lavfi -i sine=d=0.2 -f lavfi -i color=red:s=32x32:r=25:d=0.04 -map 0 -map 1 -frames:v 1 \
         -c:v mjpeg -disposition:v attached_pic -id3v2_version 3",
    );
    assert_says(&refusal(&cover).await, Kind::Unsupported, &["cover.mp3", "cover picture"]);
}

#[tokio::test]
async fn lists_of_other_files_are_not_followed() {
    let clips = Clips::new();
    let secret = clips.h264("secret.mp4", 10, 0.3, "");
    let secret = secret.to_str().unwrap();
    let lists = [
        ("concat.mp4", format!("ffconcat version 1.0\nfile '{secret}'\n")),
        (
            "list.mp4",
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"),
        ),
        (
            "web.mp4",
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n".into(),
        ),
        (
            "dash.mp4",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
             profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"><BaseURL>{secret}</BaseURL></MPD>"
            ),
        ),
    ];
    for (name, list) in lists {
        let path = clips.write(name, list);
        assert_says(&refusal(&path).await, Kind::Unsupported, &[name, "not a video"]);
    }
}

#[tokio::test]
async fn names_mean_nothing_but_a_file() {
    let clips = Clips::new();
    let plain = clips.h264("plain.mp4", 10, 0.3, "");
    for name in ["-y.mp4", "a%03d.mp4", "http:x.mp4", "a\nb.mp4", "it's [x];,.mp4", "pipe:0"] {
        let path = clips.path(name);
        std::fs::copy(&plain, &path).unwrap();
        assert_eq!(probed(&path).await.timing.frames.len(), 3, "{name:?}");
    }
    let broken = clips.write("new\nline.mp4", "no video");
    assert_says(&refusal(&broken).await, Kind::Unsupported, &["not a video"]);
}

#[tokio::test]
async fn frames_too_large_are_refused_before_they_are_decoded() {
    let clips = Clips::new();
    let path = clips.h264("a.mp4", 10, 0.2, "");
    let limits = Limits { pixels: 64 * 48 - 1, ..Limits::default() };
    let error = probe(&path, &limits).await.unwrap_err();
    assert_says(&error, Kind::Unsupported, &["a.mp4", "64x48", "3071 pixels"]);
    let huge = clips.write("huge.gif", b"GIF89a\x20\x4e\x20\x4e\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x20\x4e\x20\x4e\0\x02\x02\x44\x01\0;");
    assert_says(&refusal(&huge).await, Kind::Unsupported, &["huge.gif", "not a video"]);
}

#[tokio::test]
async fn a_missing_program_is_named_with_its_remedy() {
    let path = std::path::Path::new("any.mp4");
    let started = Child::start(Program::Missing, Vec::new(), path, &Limits::default()).await;
    let error = started.err().unwrap();
    assert_says(&error, Kind::Unavailable, &["not found on the PATH", "apt install ffmpeg"]);
}
