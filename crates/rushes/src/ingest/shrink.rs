//! Frames become few bytes: near-duplicates become references, the rest WebP.

use futures::{Stream, StreamExt, TryStreamExt};
use rushes_codec::image::webp_from_yuv;
use rushes_codec::phash::Look;
use rushes_store::{BlobHash, Kind as EntryKind, NewEntry};
use serde_json::json;

use super::options::IngestOptions;
use crate::error::{Error, Kind, Result};
use crate::ffmpeg::RawFrame;

/// A frame on its way to the timeline.
#[derive(Debug)]
pub(super) struct Shrunk {
    pub(super) number: u64,
    pub(super) at: f64,
    pub(super) key: bool,
    pub(super) size: (u32, u32),
    /// The number of the frame whose picture stands for this one too.
    pub(super) same_as: Option<u64>,
    pub(super) picture: BlobHash,
    /// The picture as WebP; empty for a duplicate.
    pub(super) webp: Vec<u8>,
    /// How much the luma varies: flat pictures make poor thumbnails.
    pub(super) spread: f32,
}

impl Shrunk {
    /// The timeline entry; `estimated` when the file gave no timestamps.
    pub(super) fn entry(&self, estimated: bool) -> NewEntry {
        let mut data = json!({
            "number": self.number,
            "key": self.key,
            "width": self.size.0,
            "height": self.size.1,
        });
        if let (Some(original), Some(data)) = (self.same_as, data.as_object_mut()) {
            data.insert("same_as".to_owned(), original.into());
        }
        NewEntry {
            kind: EntryKind::frame(),
            start: self.at,
            end: self.at,
            estimated,
            data,
            text: None,
            label: None,
            blob: Some(self.picture),
        }
    }
}

/// Looks at frames side by side, compares them in order with the one kept last (never with a
/// dropped one, or a slow change would be lost), and encodes what is new side by side.
pub(super) fn shrink(
    frames: impl Stream<Item = Result<RawFrame>> + Send + 'static,
    options: &IngestOptions,
    workers: usize,
) -> impl Stream<Item = Result<Shrunk>> + Send {
    let quality = options.quality;
    let similarity = options.similarity;
    let mut kept = Kept::default();
    let mut picture = None;
    frames
        .map(|frame| async move { aside(move || look(frame?)).await })
        .buffered(workers)
        .map_ok(move |(frame, look)| {
            let same_as = kept.original_of(&frame, &look, similarity);
            (frame, look, same_as)
        })
        .map(move |seen| async move { aside(move || encode(seen?, quality)).await })
        .buffered(workers)
        .map_ok(move |mut shrunk| {
            // Frames arrive in order, so the picture a duplicate refers to is the one kept last.
            match (shrunk.same_as, picture) {
                (Some(_), Some(original)) => shrunk.picture = original,
                _ => picture = Some(shrunk.picture),
            }
            shrunk
        })
}

/// The frame kept last, which the next ones are compared with.
#[derive(Default)]
struct Kept(Option<(u64, (u32, u32), Look)>);

impl Kept {
    fn original_of(&mut self, frame: &RawFrame, look: &Look, similarity: f32) -> Option<u64> {
        let size = (frame.picture.width, frame.picture.height);
        if let Some((number, kept_size, kept)) = &self.0
            && *kept_size == size
            && kept.same_as(look, similarity)
        {
            return Some(*number);
        }
        self.0 = Some((frame.number, size, look.clone()));
        None
    }
}

fn look(frame: RawFrame) -> Result<(RawFrame, Look)> {
    let look = Look::of_yuv(&frame.picture)?;
    Ok((frame, look))
}

fn encode((frame, look, same_as): (RawFrame, Look, Option<u64>), quality: f32) -> Result<Shrunk> {
    let webp = match same_as {
        Some(_) => Vec::new(),
        None => webp_from_yuv(&frame.picture, quality)?,
    };
    Ok(Shrunk {
        number: frame.number,
        at: frame.at,
        key: frame.key,
        size: (frame.picture.width, frame.picture.height),
        same_as,
        picture: BlobHash::of(&webp),
        webp,
        spread: spread(&look.tiles),
    })
}

/// Mean absolute difference from the mean, 0 to 128.
fn spread(luma: &[u8]) -> f32 {
    if luma.is_empty() {
        return 0.0;
    }
    let count = luma.len() as f32;
    let mean = luma.iter().map(|&y| f32::from(y)).sum::<f32>() / count;
    luma.iter().map(|&y| (f32::from(y) - mean).abs()).sum::<f32>() / count
}

/// Runs work that keeps a processor busy beside the runtime's own threads.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::caused(Kind::Internal, "a frame was interrupted", error))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use rushes_codec::image::Yuv420;

    fn frame(number: u64, bright: u8) -> Result<RawFrame> {
        let (width, height) = (64, 48);
        let luma = (0..width * height).map(|i| if i % width < 32 { bright } else { 40 });
        let data = luma.chain(std::iter::repeat_n(128, 2 * 32 * 24)).collect();
        let picture = Yuv420 { width, height, data };
        Ok(RawFrame { number, at: number as f64, key: false, picture })
    }

    #[tokio::test]
    async fn a_run_of_equal_frames_is_stored_once_and_each_keeps_its_time() {
        let frames = [200, 200, 200, 90, 90, 200].iter().zip(0..).map(|(b, n)| frame(n, *b));
        let frames: Vec<_> = frames.collect();
        let stream = futures::stream::iter(frames);
        let options = IngestOptions::default();
        let shrunk: Vec<_> = shrink(stream, &options, 2).try_collect().await.unwrap();
        let originals: Vec<_> = shrunk.iter().map(|s| s.same_as).collect();
        assert_eq!(originals, [None, Some(0), Some(0), None, Some(3), None]);
        let times: Vec<_> = shrunk.iter().map(|s| s.at).collect();
        assert_eq!(times, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(shrunk[1].picture, shrunk[0].picture);
        assert_ne!(shrunk[3].picture, shrunk[0].picture);
        assert_eq!(shrunk[5].picture, shrunk[0].picture, "the same bytes have one name");
        assert!(shrunk[1].webp.is_empty() && !shrunk[0].webp.is_empty());
    }
}
