//! Each known trap about the time of a frame.

use super::clips::{Clips, in_sequence, listed, probed, pts, random_is_sequential, sampled};
use crate::ingest::Sampling;

#[tokio::test]
async fn variable_rate_keeps_each_frames_own_time() {
    let clips = Clips::new();
    let path = clips.uneven("uneven.mp4");
    let found = probed(&path).await;
    assert_eq!(pts(&found), listed(&path));
    let times: Vec<f64> = in_sequence(&path, &found).await.iter().map(|frame| frame.at).collect();
    assert_eq!(times, [0.0, 0.3, 0.4, 1.0, 1.1, 1.2, 3.0]);
    // A long gap: the frame before it is on screen throughout, index / rate would say another.
    let on_screen = |at| found.timing.on_screen_at(at);
    assert_eq!([on_screen(1.25), on_screen(2.999), on_screen(3.0)], [Some(5), Some(5), Some(6)]);
    let every = sampled(&path, &found, Sampling::Every(0.5), 64, None).await.unwrap();
    let times: Vec<f64> = every.iter().map(|frame| frame.at).collect();
    assert_eq!(times, [0.0, 1.0, 3.0], "the first at or after 0, 0.5, 1 and the rest");
}

#[tokio::test]
async fn gif_has_times_though_no_rate() {
    let clips = Clips::new();
    let path = clips.make("a.gif", "-f lavfi -i testsrc2=s=64x48:r=10:d=0.5");
    let found = probed(&path).await;
    assert_eq!(pts(&found), listed(&path));
    assert_eq!(found.timing.frames.len(), 5);
    assert!((found.duration - 0.5).abs() < 0.011, "{}", found.duration);
}

#[tokio::test]
async fn a_file_of_one_frame_has_a_length() {
    let clips = Clips::new();
    let path = clips.h264("one.mp4", 10, 0.1, "");
    let found = probed(&path).await;
    assert_eq!(pts(&found), listed(&path));
    assert_eq!(found.timing.frames.len(), 1);
    assert!(found.duration > 0.0);
    assert_eq!(in_sequence(&path, &found).await.len(), 1);
    assert_eq!(found.timing.on_screen_at(0.05), Some(0));
}

#[tokio::test]
async fn transport_streams_start_where_they_start() {
    let clips = Clips::new();
    for (name, offset) in [("a.ts", 0.0), ("day.ts", 26.0 * 3600.0)] {
        let path = clips.h264(name, 10, 2.0, &format!("-bf 2 -g 10 -output_ts_offset {offset}"));
        let found = probed(&path).await;
        assert_eq!(pts(&found), listed(&path), "{name}");
        assert!((found.start - offset - 1.4).abs() < 0.5, "{name} starts at {}", found.start);
        let at = vec![found.start + 1.05];
        let frames = sampled(&path, &found, Sampling::At(at), 64, None).await.unwrap();
        let [frame] = frames.as_slice() else { panic!("{name}: {} frames", frames.len()) };
        assert_eq!(frame.number, 10, "{name}");
        assert!((frame.at - found.start - 1.0).abs() < 1e-6, "{name}: {}", frame.at);
        assert_eq!(random_is_sequential(&path, &[0, 9, 13, 16]).await, 2, "{name}");
    }
}

#[tokio::test]
async fn an_edit_list_hides_what_it_cuts() {
    let clips = Clips::new();
    let whole = clips.h264("whole.mp4", 10, 3.0, "-bf 2 -g 10");
    // A cut by stream copy keeps the pictures from the keyframe on and hides them by an edit list.
    let path = clips.make("cut.mp4", &format!("-ss 1.35 -i {} -c copy", whole.display()));
    let found = probed(&path).await;
    assert_eq!(pts(&found), listed(&path));
    assert!(found.timing.frames.len() < 20, "{}", found.timing.frames.len());
    random_is_sequential(&path, &[0, 1, 5, 12]).await;
}

#[tokio::test]
async fn times_before_zero_stay_before_zero() {
    let clips = Clips::new();
    let words = "-bf 2 -g 10 -output_ts_offset -0.75 -avoid_negative_ts disabled";
    let path = clips.h264("early.mkv", 10, 2.0, words);
    let found = probed(&path).await;
    // Matroska has no times before zero: ffprobe gives those frames none.
    assert!(pts(&found).ends_with(&listed(&path)), "{:?}", pts(&found));
    assert!((found.start + 0.75).abs() < 0.051, "starts at {}", found.start);
    assert_eq!(in_sequence(&path, &found).await.len(), 20);
    // The first sample of an MP4 may be presented before zero by its edit list.
    let path = clips.h264("early.mp4", 10, 2.0, &format!("{words} -use_editlist 0"));
    let found = probed(&path).await;
    assert_eq!(pts(&found), listed(&path));
}

#[tokio::test]
async fn any_order_of_access_gives_the_frames_of_sequential_decoding() {
    let clips = Clips::new();
    let path = clips.h264("a.mp4", 30, 3.0, "-bf 3 -g 30 -x264-params open-gop=1");
    let shuffled: Vec<u64> = (0..90).map(|n| n * 37 % 90).filter(|n| n % 13 == 0).collect();
    let behind_first_key = shuffled.iter().filter(|&&number| number >= 30).count();
    assert_eq!(random_is_sequential(&path, &shuffled).await, behind_first_key);
}

#[tokio::test]
async fn raw_streams_are_counted_and_say_so() {
    let clips = Clips::new();
    let path = clips.h264("a.h264", 10, 2.0, "-bf 2 -g 10");
    let found = probed(&path).await;
    assert!(found.timing.estimated && found.timing.counted);
    assert_eq!(found.facts["estimated_times"], true);
    let times: Vec<f64> = in_sequence(&path, &found).await.iter().map(|frame| frame.at).collect();
    assert_eq!(times.len(), 20);
    assert!(times.is_sorted_by(|a, b| a < b));
    assert!((times[19] - 1.9).abs() < 0.01, "{}", times[19]);
    random_is_sequential(&path, &[0, 7, 15]).await;
}

#[tokio::test]
async fn avi_without_presentation_times_is_estimated_from_what_the_decoder_says() {
    let clips = Clips::new();
    let whole = clips.h264("whole.mp4", 10, 2.0, "-bf 2 -g 10");
    let path = clips.make("a.avi", &format!("-i {} -c copy", whole.display()));
    let found = probed(&path).await;
    assert!(found.timing.estimated);
    // The last ones have no time even there.
    let (times, told) = (pts(&found), listed(&path));
    assert_eq!(times.len(), 20);
    assert!(told.len() > 10 && times.starts_with(&told), "{times:?} but {told:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 2), "{times:?}");
    random_is_sequential(&path, &[0, 7, 15]).await;
}

#[tokio::test]
async fn equal_times_are_parted_and_flagged() {
    let clips = Clips::new();
    let source = "-f lavfi -i testsrc2=s=64x48:r=10:d=2";
    let good = clips.make("good.mkv", &format!("{source} -c:v mjpeg"));
    // The fourth frame of each ten has the time of the third.
    let path = clips.make(
        "equal.mkv",
        &format!(
            "-i {} -c copy -bsf:v setts=pts='PTS-100*eq(mod(N,10),3)':dts='DTS-200'",
            good.display()
        ),
    );
    let found = probed(&path).await;
    let raw = listed(&path);
    assert!(raw.windows(2).any(|pair| pair[0] == pair[1]), "the clip must have the fault: {raw:?}");
    assert_eq!(found.timing.frames.len(), raw.len());
    assert!(pts(&found).is_sorted_by(|a, b| a < b));
    assert!(found.timing.estimated);
    random_is_sequential(&path, &[2, 3, 4, 13]).await;
}

#[tokio::test]
async fn a_recording_joined_halfway_lists_what_can_be_shown() {
    let clips = Clips::new();
    let whole = clips.h264("whole.ts", 10, 4.0, "-bf 2 -g 10");
    let bytes = std::fs::read(whole).unwrap();
    let path = clips.write("joined.ts", &bytes[bytes.len() / 188 / 3 * 188..]);
    let found = probed(&path).await;
    assert_eq!(pts(&found), listed(&path));
    let last = found.timing.frames.len() as u64 - 1;
    random_is_sequential(&path, &[0, 1, last]).await;
}

#[tokio::test]
async fn sound_that_starts_later_is_told() {
    let clips = Clips::new();
    let path = clips.make(
        "late.mp4",
        "-f lavfi -i testsrc2=s=64x48:r=10:d=3 -itsoffset 1.5 -f lavfi -i sine=d=1 \
         -c:v libx264 -preset ultrafast -c:a aac",
    );
    let start = probed(&path).await.facts["audio_start"].as_f64().unwrap();
    assert!((start - 1.5).abs() < 0.05, "{start}");
    let silent = clips.h264("silent.mp4", 10, 0.3, "");
    assert_eq!(probed(&silent).await.facts.get("audio_start"), None);
}

#[tokio::test]
async fn nothing_is_on_screen_past_the_end() {
    let clips = Clips::new();
    let path = clips.h264("a.mp4", 10, 1.0, "");
    let found = probed(&path).await;
    assert_eq!(found.timing.on_screen_at(0.9999), Some(9));
    assert_eq!(found.timing.on_screen_at(1.0), None);
    assert_eq!(found.timing.on_screen_at(-5.0), Some(0));
    assert_eq!(found.timing.on_screen_at(f64::NAN), None);
    let at = Sampling::At(vec![0.25, 1.0, 99.0]);
    let frames = sampled(&path, &found, at, 64, None).await.unwrap();
    assert_eq!(frames.iter().map(|frame| frame.number).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn recordings_joined_at_another_size_go_on_in_time_and_show_their_own_pictures() {
    let clips = Clips::new();
    let part = |name: &str, colour: &str, size: &str| {
        let words = format!("-f lavfi -i color={colour}:s={size}:r=10:d=2 -c:v libx264 -g 5");
        std::fs::read(clips.make(name, &words)).unwrap()
    };
    let (dark, bright) = (part("a.ts", "black", "64x48"), part("b.ts", "white", "128x96"));
    let path = clips.write("joined.ts", [dark, bright].concat());
    let found = probed(&path).await;
    let frames = sampled(&path, &found, Sampling::Every(1.0), 64, None).await.unwrap();
    let seen: Vec<_> = frames
        .iter()
        .map(|frame| (frame.number, frame.picture.planes().unwrap()[0][2000] > 128))
        .collect();
    assert_eq!(seen, [(0, false), (10, false), (20, true), (30, true)]);
    assert!(frames.is_sorted_by(|a, b| a.at < b.at));
}
