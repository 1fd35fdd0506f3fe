//! A contact sheet: the frames of a window in one image.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::tokens::ImageTokens;
use crate::read::Served;

/// How images are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// JPEG, quality 85: what every model takes.
    #[default]
    Jpeg,
    /// WebP, quality 85.
    Webp,
    /// PNG.
    Png,
}

/// Where each cell says its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    /// In the bottom right corner of the picture.
    #[default]
    Corner,
    /// In a strip below the picture.
    Strip,
    /// Nowhere; the cell map says it.
    None,
}

/// Asks for a contact sheet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SheetRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// From this second of media time; the beginning when not given.
    pub from: Option<f64>,
    /// To this second; the end when not given.
    pub to: Option<f64>,
    /// Columns, 1 to 8; 3 when not given.
    pub columns: Option<u32>,
    /// Rows, 1 to 8; 3 when not given. More than 16 cells need `force`.
    pub rows: Option<u32>,
    /// Width of a cell in pixels, 64 to 1024; 448 when not given.
    pub cell: Option<u32>,
    /// Where the times stand.
    pub labels: Labels,
    /// JPEG when not given.
    pub format: Option<ImageFormat>,
    /// Allow more than 16 cells.
    pub force: bool,
    /// State size, cells and cost, send no image.
    pub dry_run: bool,
}

/// One cell of a sheet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cell {
    /// Counted from 1 in reading order.
    pub n: u32,
    /// Row, from 1.
    pub row: u32,
    /// Column, from 1.
    pub column: u32,
    /// The frame's presentation timestamp, seconds.
    pub at: f64,
    /// The frame's reference.
    pub reference: String,
}

/// A contact sheet.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The video's id.
    pub video: String,
    /// The encoded image; empty on a dry run.
    pub image: Bytes,
    /// Its media type.
    pub media_type: &'static str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The cells; none is blank.
    pub cells: Vec<Cell>,
    /// How many frames the window holds, of which the cells are an even choice.
    pub frames: usize,
    /// What the cells show, as text for the model.
    pub text: String,
    /// A strong entity tag: the BLAKE3 hash of the image.
    pub etag: String,
    /// What it costs, by model family.
    pub tokens: ImageTokens,
    /// Who answered.
    pub served: Served,
}
