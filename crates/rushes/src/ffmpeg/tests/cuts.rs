//! Clips: their true times, sound in step, sizes bounded.

use super::clips::{Clips, in_sequence, listed, probed};
use crate::answer::ClipFormat;
use crate::error::Kind;
use crate::ffmpeg::{Limits, cut, subtitle};

fn footage(clips: &Clips, name: &str, offset: f64) -> std::path::PathBuf {
    clips.make(
        name,
        &format!(
            "-f lavfi -i testsrc2=s=64x48:r=10:d=4 -f lavfi -i sine=d=4 -c:v libx264 \
             -preset ultrafast -g 10 -bf 2 -c:a aac -output_ts_offset {offset}"
        ),
    )
}

#[tokio::test]
async fn an_accurate_clip_holds_the_frames_of_its_window() {
    let clips = Clips::new();
    for (name, offset) in [("a.mp4", 0.0), ("late.ts", 500.0)] {
        let path = footage(&clips, name, offset);
        let found = probed(&path).await;
        let (from, to) = (found.start + 1.3, found.start + 2.5);
        let clip = cut(&path, &found.timing, from, to, ClipFormat::Mp4, false, &Limits::default())
            .await
            .unwrap();
        assert_eq!((clip.from, clip.to), (from, to));
        let out = clips.write("clip.mp4", &clip.file);
        let inner = probed(&out).await;
        assert_eq!(inner.timing.frames.len(), 12, "{name}");
        assert!(inner.start.abs() < 0.001, "{name}: starts at {}", inner.start);
        assert!((inner.duration - 1.2).abs() < 0.11, "{name}: lasts {}", inner.duration);
        let sound = inner.facts["audio_start"].as_f64().unwrap();
        assert!(sound.abs() < 0.05, "{name}: {sound}");
        // Its first picture is the one on screen at `from`.
        let (source, copy) = (in_sequence(&path, &found).await, in_sequence(&out, &inner).await);
        let unlike = |number: usize| {
            let pairs = source[number].picture.data.iter().zip(&copy[0].picture.data);
            pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
        };
        let nearest = (8..19).min_by_key(|&number| unlike(number)).unwrap();
        assert_eq!(nearest, 13, "{name}");
    }
}

#[tokio::test]
async fn a_fast_clip_tells_where_it_really_begins() {
    let clips = Clips::new();
    let path = footage(&clips, "a.mp4", 0.0);
    let found = probed(&path).await;
    let clip = cut(&path, &found.timing, 2.35, 3.0, ClipFormat::Mp4, true, &Limits::default())
        .await
        .unwrap();
    assert!((clip.from - 2.0).abs() < 1e-6 || (clip.from - 1.0).abs() < 1e-6, "{}", clip.from);
    assert!(clip.to >= 2.9 && clip.to < 3.5, "{}", clip.to);
    let out = clips.write("clip.mp4", &clip.file);
    let inner = probed(&out).await;
    assert!((inner.duration - (clip.to - clip.from)).abs() < 0.02, "{}", inner.duration);
    assert_eq!(listed(&out).len(), inner.timing.frames.len());
    let (source, copy) = (in_sequence(&path, &found).await, in_sequence(&out, &inner).await);
    let first = found.timing.on_screen_at(clip.from).unwrap();
    assert!(source[first].picture == copy[0].picture, "the same bits from {}", clip.from);
    let opening = cut(&path, &found.timing, 0.0, 1.0, ClipFormat::Mp4, true, &Limits::default())
        .await
        .unwrap();
    assert!(opening.from.abs() < 0.001, "{}", opening.from);
}

#[tokio::test]
async fn pictures_that_move_without_sound() {
    let clips = Clips::new();
    let path = footage(&clips, "a.mp4", 0.0);
    let timing = probed(&path).await.timing;
    for (format, magic) in [(ClipFormat::Gif, &b"GIF8"[..]), (ClipFormat::Webp, b"RIFF")] {
        let clip = cut(&path, &timing, 1.0, 2.0, format, false, &Limits::default()).await.unwrap();
        assert!(clip.file.starts_with(magic));
        let error =
            cut(&path, &timing, 1.0, 2.0, format, true, &Limits::default()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }
    let gif = cut(&path, &timing, 1.0, 2.0, ClipFormat::Gif, false, &Limits::default()).await;
    let out = clips.write("clip.gif", &gif.unwrap().file);
    let inner = probed(&out).await;
    assert!((inner.duration - 1.0).abs() < 0.2, "{}", inner.duration);
}

#[tokio::test]
async fn sound_stays_in_step_when_it_starts_late() {
    let clips = Clips::new();
    let path = clips.make(
        "late.mp4",
        "-f lavfi -i testsrc2=s=64x48:r=10:d=4 -itsoffset 2 -f lavfi -i sine=d=2 \
         -c:v libx264 -preset ultrafast -c:a aac",
    );
    let timing = probed(&path).await.timing;
    let clip = cut(&path, &timing, 1.0, 3.5, ClipFormat::Mp4, false, &Limits::default()).await;
    let out = clips.write("clip.mp4", &clip.unwrap().file);
    // One second of silence, then the tone.
    let silence = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(&out)
        .args(["-map", "0:a", "-af", "silencedetect=n=-40dB:d=0.3", "-f", "null", "-"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&silence.stderr);
    let end = log.split("silence_end: ").nth(1).unwrap().split(' ').next().unwrap();
    assert!((end.parse::<f64>().unwrap() - 1.0).abs() < 0.08, "{end}");
}

#[tokio::test]
async fn windows_outside_and_files_too_large_are_refused() {
    let clips = Clips::new();
    let path = footage(&clips, "a.mp4", 0.0);
    let timing = probed(&path).await.timing;
    let limits = Limits::default();
    for (from, to) in [(4.5, 9.0), (2.0, 1.0), (1.0, 1.0), (f64::NAN, 1.0)] {
        let outside = cut(&path, &timing, from, to, ClipFormat::Mp4, false, &limits);
        assert_eq!(outside.await.unwrap_err().kind(), Kind::Invalid, "{from} {to}");
    }
    let small = Limits { output: 2000, ..Limits::default() };
    let error = cut(&path, &timing, 0.0, 4.0, ClipFormat::Mp4, false, &small).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
    assert!(error.to_string().contains("2000 bytes"), "{error}");
}

#[tokio::test]
async fn embedded_subtitles_keep_media_time() {
    let clips = Clips::new();
    clips.write("s.srt", "1\n00:00:01,000 --> 00:00:02,500\nHello <i>you</i>\n");
    for (name, offset, shown) in [("a.mkv", 0, "00:01.000 -->"), ("b.mkv", 100, "01:41.000 -->")] {
        let path = clips.make(
            name,
            &format!(
                "-copyts -itsoffset {offset} -f lavfi -i testsrc2=s=64x48:r=10:d=3 \
                 -itsoffset {offset} -i {{}}/s.srt -map 0 -map 1 -c:v libx264 -preset ultrafast \
                 -metadata:s:s:0 language=deu"
            ),
        );
        let found = probed(&path).await;
        assert_eq!(found.subtitles, [(1, "deu".to_owned())], "{name}");
        let text = subtitle(&path, 1, &Limits::default()).await.unwrap();
        assert!(text.starts_with("WEBVTT"), "{text}");
        assert!(text.contains(shown), "{name}: {text}");
        assert!(text.contains("Hello"), "{text}");
        assert!(subtitle(&path, 0, &Limits::default()).await.is_err());
        assert!(subtitle(&path, 7, &Limits::default()).await.is_err());
    }
}

#[tokio::test]
async fn chapters_are_found() {
    let clips = Clips::new();
    clips.write(
        "chapters.txt",
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=Opening\n",
    );
    let path = clips.make(
        "a.mkv",
        "-f lavfi -i testsrc2=s=64x48:r=10:d=3 -i {}/chapters.txt -map_metadata 1 -map 0 \
         -c:v libx264 -preset ultrafast",
    );
    assert_eq!(probed(&path).await.chapters, [(0.0, 1.5, "Opening".to_owned())]);
}

#[tokio::test]
async fn streams_that_mp4_cannot_hold_say_so_and_the_way_out() {
    let clips = Clips::new();
    let path = clips.make("a.ogv", "-f lavfi -i testsrc2=s=64x48:r=10:d=2 -c:v libtheora -g 5");
    let timing = probed(&path).await.timing;
    let limits = Limits::default();
    let error = cut(&path, &timing, 0.5, 1.5, ClipFormat::Mp4, true, &limits).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("cut without `fast`"), "{error}");
}
