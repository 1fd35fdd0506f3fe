//! The plan of a contact sheet, and its picture: cells in reading order, none blank.

use bytes::Bytes;
use rushes_codec::image::{Format, Rgb, resize};

use super::label::{self, Area};
use super::picture::{decoded, encoded, narrowed};
use super::sheet::Labels;
use crate::error::{Error, Kind as ErrorKind, Result};

/// The longest edge (pixels) of a sheet whose cell width was not asked for: what models look at
/// without shrinking it.
const MODEL_EDGE: u32 = 1568;
/// The longest edge of any sheet, in pixels.
const LONGEST_EDGE: u32 = 8192;

/// Sizes of a sheet in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) columns: u32,
    pub(super) rows: u32,
    /// Width and height of each picture.
    pub(super) tile: (u32, u32),
    /// Height of the strip below each picture; 0 for none.
    pub(super) strip: u32,
}

/// One picture of a sheet, as stored, and its label; an empty label is not drawn.
pub(super) struct Tile {
    pub(super) picture: Bytes,
    pub(super) label: String,
}

impl Grid {
    /// Plans `cells` pictures of this shape in at most `columns`. A wanted cell width is kept (never
    /// enlarging); else cells are 448 wide, or less so that the sheet suits a model's input.
    pub(super) fn plan(
        cells: u32,
        columns: u32,
        shape: (u32, u32),
        cell: Option<u32>,
        labels: Labels,
    ) -> Result<Self> {
        let columns = columns.min(cells).max(1);
        let rows = cells.div_ceil(columns);
        let of_width = |width: u32| {
            let tile = narrowed(shape, width);
            let strip = if labels == Labels::Strip { label::height(tile.1) } else { 0 };
            Self { columns, rows, tile, strip }
        };
        let grid = match cell {
            Some(width) => of_width(width),
            None => {
                let fits = |width: &u32| of_width(*width).edge() <= MODEL_EDGE;
                of_width((16..=448).rev().find(fits).unwrap_or(16))
            }
        };
        if grid.edge() > LONGEST_EDGE {
            let fitting = (16..1024).rev().find(|width| of_width(*width).edge() <= LONGEST_EDGE);
            let remedy = fitting.map_or_else(
                || "ask for fewer rows or columns".to_owned(),
                |width| format!("cell={width} fits"),
            );
            let message = format!(
                "the sheet would be {}x{} pixels; at most {LONGEST_EDGE} a side: {remedy}",
                grid.size().0,
                grid.size().1
            );
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok(grid)
    }

    /// Width and height of the sheet.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.columns * self.tile.0, self.rows * (self.tile.1 + self.strip))
    }

    /// Row and column of a cell, from 0.
    pub(super) fn place(&self, cell: u32) -> (u32, u32) {
        (cell / self.columns, cell % self.columns)
    }

    fn edge(&self) -> u32 {
        self.size().0.max(self.size().1)
    }

    /// Draws and encodes the sheet.
    pub(super) fn draw(&self, tiles: &[Tile], format: Format) -> Result<Bytes> {
        let (width, height) = self.size();
        let mut sheet = Rgb::filled(width, height, [0, 0, 0])?;
        for (cell, tile) in (0..).zip(tiles) {
            let (row, column) = self.place(cell);
            let area = Area {
                left: column * self.tile.0,
                top: row * (self.tile.1 + self.strip),
                width: self.tile.0,
                height: self.tile.1 + self.strip,
            };
            let picture = decoded(&tile.picture)?;
            paste(&mut sheet, &resize(&picture, self.tile.0, self.tile.1)?, area);
            if !tile.label.is_empty() {
                label::draw(&mut sheet, area, &tile.label, label::height(self.tile.1));
            }
        }
        encoded(&sheet, (width, height), format)
    }
}

/// Copies a picture to the top left of an area.
fn paste(sheet: &mut Rgb, picture: &Rgb, area: Area) {
    let (sheet_row, row) = (sheet.width as usize * 3, picture.width as usize * 3);
    let rows = sheet.data.chunks_exact_mut(sheet_row).skip(area.top as usize);
    let left = area.left as usize * 3;
    for (to, from) in rows.zip(picture.data.chunks_exact(row)) {
        if let Some(to) = to.get_mut(left..left + row) {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(cells: u32, columns: u32, shape: (u32, u32), cell: Option<u32>) -> Grid {
        Grid::plan(cells, columns, shape, cell, Labels::Corner).unwrap()
    }

    #[test]
    fn the_usual_sheet_is_what_models_see_unshrunk() {
        assert_eq!(plan(9, 3, (1280, 720), None).size(), (1344, 756));
        assert_eq!(plan(16, 4, (1280, 720), None).tile.0, 392);
        let portrait = plan(9, 3, (720, 1280), None);
        assert!(portrait.size().1 <= MODEL_EDGE && portrait.size().1 > 1540, "{portrait:?}");
    }

    #[test]
    fn there_are_no_more_rows_and_columns_than_cells_fill() {
        let five = plan(5, 3, (1280, 720), Some(448));
        assert_eq!((five.columns, five.rows, five.size()), (3, 2, (1344, 504)));
        assert_eq!((five.place(0), five.place(3), five.place(4)), ((0, 0), (1, 0), (1, 1)));
        assert_eq!(plan(2, 3, (1280, 720), Some(448)).size(), (896, 252));
    }

    #[test]
    fn pictures_are_not_enlarged_and_a_strip_adds_its_height() {
        assert_eq!(plan(1, 3, (320, 240), Some(448)).size(), (320, 240));
        let strip = Grid::plan(4, 2, (1280, 720), Some(448), Labels::Strip).unwrap();
        assert_eq!(strip.size(), (896, 2 * (252 + 21)));
    }

    #[test]
    fn a_sheet_beyond_bounds_says_what_would_fit() {
        let error = Grid::plan(64, 8, (720, 7200), Some(1024), Labels::Corner).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let fits: u32 = error
            .to_string()
            .rsplit_once("cell=")
            .unwrap()
            .1
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(Grid::plan(64, 8, (720, 7200), Some(fits), Labels::Corner).is_ok());
        assert!(Grid::plan(64, 8, (720, 7200), Some(fits + 1), Labels::Corner).is_err());
    }

    #[test]
    fn each_picture_is_in_its_cell() {
        let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];
        let tiles: Vec<Tile> = colours
            .iter()
            .map(|colour| {
                let picture = Rgb::filled(64, 36, *colour).unwrap();
                Tile {
                    picture: encoded(&picture, (64, 36), Format::Png).unwrap(),
                    label: String::new(),
                }
            })
            .collect();
        let grid = plan(3, 2, (64, 36), Some(64));
        let sheet = decoded(&grid.draw(&tiles, Format::Png).unwrap()).unwrap();
        assert_eq!((sheet.width, sheet.height), (128, 72));
        let at = |x: usize, y: usize| {
            let at = (y * 128 + x) * 3;
            [sheet.data[at], sheet.data[at + 1], sheet.data[at + 2]]
        };
        assert_eq!([at(10, 10), at(100, 10), at(10, 60)], colours);
        assert_eq!(at(100, 60), [0, 0, 0]);
    }
}
