use super::clips::{Clips, listed};
use crate::ffmpeg::{Limits, decode_numbers, probe, sample};
use crate::ingest::Sampling;

#[tokio::test]
async fn a_plain_clip() {
    let clips = Clips::new();
    let path =
        clips.make("a.mp4", "-f lavfi -i testsrc2=s=64x48:r=10:d=3 -c:v libx264 -bf 2 -g 10");
    let limits = Limits::default();
    let found = probe(&path, &limits).await.unwrap();
    assert_eq!(found.timing.frames.iter().map(|f| f.pts).collect::<Vec<_>>(), listed(&path));
    assert_eq!((found.width, found.height, found.start, found.duration), (64, 48, 0.0, 3.0));
    let mut frames = sample(&path, &found, &Sampling::Every(1.0), 1280, None, &limits);
    let mut seen = Vec::new();
    while let Some(frame) = frames.recv().await {
        let frame = frame.unwrap();
        seen.push((frame.number, frame.at));
        assert_eq!(frame.picture.data.len(), 64 * 48 * 3 / 2);
    }
    assert_eq!(seen, [(0, 0.0), (10, 1.0), (20, 2.0)]);
    let two = decode_numbers(&path, &found.timing, &[3, 29], 32, &limits).await.unwrap();
    assert_eq!(
        two.iter().map(|f| (f.number, f.picture.width)).collect::<Vec<_>>(),
        [(3, 32), (29, 32)]
    );
}
