//! Clips and broken files, made by ffmpeg or by hand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// A folder that lives as long as the tests.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

/// Runs ffmpeg with these words, separated by spaces, to write `name`; once for each name.
fn made(name: &str, words: &str) -> PathBuf {
    static MAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = folder().join(name);
    if path.exists() {
        return path;
    }
    let ffmpeg = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(words.split(' '))
        .arg(&path)
        .status()
        .expect("ffmpeg is needed: make setup");
    assert!(ffmpeg.success(), "ffmpeg {words}");
    path
}

/// Six seconds that move, ten frames a second, 320x240, a keyframe each second, with a tone.
pub(crate) fn clip() -> PathBuf {
    let video = "-f lavfi -i testsrc2=size=320x240:rate=10:duration=6";
    let audio = "-f lavfi -i sine=frequency=440:duration=6";
    let coded = "-c:v libx264 -preset ultrafast -g 10 -pix_fmt yuv420p -c:a aac -shortest";
    made("clip.mp4", &format!("{video} {audio} {coded}"))
}

/// Forty seconds that move, at twenty-five frames a second.
pub(crate) fn long_clip() -> PathBuf {
    let video = "-f lavfi -i testsrc2=size=320x240:rate=25:duration=40";
    made("long.mp4", &format!("{video} -c:v libx264 -preset ultrafast -pix_fmt yuv420p"))
}

/// Two seconds at 30000/1001 frames a second: hardly a frame begins at a whole millisecond.
pub(crate) fn ntsc() -> PathBuf {
    let video = "-f lavfi -i testsrc2=size=64x48:rate=30000/1001:duration=2";
    made("ntsc.mp4", &format!("{video} -c:v libx264 -preset ultrafast -pix_fmt yuv420p"))
}

/// Two seconds of noise, which no format makes small.
pub(crate) fn noise() -> PathBuf {
    let video = "-f lavfi -i nullsrc=size=1280x720:rate=10:duration=2,geq=random(1)*255:128:128";
    made("noise.mkv", &format!("{video} -c:v libx264 -preset ultrafast -qp 10 -pix_fmt yuv420p"))
}

/// A second clip, unlike the first.
pub(crate) fn other_clip() -> PathBuf {
    made("other.webm", "-f lavfi -i mandelbrot=size=160x120:rate=5 -t 3 -c:v libvpx -b:v 200k")
}

/// A file of sound alone.
pub(crate) fn sound() -> PathBuf {
    made("sound.mp4", "-f lavfi -i sine=frequency=440:duration=1 -c:a aac")
}

/// A tiny file whose header says that its frames are squares with sides of so many pixels.
pub(crate) fn huge(side: u32) -> PathBuf {
    let small = made("small.avi", "-f lavfi -i color=c=red:size=16x16 -frames:v 2 -c:v rawvideo");
    let mut bytes = std::fs::read(small).unwrap();
    // The stream's format: its name, its length, then a bitmap header's length, width and height.
    let format = bytes.windows(4).position(|four| four == b"strf").unwrap();
    let name = format!("huge{side}.avi");
    let side = side.to_le_bytes();
    bytes[format + 12..format + 16].copy_from_slice(&side);
    bytes[format + 16..format + 20].copy_from_slice(&side);
    written(&name, &bytes)
}

/// A file of these bytes.
pub(crate) fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
