//! On clips that ffmpeg makes in the test; judged by ffprobe's own list of frames.

mod clips;
mod first;
