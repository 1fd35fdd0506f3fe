//! Images in answers: each after a text block with its time, and no more than a client can take.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResult, ContentBlock};
use rushes::answer::{FrameImage, Sheet};
use rushes::{Error, ErrorKind, Result};
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

    /// Refuses more images than an answer may carry, before any is made.
    pub(super) fn check_count(&self, count: usize) -> Result<()> {
        if count <= self.images {
            return Ok(());
        }
        Err(too_large(format!(
            "{count} images were asked for and an answer carries at most {}: ask with count={}, \
             or for a part of the window at a time, or for a sheet",
            self.images, self.images
        )))
    }

    fn check_bytes(&self, bytes: usize, fitting: impl FnOnce() -> String) -> Result<()> {
        if bytes <= self.bytes {
            return Ok(());
        }
        Err(too_large(format!(
            "the images take {bytes} bytes and an answer carries at most {}: ask with {}",
            self.bytes,
            fitting()
        )))
    }
}

fn too_large(why: String) -> Error {
    Error::new(ErrorKind::TooLarge, why)
}

#[derive(Serialize)]
struct Frames {
    frames: Vec<FrameFacts>,
    limits: Limits,
}

/// Frames as blocks: for each a line with time, reference and cost, then the image.
pub(super) fn of_frames(frames: &[FrameImage]) -> Result<CallToolResult> {
    LIMITS.check_count(frames.len())?;
    let bytes = frames.iter().map(|frame| sent(&frame.image)).sum();
    LIMITS.check_bytes(bytes, || smaller(frames.len(), bytes))?;
    let facts: Vec<FrameFacts> = frames.iter().map(FrameFacts::from).collect();
    let mut blocks = Vec::with_capacity(2 * frames.len() + 1);
    for (frame, facts) in frames.iter().zip(&facts) {
        blocks.push(ContentBlock::text(facts.line()));
        push_image(&mut blocks, &frame.image, frame.media_type);
    }
    blocks.push(ContentBlock::text(LIMITS.line()));
    Ok(with_structure(blocks, &Frames { frames: facts, limits: LIMITS }))
}

#[derive(Serialize)]
struct SheetAnswer {
    sheet: SheetFacts,
    limits: Limits,
}

/// A sheet as blocks: what its cells show and its cost, then the image.
pub(super) fn of_sheet(sheet: &Sheet) -> Result<CallToolResult> {
    LIMITS.check_bytes(sent(&sheet.image), || {
        format!("a smaller cell (it has {} pixels across) or fewer rows and columns", sheet.width)
    })?;
    let text = format!("{}\n{}", sheet.text.trim_end(), cost(&sheet.tokens));
    let mut blocks = vec![ContentBlock::text(text)];
    push_image(&mut blocks, &sheet.image, sheet.media_type);
    blocks.push(ContentBlock::text(LIMITS.line()));
    Ok(with_structure(blocks, &SheetAnswer { sheet: sheet.into(), limits: LIMITS }))
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

/// Parameters that would fit, by the size of what did not.
fn smaller(count: usize, bytes: usize) -> String {
    match count * LIMITS.bytes / bytes.max(1) {
        _ if count == 1 => "width=detail or width=overview".to_owned(),
        0 => "width=overview and count=1".to_owned(),
        fitting => format!("width=overview, or count={fitting}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_images_are_refused_with_the_count_that_fits() {
        assert!(LIMITS.check_count(12).is_ok());
        let error = LIMITS.check_count(13).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("count=12"), "{error}");
    }

    #[test]
    fn too_many_bytes_are_refused_with_parameters_that_fit() {
        let error = LIMITS.check_bytes(2_000_000, || smaller(8, 2_000_000)).unwrap_err();
        assert!(error.to_string().contains("count=4"), "{error}");
        assert!(smaller(1, 2_000_000).contains("width=detail"));
        assert!(LIMITS.check_bytes(1_000_000, String::new).is_ok());
    }

    #[test]
    fn the_size_counted_is_the_size_sent() {
        for len in 0..10 {
            assert_eq!(sent(&vec![7; len]), STANDARD.encode(vec![7; len]).len());
        }
    }
}
