//! A contact sheet: the frames of a window in one image.

use std::sync::Arc;

use bytes::Bytes;
use rushes_codec::image;
use rushes_store::{Entry, Kind, Video, Window};
use serde::{Deserialize, Serialize};

use super::cite::Reference;
use super::frame::tag;
use super::grid::{Grid, Tile};
use super::picture::{apart, evenly};
use super::tokens::ImageTokens;
use super::{clock, families, spot};
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::read::{From, Served, Tier, Watch};

/// Cells of a sheet without `force`.
const MOST_CELLS: u32 = 16;
/// Stored frames that a sheet can choose from.
const MOST_FRAMES: usize = 50_000;

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
#[cfg_attr(feature = "schema", schemars(extend("required" = ["video"])))]
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
    /// Width of a cell in pixels, 64 to 1024; when not given 448, or less where the sheet would be
    /// over 1568 pixels on an edge. Pictures are never enlarged.
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
    /// A strong entity tag: the BLAKE3 hash of the image; empty on a dry run.
    pub etag: String,
    /// What it costs, by model family.
    pub tokens: ImageTokens,
    /// Who answered.
    pub served: Served,
}

impl Rushes {
    /// A contact sheet: an even choice of the stored frames of a window in one image, in reading
    /// order, each with its time. Frames that repeat the picture before them are passed over, so a
    /// slide that stands for a minute takes one cell.
    ///
    /// Fails with [`ErrorKind::Invalid`] for arguments out of bounds, [`ErrorKind::TooLarge`] for
    /// more than 16 cells without `force` or a sheet over 8192 pixels (the message says what would
    /// fit), and [`ErrorKind::NotFound`] when no frame is stored in the window.
    pub async fn sheet(&self, request: &SheetRequest) -> Result<Sheet> {
        let mut watch = Watch::start();
        let ask = Ask::read(request)?;
        let video = watch.note(self.resolve(&request.video).await?);
        let kind = Kind::frame();
        let kinds = std::slice::from_ref(&kind);
        let frames = watch.note(self.window(&video, kinds, ask.window, MOST_FRAMES).await?);
        let distinct = distinct(&frames);
        if frames.len() >= MOST_FRAMES {
            return Err(too_many_frames(&ask));
        }
        let places = evenly(distinct.len(), (ask.columns * ask.rows) as usize);
        let chosen: Vec<&Entry> = places.iter().filter_map(|n| distinct.get(*n).copied()).collect();
        let Some(first) = chosen.first() else {
            return Err(self.no_frames(&video, &mut watch).await);
        };
        let shape = self.shape(&video, first, &mut watch).await?;
        let grid = Grid::plan(chosen.len() as u32, ask.columns, shape, ask.cell, ask.labels)?;
        let image = match ask.dry_run {
            true => Bytes::new(),
            false => watch.note(self.drawn(&video, &chosen, grid, &ask).await?),
        };
        let (width, height) = grid.size();
        Ok(Sheet {
            video: video.id.to_string(),
            etag: tag(&image),
            image,
            media_type: ask.format.codec().media_type(),
            width,
            height,
            cells: cells(&chosen, grid),
            frames: moments(&frames),
            text: description(&video, &chosen, grid, moments(&frames)),
            tokens: families::price(self.families(), width, height),
            served: watch.served(&self.inner.meter),
        })
    }

    /// The size of a stored frame, as its entry or its picture says.
    async fn shape(&self, video: &Video, frame: &Entry, watch: &mut Watch) -> Result<(u32, u32)> {
        if let Some(size) = spot::size(frame) {
            return Ok(size);
        }
        let blob = frame.blob.ok_or_else(|| Error::not_found("a stored frame has no picture"))?;
        let (_, width, height) = image::header(&watch.note(self.blob(&video.id, &blob).await?))?;
        Ok((width, height))
    }

    /// The sheet's image; cached by what is on it, so other frames make another sheet.
    async fn drawn(
        &self,
        video: &Video,
        chosen: &[&Entry],
        grid: Grid,
        ask: &Ask,
    ) -> Result<From<Bytes>> {
        let content: Vec<_> = chosen.iter().map(|frame| (frame.blob, frame.start)).collect();
        let format = ask.format.codec();
        let key = format!("{grid:?} {:?} {format:?} {content:?}", ask.labels);
        let key = format!("sheet/{}", tag(key.as_bytes()));
        let (rushes, id) = (self.clone(), video.id.clone());
        let labelled = ask.labels != Labels::None;
        self.derived(&video.id, key, Tier::Store, move || async move {
            let mut tiles = Vec::with_capacity(content.len());
            for (blob, at) in content {
                let Some(blob) = blob else { continue };
                let picture = rushes.blob(&id, &blob).await?.value;
                let label = if labelled { clock::label(at) } else { String::new() };
                tiles.push(Tile { picture, label });
            }
            apart(move || grid.draw(&tiles, format)).await
        })
        .await
    }
}

/// A sheet request, checked.
struct Ask {
    window: Window,
    columns: u32,
    rows: u32,
    cell: Option<u32>,
    labels: Labels,
    format: ImageFormat,
    dry_run: bool,
}

impl Ask {
    fn read(request: &SheetRequest) -> Result<Self> {
        let side = |name: &str, given: Option<u32>| match given.unwrap_or(3) {
            side if (1..=8).contains(&side) => Ok(side),
            side => Err(Error::invalid(format!("{name} must be 1 to 8, not {side}"))),
        };
        let (columns, rows) = (side("columns", request.columns)?, side("rows", request.rows)?);
        if let Some(cell) = request.cell.filter(|cell| !(64..=1024).contains(cell)) {
            return Err(Error::invalid(format!("cell must be 64 to 1024 pixels, not {cell}")));
        }
        if columns * rows > MOST_CELLS && !request.force {
            let message = format!(
                "{columns}x{rows} is {} cells and small cells are hard to read; at most \
                 {MOST_CELLS} without force: columns={columns} rows={} would fit",
                columns * rows,
                MOST_CELLS / columns
            );
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok(Self {
            window: Window::new(request.from, request.to)?,
            columns,
            rows,
            cell: request.cell,
            labels: request.labels,
            format: request.format.unwrap_or_default(),
            dry_run: request.dry_run,
        })
    }
}

/// Frames (in time order) with a picture other than the one before; of several at one time (from
/// several recipes) the largest.
fn distinct(frames: &[Arc<Entry>]) -> Vec<&Entry> {
    let frames = frames.iter().map(Arc::as_ref);
    let with_picture: Vec<&Entry> = frames.filter(|frame| frame.blob.is_some()).collect();
    let mut distinct: Vec<&Entry> = with_picture
        .chunk_by(|a, b| a.start == b.start)
        .filter_map(|same_time| same_time.iter().max_by_key(|frame| spot::size(frame)).copied())
        .collect();
    distinct.dedup_by_key(|frame| frame.blob);
    distinct
}

/// How many times have a stored frame.
fn moments(frames: &[Arc<Entry>]) -> usize {
    frames.chunk_by(|a, b| a.start == b.start).count()
}

fn cells(chosen: &[&Entry], grid: Grid) -> Vec<Cell> {
    let cell = |(n, frame): (u32, &&Entry)| {
        let (row, column) = grid.place(n);
        Cell {
            n: n + 1,
            row: row + 1,
            column: column + 1,
            at: frame.start,
            reference: Reference::of(frame).to_string(),
        }
    };
    (0..).zip(chosen).map(cell).collect()
}

/// One line for the model: the range, the grid, and each cell's time.
fn description(video: &Video, chosen: &[&Entry], grid: Grid, frames: usize) -> String {
    let first = chosen.first().map_or(0.0, |frame| frame.start);
    let last = chosen.last().map_or(0.0, |frame| frame.start);
    let times: Vec<String> = (1..)
        .zip(chosen)
        .map(|(n, frame): (u32, _)| format!("{n}={}", clock::moment(frame.start)))
        .collect();
    format!(
        "video {} from {} to {}: {} of {frames} frames, {} columns x {} rows in reading order: {}",
        video.id,
        clock::moment(first),
        clock::moment(last),
        chosen.len(),
        grid.columns,
        grid.rows,
        times.join(" ")
    )
}

fn too_many_frames(ask: &Ask) -> Error {
    let to = if ask.window.to == f64::MAX { "the end".into() } else { ask.window.to.to_string() };
    Error::new(
        ErrorKind::TooLarge,
        format!(
            "more than {MOST_FRAMES} frames are stored from {} to {to}; ask for a shorter window",
            ask.window.from.max(0.0)
        ),
    )
}

#[cfg(test)]
mod tests {
    use rushes_store::BlobHash;
    use serde_json::json;

    use super::*;
    use crate::answer::words::tests::entry;

    fn frame(id: i64, at: f64, picture: u8, width: u32) -> Entry {
        let data = json!({ "number": id, "width": width, "height": width });
        Entry { blob: Some(BlobHash([picture; 32])), ..entry(id, "frame", at, at, data) }
    }

    fn ids(frames: &[&Entry]) -> Vec<i64> {
        frames.iter().map(|frame| frame.id).collect()
    }

    #[test]
    fn a_picture_that_stands_takes_one_cell() {
        let frames = [
            frame(1, 0.0, 1, 100),
            frame(2, 1.0, 1, 100),
            frame(3, 2.0, 2, 100),
            frame(4, 3.0, 1, 100),
        ]
        .map(Arc::new);
        assert_eq!(ids(&distinct(&frames)), [1, 3, 4]);
        assert_eq!(moments(&frames), 4);
    }

    #[test]
    fn of_two_recipes_at_one_time_the_larger_picture_is_shown() {
        let frames = [frame(1, 0.0, 1, 100), frame(2, 0.0, 2, 200), frame(3, 1.0, 3, 100)];
        let frames = frames.map(Arc::new);
        assert_eq!(ids(&distinct(&frames)), [2, 3]);
        assert_eq!(moments(&frames), 2);
    }

    #[test]
    fn a_frame_without_a_picture_is_no_cell() {
        let bare = entry(1, "frame", 0.0, 0.0, json!({}));
        assert!(distinct(&[Arc::new(bare)]).is_empty());
    }

    #[test]
    fn bounds_are_named_and_too_many_cells_say_what_fits() {
        let refused = |request: SheetRequest| Ask::read(&request).err().unwrap();
        let base = SheetRequest::default;
        let error = refused(SheetRequest { columns: Some(5), rows: Some(6), ..base() });
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("columns=5 rows=3 would fit"), "{error}");
        let forced = SheetRequest { columns: Some(5), rows: Some(6), force: true, ..base() };
        assert!(Ask::read(&forced).is_ok());
        for request in [
            SheetRequest { columns: Some(0), ..base() },
            SheetRequest { rows: Some(9), ..base() },
            SheetRequest { cell: Some(63), ..base() },
            SheetRequest { from: Some(f64::NAN), ..base() },
            SheetRequest { from: Some(3.0), to: Some(2.0), ..base() },
        ] {
            assert_eq!(refused(request).kind(), ErrorKind::Invalid);
        }
    }

    #[test]
    fn cells_are_counted_in_reading_order() {
        let frames: Vec<Entry> = (0..5).map(|n| frame(n, n as f64, n as u8, 100)).collect();
        let chosen: Vec<&Entry> = frames.iter().collect();
        let grid = Grid::plan(5, 3, (100, 100), None, Labels::Corner).unwrap();
        let places: Vec<_> =
            cells(&chosen, grid).iter().map(|cell| (cell.n, cell.row, cell.column)).collect();
        assert_eq!(places, [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 1), (5, 2, 2)]);
    }
}
