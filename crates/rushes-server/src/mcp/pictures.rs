//! Images in answers: each after a text block with its time, and no more than a client can take.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResult, ContentBlock};
use rushes::answer::{FrameImage, Sheet};
use rushes::{Error, ErrorKind};
use serde::Serialize;

use super::answer::with_structure;
use crate::facts::{FrameFacts, SheetFacts, cost};

/// What one answer may carry at most.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Limits {
    /// Images.
    pub(super) images: usize,
    /// Bytes of all images as they are sent, in base64.
    pub(super) bytes: usize,
}

/// What clients are known to take: larger answers are cut or refused by several of them.
pub(super) const LIMITS: Limits = Limits { images: 12, bytes: 1_000_000 };

impl Limits {
    fn line(&self) -> String {
        format!("limits: {} images and {} bytes in an answer", self.images, self.bytes)
    }

    /// How many of these images an answer may carry if all are like them, about.
    pub(super) fn share(&self, count: usize, images: &[&[u8]]) -> usize {
        count * self.bytes / total(images).max(1)
    }

    /// Whether these images may go into one answer.
    pub(super) fn hold(&self, images: &[&[u8]]) -> bool {
        images.len() <= self.images && total(images) <= self.bytes
    }
}

/// Bytes of images as they are sent.
fn total(images: &[&[u8]]) -> usize {
    images.iter().map(|image| sent(image)).sum()
}

/// The bytes of frames' images.
pub(super) fn bytes(frames: &[FrameImage]) -> Vec<&[u8]> {
    frames.iter().map(|frame| frame.image.as_ref()).collect()
}

/// Refuses more images than an answer may carry. `fitting` are ways to ask that were tried and fit.
pub(super) fn too_many(count: usize, fitting: &[String]) -> Error {
    let most = LIMITS.images;
    too_large(
        &format!("{count} images were asked for and an answer carries at most {most}"),
        fitting,
    )
}

/// Refuses images of more bytes than an answer may carry.
pub(super) fn too_heavy(images: &[&[u8]], fitting: &[String]) -> Error {
    let (bytes, most) = (total(images), LIMITS.bytes);
    too_large(
        &format!("the images take {bytes} bytes and an answer carries at most {most}"),
        fitting,
    )
}

fn too_large(what: &str, fitting: &[String]) -> Error {
    let ways = match fitting {
        [] => "a part of the window at a time, or a sheet of it".to_owned(),
        ways => {
            format!("{}; or a part of the window at a time, or a sheet of it", ways.join(", or "))
        }
    };
    Error::new(ErrorKind::TooLarge, format!("{what}: ask with {ways}"))
}

#[derive(Serialize)]
struct Frames {
    frames: Vec<FrameFacts>,
    limits: Limits,
}

/// Frames as blocks: for each a line with time, reference and cost, then the image.
pub(super) fn of_frames(frames: &[FrameImage]) -> CallToolResult {
    let facts: Vec<FrameFacts> = frames.iter().map(FrameFacts::from).collect();
    let mut blocks = Vec::with_capacity(2 * frames.len() + 1);
    for (frame, facts) in frames.iter().zip(&facts) {
        blocks.push(ContentBlock::text(facts.line()));
        push_image(&mut blocks, &frame.image, frame.media_type);
    }
    blocks.push(ContentBlock::text(LIMITS.line()));
    with_structure(blocks, &Frames { frames: facts, limits: LIMITS })
}

#[derive(Serialize)]
struct SheetAnswer {
    sheet: SheetFacts,
    limits: Limits,
}

/// A sheet as blocks: what its cells show and its cost, then the image.
pub(super) fn of_sheet(sheet: &Sheet) -> CallToolResult {
    let text = format!("{}\n{}", sheet.text.trim_end(), cost(&sheet.tokens));
    let mut blocks = vec![ContentBlock::text(text)];
    push_image(&mut blocks, &sheet.image, sheet.media_type);
    blocks.push(ContentBlock::text(LIMITS.line()));
    with_structure(blocks, &SheetAnswer { sheet: sheet.into(), limits: LIMITS })
}

fn push_image(blocks: &mut Vec<ContentBlock>, image: &[u8], media_type: &str) {
    // A dry run has facts and no image.
    if !image.is_empty() {
        blocks.push(ContentBlock::image(STANDARD.encode(image), media_type));
    }
}

/// Bytes of an image in base64.
fn sent(image: &[u8]) -> usize {
    image.len().div_ceil(3) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_holds_is_bounded_in_number_and_bytes() {
        let (small, large): (&[u8], &[u8]) = (&[0; 1000], &[0; 700_000]);
        assert!(LIMITS.hold(&[small; 12]) && !LIMITS.hold(&[small; 13]));
        assert!(LIMITS.hold(&[large]) && !LIMITS.hold(&[large; 2]));
        let error = too_heavy(&[large; 2], &["count=1".to_owned()]);
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(
            error.to_string().contains("1866672 bytes") && error.to_string().contains("count=1")
        );
        assert!(too_many(40, &[]).to_string().contains("ask with a part"));
    }

    #[test]
    fn the_size_counted_is_the_size_sent() {
        for len in 0..10 {
            assert_eq!(sent(&vec![7; len]), STANDARD.encode(vec![7; len]).len());
        }
    }
}
