//! On clips that ffmpeg makes in the test; judged by ffprobe's own list of frames.

mod children;
mod clips;
mod cuts;
mod pictures;
mod real;
mod refused;
mod samplings;
mod times;
