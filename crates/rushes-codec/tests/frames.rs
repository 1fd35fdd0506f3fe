//! Which consecutive frames are the same picture, and which must both stay.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use proptest::prelude::*;
use rushes_codec::Error;
use rushes_codec::image::Yuv420;
use rushes_codec::phash::{DEFAULT_SIMILARITY, Look};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;

/// A luma plane to draw on.
#[derive(Clone)]
struct Canvas(Vec<u8>);

impl Canvas {
    fn flat(level: u8) -> Self {
        Self(vec![level; (WIDTH * HEIGHT) as usize])
    }

    /// Soft hills of light, as in a photograph.
    fn room() -> Self {
        let mut room = Self::flat(0);
        for (at, level) in room.0.iter_mut().enumerate() {
            let (x, y) = (at as u32 % WIDTH, at as u32 / WIDTH);
            let wave = (x as f32 / 97.0).sin() * 40.0 + (y as f32 / 61.0).cos() * 30.0;
            *level = (110.0 + wave + x as f32 / 40.0) as u8;
        }
        room
    }

    /// White, with a title and three lines of text drawn as bars.
    fn slide() -> Self {
        let bars = [(80, 60, 600, 44), (80, 220, 820, 22), (80, 280, 760, 22), (80, 340, 790, 22)];
        bars.iter().fold(Self::flat(235), |slide, &bar| slide.with_box(bar, 30))
    }

    fn with_box(mut self, (left, top, width, height): (u32, u32, u32, u32), level: u8) -> Self {
        for y in top..top + height {
            let row = (y * WIDTH + left) as usize;
            self.0[row..row + width as usize].fill(level);
        }
        self
    }

    /// A digit of 5x7 dots, each of 2x2 pixels: type of 14 pixels.
    fn with_digit(self, dots: [u8; 7], (left, top): (u32, u32)) -> Self {
        let lit = |row: u32, column: u32| dots[row as usize] >> (4 - column) & 1 == 1;
        let places = (0..7).flat_map(|row| (0..5).map(move |column| (row, column)));
        places.filter(|&(row, column)| lit(row, column)).fold(self, |canvas, (row, column)| {
            canvas.with_box((left + 2 * column, top + 2 * row, 2, 2), 30)
        })
    }

    /// Every pixel off by up to `levels`, as a sensor or a codec leaves it.
    fn with_noise(mut self, levels: u32, mut seed: u32) -> Self {
        for level in &mut self.0 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (seed >> 16) % (2 * levels + 1);
            *level = level.saturating_add(noise as u8).saturating_sub(levels as u8);
        }
        self
    }

    fn look(&self) -> Look {
        Look::of_luma(WIDTH, HEIGHT, &self.0).expect("a plane of the right size")
    }

    fn same_as(&self, other: &Self) -> bool {
        self.look().same_as(&other.look(), DEFAULT_SIMILARITY)
    }
}

const THREE: [u8; 7] = [0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110];
const EIGHT: [u8; 7] = [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110];

#[test]
fn noise_alone_does_not_make_a_frame_new() {
    for scene in [Canvas::room(), Canvas::slide(), Canvas::flat(16), Canvas::flat(235)] {
        let first = scene.clone().with_noise(6, 1);
        assert!(first.same_as(&scene.with_noise(6, 2)));
    }
}

#[test]
fn a_slide_with_one_changed_digit_stays() {
    for place in [(1200, 690), (641, 399), (3, 3)] {
        let three = Canvas::slide().with_digit(THREE, place);
        let eight = Canvas::slide().with_digit(EIGHT, place);
        assert!(three.look().hash_distance(&eight.look()) <= 3, "64 bits cannot see it");
        assert!(!three.same_as(&eight));
        assert!(!three.with_noise(3, 5).same_as(&eight.with_noise(3, 6)));
    }
}

#[test]
fn a_small_thing_that_moves_before_a_static_camera_keeps_its_frames() {
    let frames: Vec<_> =
        (0..6).map(|step| Canvas::room().with_box((300 + 16 * step, 500, 10, 14), 40)).collect();
    for pair in frames.windows(2) {
        assert!(!pair[0].same_as(&pair[1]));
    }
    assert!(frames[0].same_as(&frames[0].clone().with_noise(4, 9)));
}

#[test]
fn flat_frames_are_told_apart_by_their_level() {
    let levels = [16, 40, 128, 200, 235];
    for (i, &one) in levels.iter().enumerate() {
        for (k, &other) in levels.iter().enumerate() {
            let [one, other] =
                [one, other].map(|level| Canvas::flat(level).with_noise(2, level.into()));
            assert_eq!(one.look().hash_distance(&other.look()), 0, "its hash is noise");
            assert_eq!(one.same_as(&other), i == k);
        }
    }
    assert!(!Canvas::flat(235).same_as(&Canvas::flat(235).with_digit(THREE, (900, 300))));
}

#[test]
fn a_fade_or_a_pan_never_drifts_far_from_the_frame_that_stands_for_it() {
    let fade = (0..50).map(|step| Canvas::flat(16 + 4 * step));
    let pan = (0..50).map(|step| Canvas::room().with_box((100 + 2 * step, 200, 300, 300), 220));
    for (frames, at_least) in [(fade.collect::<Vec<_>>(), 15), (pan.collect(), 10)] {
        let mut kept = vec![0];
        for at in 1..frames.len() {
            if !frames[kept[kept.len() - 1]].same_as(&frames[at]) {
                kept.push(at);
            }
        }
        assert!(kept.len() >= at_least, "only {kept:?} of 50 stayed");
    }
}

#[test]
fn full_similarity_means_identical_pixels() {
    let room = Canvas::room();
    let mut touched = room.clone();
    touched.0[4711] ^= 1;
    assert!(room.same_as(&touched));
    for similarity in [1.0, 1.5, f32::NAN, f32::INFINITY] {
        assert!(room.look().same_as(&room.look(), similarity));
        assert!(!room.look().same_as(&touched.look(), similarity));
    }
}

#[test]
fn a_light_that_turns_from_red_to_green_is_a_change() {
    let scene = |u: u8, v: u8| {
        let mut data = Canvas::room().0;
        let mut chroma =
            [vec![128; (WIDTH * HEIGHT / 4) as usize], vec![128; (WIDTH * HEIGHT / 4) as usize]];
        for (plane, level) in chroma.iter_mut().zip([u, v]) {
            for y in 100..106 {
                let row = (y * WIDTH / 2 + 200) as usize;
                plane[row..row + 6].fill(level);
            }
        }
        data.extend(chroma.concat());
        Look::of_yuv(&Yuv420 { width: WIDTH, height: HEIGHT, data }).unwrap()
    };
    let (red, green) = (scene(90, 220), scene(80, 50));
    assert!(!red.same_as(&green, DEFAULT_SIMILARITY));
    assert!(red.same_as(&scene(92, 218), DEFAULT_SIMILARITY));
    assert!(!red.same_as(&Canvas::room().look(), DEFAULT_SIMILARITY), "colours against none");
}

#[test]
fn pictures_of_any_size_have_a_look_and_wrong_planes_do_not() {
    for (width, height) in [(1, 1), (2, 700), (64, 64), (3000, 3)] {
        let luma: Vec<u8> = (0..width * height).map(|at| (at % 251) as u8).collect();
        let look = Look::of_luma(width, height, &luma).unwrap();
        assert!(look.same_as(&look, DEFAULT_SIMILARITY));
    }
    for (width, height, len) in [(0, 0, 0), (4, 4, 15), (4, 4, 17), (u32::MAX, u32::MAX, 9)] {
        let result = Look::of_luma(width, height, &vec![0; len]);
        assert!(matches!(result, Err(Error::Invalid(_))), "{width}x{height} with {len} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Same is mutual, and what is the same at a strict similarity is so at a looser one.
    #[test]
    fn sameness_is_mutual_and_monotone(
        one in prop::collection::vec(any::<u8>(), 48 * 32),
        noise in 0u8..40,
        strict in 0.0f32..=1.0,
        loose in 0.0f32..=1.0,
    ) {
        let other: Vec<u8> = one.iter().map(|&y| y.saturating_add(y % (noise + 1))).collect();
        let one = Look::of_luma(48, 32, &one).unwrap();
        let other = Look::of_luma(48, 32, &other).unwrap();
        let (loose, strict) = (loose.min(strict), loose.max(strict));
        prop_assert_eq!(one.same_as(&other, strict), other.same_as(&one, strict));
        prop_assert!(!one.same_as(&other, strict) || one.same_as(&other, loose));
    }
}

/// One frame a second of a real clip, or nothing where clip or ffmpeg are absent.
fn real_frames(clip: &str, width: u32, height: u32) -> Vec<Look> {
    let root = std::env::var_os("RUSHES_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let filter = format!("fps=1,scale={width}:{height}");
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(root.join("videos").join(clip))
        .args(["-vf", &filter, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"])
        .output();
    let frames = output.map(|output| output.stdout).unwrap_or_default();
    if frames.is_empty() {
        leave_out(&format!("no ffmpeg, or no {clip} (RUSHES_TEST_DATA names its folder)"));
    }
    let look = |data: &[u8]| Look::of_yuv(&Yuv420 { width, height, data: data.to_vec() }).unwrap();
    frames.chunks_exact(Yuv420::bytes(width, height)).map(look).collect()
}

/// Says which test lacks what, past the runner that keeps the words of a test that passes.
fn leave_out(why: &str) {
    let test = std::thread::current();
    let _ = writeln!(std::io::stderr(), "left out: {}: {why}", test.name().unwrap_or("a test"));
}

fn kept(looks: &[Look]) -> Vec<usize> {
    let mut kept = vec![];
    for (at, look) in looks.iter().enumerate() {
        if kept.last().is_none_or(|&last: &usize| !looks[last].same_as(look, DEFAULT_SIMILARITY)) {
            kept.push(at);
        }
    }
    kept
}

#[test]
fn an_empty_room_is_kept_once_until_somebody_enters() {
    let looks = real_frames("one-by-one-person-detection.mp4", 768, 432);
    if looks.is_empty() {
        return;
    }
    let kept = kept(&looks);
    // Empty until second 6; from then on somebody walks, sits or leaves.
    assert_eq!(kept[..3], [0, 6, 7], "of {} frames {kept:?} stayed", looks.len());
    // Second 45: the room is empty again, and stays so until second 50. By second 49 the light has
    // drifted so far from second 45 that it counts as a change: every doubt does.
    let empty: Vec<_> = kept.iter().filter(|second| (45..50).contains(*second)).collect();
    assert_eq!(empty, [&45, &49], "{kept:?}");
}

#[test]
fn a_title_on_screen_for_seconds_is_kept_once_and_every_new_one_stays() {
    let looks = real_frames("trailer.ogv", 300, 180);
    if looks.is_empty() {
        return;
    }
    let kept = kept(&looks);
    assert!(kept.len() <= looks.len() * 2 / 3, "{} of {} stayed", kept.len(), looks.len());
    for change in [14, 39, 53] {
        assert!(kept.contains(&change), "second {change} shows something new: {kept:?}");
    }
}
