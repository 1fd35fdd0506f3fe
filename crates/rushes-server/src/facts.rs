//! What is told of a picture or clip beside its bytes; the same on every face.

use rushes::answer::{Cell, Clip, FrameImage, ImageTokens, Sheet};
use rushes::read::Served;
use serde::Serialize;
use utoipa::ToSchema;

use crate::words::moment;

/// What is true of a frame's image.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FrameFacts {
    /// The video's id.
    pub(crate) video: String,
    /// The frame's presentation timestamp, seconds.
    pub(crate) at: f64,
    /// The same as a clock shows it, `H:MM:SS.mmm`.
    pub(crate) time: String,
    /// Its number, counted from 0.
    pub(crate) number: Option<u64>,
    /// Whether the timestamp was estimated.
    pub(crate) estimated: bool,
    /// Whether this is the very frame that was asked for.
    pub(crate) exact: bool,
    /// A stable reference, when the frame is stored.
    pub(crate) reference: Option<String>,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
    /// The image's media type.
    pub(crate) media_type: String,
    /// Bytes of the image; 0 on a dry run.
    pub(crate) bytes: usize,
    /// What the image costs, by model family.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub(crate) tokens: ImageTokens,
    /// Who answered.
    #[serde(skip_serializing_if = "Served::is_told_apart")]
    pub(crate) served: Served,
}

impl From<&FrameImage> for FrameFacts {
    fn from(frame: &FrameImage) -> Self {
        Self {
            video: frame.video.clone(),
            at: frame.at,
            time: moment(frame.at),
            number: frame.number,
            estimated: frame.estimated,
            exact: frame.exact,
            reference: frame.reference.clone(),
            width: frame.width,
            height: frame.height,
            media_type: frame.media_type.to_owned(),
            bytes: frame.image.len(),
            tokens: frame.tokens.clone(),
            served: frame.served,
        }
    }
}

impl FrameFacts {
    /// One line for people and models: time, number, size, reference and cost.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} {}x{}", self.time, self.width, self.height);
        if let Some(number) = self.number {
            line += &format!(" frame {number}");
        }
        if let Some(reference) = &self.reference {
            line += &format!(" {reference}");
        }
        if self.estimated {
            line += " (time estimated)";
        }
        if !self.exact {
            line += " (the nearest stored frame before: the video file is gone)";
        }
        format!("{line} · {}", cost(&self.tokens))
    }
}

/// What is true of a contact sheet.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SheetFacts {
    /// The video's id.
    pub(crate) video: String,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
    /// The cells in reading order; none is blank.
    pub(crate) cells: Vec<Cell>,
    /// Frames of the window, of which the cells are an even choice.
    pub(crate) frames: usize,
    /// What the cells show, as text for the model.
    pub(crate) text: String,
    /// The image's media type.
    pub(crate) media_type: String,
    /// Bytes of the image; 0 on a dry run.
    pub(crate) bytes: usize,
    /// What the image costs, by model family.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub(crate) tokens: ImageTokens,
    /// Who answered.
    #[serde(skip_serializing_if = "Served::is_told_apart")]
    pub(crate) served: Served,
}

impl From<&Sheet> for SheetFacts {
    fn from(sheet: &Sheet) -> Self {
        Self {
            video: sheet.video.clone(),
            width: sheet.width,
            height: sheet.height,
            cells: sheet.cells.clone(),
            frames: sheet.frames,
            text: sheet.text.clone(),
            media_type: sheet.media_type.to_owned(),
            bytes: sheet.image.len(),
            tokens: sheet.tokens.clone(),
            served: sheet.served,
        }
    }
}

/// What is true of a clip.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ClipFacts {
    /// The video's id.
    pub(crate) video: String,
    /// The true first timestamp, seconds.
    pub(crate) from: f64,
    /// The true end, seconds.
    pub(crate) to: f64,
    /// Its length, seconds.
    pub(crate) duration: f64,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
    /// The file's media type.
    pub(crate) media_type: String,
    /// Bytes of the file; 0 on a dry run.
    pub(crate) bytes: usize,
    /// What it costs a model that sees it as pictures, one for each second begun, by family.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub(crate) tokens: ImageTokens,
    /// Who answered.
    #[serde(skip_serializing_if = "Served::is_told_apart")]
    pub(crate) served: Served,
}

impl From<&Clip> for ClipFacts {
    fn from(clip: &Clip) -> Self {
        Self {
            video: clip.video.clone(),
            from: clip.from,
            to: clip.to,
            duration: clip.to - clip.from,
            width: clip.width,
            height: clip.height,
            media_type: clip.media_type.to_owned(),
            bytes: clip.file.len(),
            tokens: clip.tokens.clone(),
            served: clip.served,
        }
    }
}

/// Costs on one line: `tokens: claude 144, gpt-4o 255`.
pub(crate) fn cost(tokens: &ImageTokens) -> String {
    let each: Vec<String> = tokens.iter().map(|(family, n)| format!("{family} {n}")).collect();
    format!("tokens: {}", each.join(", "))
}

/// The name of the tier that answered.
pub(crate) fn tier(served: &Served) -> &'static str {
    use rushes::read::Tier;
    match served.tier {
        Tier::Memory => "memory",
        Tier::Redis => "redis",
        Tier::Disk => "disk",
        Tier::Store => "store",
        Tier::Video => "video",
    }
}
