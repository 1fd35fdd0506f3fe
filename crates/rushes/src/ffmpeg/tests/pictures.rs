//! What a frame looks like: rotation, pixel shape, size, colour.

use std::process::Command;

use rushes_codec::image::Yuv420;
use serde_json::Value;

use super::clips::{Clips, in_sequence, probed, sampled};
use crate::ingest::Sampling;

/// Mean luma of a part of the picture, given in eighths of its sides.
fn luma(picture: &Yuv420, x: usize, y: usize) -> f64 {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let rows = height * y / 8..height * (y + 1) / 8;
    let columns = width * x / 8..width * (x + 1) / 8;
    let mut sum = 0.0;
    for row in rows.clone() {
        for column in columns.clone() {
            sum += f64::from(picture.data[row * width + column]);
        }
    }
    sum / (rows.len() * columns.len()) as f64
}

/// Which corner is bright: left or right, top or bottom.
fn bright_corner(picture: &Yuv420) -> (&'static str, &'static str) {
    let corners = [(1, 1, ("left", "top")), (6, 1, ("right", "top")), (1, 6, ("left", "bottom"))];
    let right_bottom = [(6, 6, ("right", "bottom"))];
    let brightest = corners
        .into_iter()
        .chain(right_bottom)
        .max_by(|a, b| luma(picture, a.0, a.1).total_cmp(&luma(picture, b.0, b.1)));
    brightest.unwrap().2
}

/// Black, with white in the upper left.
const CORNER: &str = "-f lavfi -i color=black:s=64x48:r=10:d=0.3 \
     -vf drawbox=x=0:y=0:w=24:h=18:color=white:t=fill -c:v libx264 -preset ultrafast";

#[tokio::test]
async fn rotation_by_display_matrix_is_applied() {
    let clips = Clips::new();
    let upright = clips.make("upright.mp4", CORNER);
    let mut patched = std::fs::read(&upright).unwrap();
    for (degrees, corner, size) in [
        (0, ("left", "top"), (64, 48)),
        (90, ("right", "top"), (48, 64)),
        (180, ("right", "bottom"), (64, 48)),
        (270, ("left", "bottom"), (48, 64)),
    ] {
        turn_track(&mut patched, degrees);
        let path = clips.write(&format!("{degrees}.mp4"), &patched);
        let found = probed(&path).await;
        assert_eq!(found.timing.display.size(), size, "{degrees}");
        assert_eq!(found.facts["rotation"], degrees);
        let picture = &in_sequence(&path, &found).await[0].picture;
        assert_eq!((picture.width, picture.height), size, "{degrees}");
        assert_eq!(bright_corner(picture), corner, "{degrees}");
        assert_eq!(bright_corner(&as_ffmpeg_shows(&path, size)), corner, "{degrees} by ffmpeg");
    }
}

/// Writes a display matrix for a clockwise turn into the track header of an MP4 file.
fn turn_track(file: &mut [u8], clockwise: u32) {
    let header = file.windows(4).position(|word| word == b"tkhd").unwrap();
    let one = 1_i32 << 16;
    let (a, b, c, d) = match clockwise {
        90 => (0, one, -one, 0),
        180 => (-one, 0, 0, -one),
        270 => (0, -one, one, 0),
        _ => (one, 0, 0, one),
    };
    // After the box's type: version and flags, times, track, reserved, layer, group, volume.
    let matrix = header + 4 + 4 + 8 + 4 + 4 + 4 + 8 + 2 + 2 + 2 + 2;
    for (index, number) in [(0, a), (1, b), (3, c), (4, d)] {
        let at = matrix + index * 4;
        file[at..at + 4].copy_from_slice(&i32::to_be_bytes(number));
    }
}

/// The first frame as ffmpeg itself rotates it.
fn as_ffmpeg_shows(path: &std::path::Path, (width, height): (u32, u32)) -> Yuv420 {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(path);
    ffmpeg.args(["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]);
    let data = ffmpeg.output().unwrap().stdout;
    Yuv420 { width, height, data }
}

#[tokio::test]
async fn rotation_by_tag_is_applied() {
    let clips = Clips::new();
    for (degrees, corner) in [(90, ("right", "top")), (270, ("left", "bottom"))] {
        // A name that this ffmpeg also writes: older ones put `rotate`, newer ones take it away.
        let words = format!("{CORNER} -metadata:s:v:0 xotate={degrees}");
        let other = clips.make("other.mkv", &words);
        let mut bytes = std::fs::read(other).unwrap();
        let name = bytes.windows(6).position(|word| word == b"XOTATE").unwrap();
        bytes[name] = b'R';
        let path = clips.write(&format!("{degrees}.mkv"), &bytes);
        let found = probed(&path).await;
        assert_eq!(found.timing.display.size(), (48, 64));
        assert_eq!(bright_corner(&in_sequence(&path, &found).await[0].picture), corner);
    }
}

#[tokio::test]
async fn oblong_pixels_become_square() {
    let clips = Clips::new();
    let path = clips.h264("wide.mp4", 10, 0.3, "-vf setsar=4/3");
    let found = probed(&path).await;
    assert_eq!(found.timing.display.size(), (85, 48));
    assert_eq!(found.facts["pixel_aspect"], "4:3");
    let picture = &in_sequence(&path, &found).await[0].picture;
    assert_eq!((picture.width, picture.height), (85, 48));
    assert_eq!(picture.data.len(), 85 * 48 + 2 * 43 * 24);
}

#[tokio::test]
async fn pictures_are_shrunk_to_the_edge_but_never_enlarged() {
    let clips = Clips::new();
    let path = clips.h264("a.mp4", 10, 0.2, "");
    let found = probed(&path).await;
    for (edge, size) in [(4096, (64, 48)), (64, (64, 48)), (33, (33, 25)), (1, (1, 1))] {
        let frames = sampled(&path, &found, Sampling::Frames(1), edge, None).await.unwrap();
        assert_eq!((frames[0].picture.width, frames[0].picture.height), size, "edge {edge}");
    }
}

#[tokio::test]
async fn full_range_bt709_becomes_limited_bt601() {
    let clips = Clips::new();
    // The same red by two roads: BT.709 full range, and what the codec's pictures are to be.
    let words = "-f lavfi -i color=red:s=64x48:r=10:d=0.2 -vf \
         scale=out_color_matrix=bt709:out_range=pc,format=yuv420p -colorspace bt709 \
         -color_range pc -color_primaries bt709 -color_trc bt709 -c:v libx264 -preset ultrafast";
    let path = clips.make("red.mp4", words);
    let picture = in_sequence(&path, &probed(&path).await).await.remove(0).picture;
    let chroma = 64 * 48;
    let (y, u, v) = (picture.data[0], picture.data[chroma], picture.data[chroma + 32 * 24]);
    // BT.601 limited red (255, 0, 0) is 81, 90, 240.
    for (got, wanted) in [(y, 81_i32), (u, 90), (v, 240)] {
        assert!((i32::from(got) - wanted).abs() <= 3, "{y} {u} {v}");
    }
}

/// A patch of one colour in 10-bit H.265 with these further parameters of the encoder.
async fn patch(clips: &Clips, name: &str, colour: &str, parameters: &str) -> (Value, Yuv420) {
    let words = format!(
        "-f lavfi -i color={colour}:s=64x48:r=10:d=0.2 -pix_fmt yuv420p10le -c:v libx265 \
         -preset ultrafast -x265-params log-level=none{parameters}"
    );
    let path = clips.make(name, &words);
    let found = probed(&path).await;
    (found.facts.clone(), in_sequence(&path, &found).await.remove(0).picture)
}

#[tokio::test]
async fn high_dynamic_range_is_mapped_by_its_curve() {
    let clips = Clips::new();
    let build = crate::ffmpeg::build::Build::installed().await.unwrap();
    let plain = patch(&clips, "plain.mp4", "0x30a050", "").await.1;
    for curve in ["smpte2084", "arib-std-b67"] {
        let parameters = format!(":colorprim=bt2020:transfer={curve}:colormatrix=bt2020nc");
        let (facts, picture) = patch(&clips, "hdr.mp4", "0x30a050", &parameters).await;
        assert_eq!(facts["color"]["transfer"], curve);
        if !build.zscale {
            assert!(facts["warnings"][0].as_str().unwrap().contains("zscale"));
            continue;
        }
        assert!(facts.get("warnings").is_none());
        // The same code values on another curve and wider primaries are another colour.
        let pairs = picture.data.iter().zip(&plain.data);
        let apart: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let apart = apart as f64 / plain.data.len() as f64;
        assert!(apart > 4.0, "{curve} was not mapped: {apart}");
        // Grey stays grey, and neither black nor white.
        let (_, grey) = patch(&clips, "grey.mp4", "gray", &parameters).await;
        let (y, u) = (luma(&grey, 4, 4), grey.data[64 * 48]);
        assert!((30.0..230.0).contains(&y) && u.abs_diff(128) <= 2, "{curve}: {y} {u}");
    }
}

#[tokio::test]
async fn a_build_without_the_filter_says_so() {
    let clips = Clips::new();
    let path = clips.h264("pq.mp4", 10, 0.2, "-color_trc smpte2084");
    let found = probed(&path).await;
    let build =
        crate::ffmpeg::build::Build { version: (5, 1), zscale: false, x264: true, webp: true };
    assert!(!found.timing.display.filters(64, &build).contains("zscale"));
    assert!(!found.timing.display.tone_mapped(&build));
}
