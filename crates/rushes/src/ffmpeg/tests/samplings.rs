//! Which frames a sampling takes, and that a resumed run takes the rest of them.

use super::clips::{Clips, probed, sampled};
use crate::ffmpeg::{RawFrame, select};
use crate::ingest::Sampling;

fn numbers(frames: &[RawFrame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.number).collect()
}

#[tokio::test]
async fn every_sampling_is_continued_where_it_stopped() {
    let clips = Clips::new();
    let path = clips.make(
        "scenes.mp4",
        "-f lavfi -i color=red:s=64x48:r=10:d=1 -f lavfi -i testsrc2=s=64x48:r=10:d=1 \
         -f lavfi -i color=blue:s=64x48:r=10:d=1 -filter_complex concat=n=3 -c:v libx264 \
         -preset ultrafast -g 7 -sc_threshold 0",
    );
    let found = probed(&path).await;
    let cases = [
        (Sampling::Every(0.5), vec![0, 5, 10, 15, 20, 25]),
        (Sampling::Every(0.7), vec![0, 7, 14, 21, 28]),
        (Sampling::Frames(3), vec![0, 10, 20]),
        (Sampling::Frames(1), vec![0]),
        (Sampling::Keyframes, vec![0, 7, 14, 21, 28]),
        (Sampling::Scene(0.3), vec![0, 10, 20]),
        (Sampling::At(vec![2.05, 0.0, 0.31, 0.35]), vec![0, 3, 20]),
    ];
    for (sampling, expected) in cases {
        let whole = sampled(&path, &found, sampling.clone(), 64, None).await.unwrap();
        assert_eq!(numbers(&whole), expected, "{sampling:?}");
        let done = whole[whole.len() / 2].at;
        let rest = sampled(&path, &found, sampling.clone(), 64, Some(done)).await.unwrap();
        let after: Vec<_> = whole.iter().filter(|frame| frame.at > done).collect();
        assert_eq!(rest.len(), after.len(), "{sampling:?} after {done}");
        for (rest, whole) in rest.iter().zip(after) {
            assert_eq!((rest.number, rest.at, rest.key), (whole.number, whole.at, whole.key));
            assert!(rest.picture == whole.picture, "{sampling:?}: frame {} differs", rest.number);
        }
    }
}

#[tokio::test]
async fn keyframes_of_a_decoder_that_cannot_skip_are_taken_too() {
    let clips = Clips::new();
    let words = "-f lavfi -i testsrc2=s=64x48:r=10:d=2 -c:v libtheora -g 5";
    let path = clips.make("a.ogv", words);
    let found = probed(&path).await;
    let frames = sampled(&path, &found, Sampling::Keyframes, 64, None).await.unwrap();
    assert_eq!(numbers(&frames), [0, 5, 10, 15]);
}

#[tokio::test]
async fn keyframes_are_marked() {
    let clips = Clips::new();
    let path = clips.h264("a.mp4", 10, 2.0, "-g 5");
    let found = probed(&path).await;
    let frames = sampled(&path, &found, Sampling::Every(0.1), 64, None).await.unwrap();
    let keys: Vec<u64> = frames.iter().filter(|frame| frame.key).map(|f| f.number).collect();
    assert_eq!(keys, [0, 5, 10, 15]);
}

#[tokio::test]
async fn a_list_too_long_for_the_command_line_goes_by_a_file() {
    let clips = Clips::new();
    let words = "-f lavfi -i color=s=16x16:r=200:d=15 -c:v libx264 -preset ultrafast -g 50";
    let path = clips.make("long.mp4", words);
    let found = probed(&path).await;
    let all: Vec<u64> = (0..3000).collect();
    let stamps: Vec<i64> = found.timing.frames.iter().map(|frame| frame.pts).collect();
    assert!(select::these(&stamps).len() > select::MOST_BYTES);
    let frames = sampled(&path, &found, Sampling::Every(0.005), 64, None).await.unwrap();
    assert_eq!(numbers(&frames), all);
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_work() {
    let clips = Clips::new();
    let path = clips.h264("a.mp4", 25, 4.0, "");
    let found = probed(&path).await;
    let limits = crate::ffmpeg::Limits::default();
    let mut frames =
        crate::ffmpeg::sample(&path, &found, &Sampling::Every(0.04), 64, None, &limits);
    assert_eq!(frames.recv().await.unwrap().unwrap().number, 0);
    frames.close();
    // What had been decoded may still come; then the end.
    let mut left = 0;
    while frames.recv().await.is_some() {
        left += 1;
    }
    assert!(left <= 5, "{left}");
}
