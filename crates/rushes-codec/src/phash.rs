//! Perceptual hashes and "is this frame new?".
//!
//! Two questions are kept apart. The 64-bit hashes say whether two pictures have the same *layout*
//! and serve as search keys, but 64 bits cannot see a page number change on a slide. So two small
//! pictures confirm it cell by cell, and one cell that changed makes the frame new:
//!
//! - 64x64 *tiles*, each the mean of many pixels, in which a codec's noise nearly vanishes: they
//!   see what is broad and faint, such as a shadow or a fade;
//! - 256x256 *cells*, some 5x3 pixels of a 720p frame each: they see what is small and sharp, such
//!   as one changed digit. (In a wider tile the ink of a 3 and of an 8 weighs about the same.)
//!
//! On one-second steps of a static camera, codec noise stays under 8 levels in tiles and 22 in
//! cells, and a page number of 12-pixel type changes a cell of a 720p frame by 37: the default
//! limits of 10 and 26 lie between. Keeping a frame too many costs some bytes; dropping a changed
//! one loses evidence, so every doubt counts as a change.
//!
//! Compare a new frame with the last frame that was *kept*, not with the one before it: otherwise
//! a slow pan, in which each frame resembles the one before, collapses into its first frame.

use std::sync::LazyLock;

use fast_image_resize::FilterType;
use fast_image_resize::pixels::U8;

use crate::error::{Error, Result};
use crate::image::{Yuv420, resized};

/// The similarity at which ingest takes two frames for the same picture.
pub const DEFAULT_SIMILARITY: f32 = 0.95;

/// Cells a side of [`Look::cells`].
pub const CELLS_SIDE: usize = 256;
/// Tiles a side of [`Look::tiles`] and of each plane in [`Look::chroma`].
pub const TILES_SIDE: usize = 64;

/// What a frame looks like: enough to tell whether another is nearly the same picture. Some 80 KB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// 64-bit DCT hash of the layout.
    pub phash: u64,
    /// Which bits of the DCT hash are more than noise: few in a slide, none in a black frame.
    pub sure: u64,
    /// 64-bit gradient hash of the layout.
    pub dhash: u64,
    /// 64x64 luma tiles, row by row, each the mean of the pixels that it covers.
    pub tiles: Vec<u8>,
    /// 256x256 luma cells, likewise.
    pub cells: Vec<u8>,
    /// 64x64 U tiles, then 64x64 V tiles; empty when only luma was given.
    pub chroma: Vec<u8>,
    /// First 16 bytes of the BLAKE3 hash of the planes: equal only for identical pixels.
    pub digest: [u8; 16],
}

impl Look {
    /// The look of a picture, colours included: a light that turns from red to green changes it.
    pub fn of_yuv(picture: &Yuv420) -> Result<Self> {
        let [y, u, v] = picture.planes()?;
        let size = (picture.width.div_ceil(2), picture.height.div_ceil(2));
        let mut chroma = shrunk(u, size, TILES_SIDE)?;
        chroma.extend(shrunk(v, size, TILES_SIDE)?);
        let luma_only = Self::of_planes((picture.width, picture.height), y, &picture.data)?;
        Ok(Self { chroma, ..luma_only })
    }

    /// The look of a luma plane of `width * height` bytes.
    pub fn of_luma(width: u32, height: u32, luma: &[u8]) -> Result<Self> {
        let due = width as usize * height as usize;
        if due == 0 || luma.len() != due {
            let text = format!("luma of {width}x{height} has {} bytes, {due} are due", luma.len());
            return Err(Error::Invalid(text));
        }
        Self::of_planes((width, height), luma, luma)
    }

    fn of_planes(size: (u32, u32), luma: &[u8], all: &[u8]) -> Result<Self> {
        let cells = shrunk(luma, size, CELLS_SIDE)?;
        let tiles = shrunk(&cells, side(CELLS_SIDE), TILES_SIDE)?;
        let (phash, sure) = dct_hash(&shrunk(&tiles, side(TILES_SIDE), DCT_SIDE)?);
        Ok(Self {
            phash,
            sure,
            dhash: gradient_hash(&tiles)?,
            tiles,
            cells,
            chroma: Vec::new(),
            digest: digest(all),
        })
    }

    /// Whether the other is nearly the same picture. `similarity` is 0 to 1, by default
    /// [`DEFAULT_SIMILARITY`]: at most 3 of the 64 bits surely differ, no tile by more than 10 of 255
    /// levels *and* no cell by more than 26. Lower values widen all three in proportion; 1 asks
    /// for identical pixels. Pictures known by luma alone differ from those with colours.
    pub fn same_as(&self, other: &Self, similarity: f32) -> bool {
        if self.digest == other.digest {
            return true;
        }
        let doubt = 1.0 - similarity;
        if doubt.is_nan() || doubt <= 0.0 || self.chroma.len() != other.chroma.len() {
            return false;
        }
        self.hash_distance(other) <= (doubt * 64.0) as u32
            && all_within(&self.tiles, &other.tiles, doubt * TILE_LEVELS)
            && all_within(&self.chroma, &other.chroma, doubt * TILE_LEVELS)
            && all_within(&self.cells, &other.cells, doubt * CELL_LEVELS)
    }

    /// Bits by which the DCT hashes differ, 0 to 64, not counting what is noise in either. Near
    /// duplicates are at most 3 apart.
    pub fn hash_distance(&self, other: &Self) -> u32 {
        ((self.phash ^ other.phash) & self.sure & other.sure).count_ones()
    }
}

/// Levels by which a tile may differ per unit of doubt: 10 at a similarity of 0.95.
const TILE_LEVELS: f32 = 204.0;
/// The same for a cell: 26 at a similarity of 0.95.
const CELL_LEVELS: f32 = 522.0;
/// How far a coefficient must be from the median to be more than noise: four deviations of what
/// noise of 0.75 levels in each of the 32x32 pixels makes of it (the sum of 1024 pixels, each
/// weighed by two cosines, deviates by 16 times that of one pixel).
const NOISE: f32 = 4.0 * 16.0 * 0.75;
/// Side of the picture that the DCT hash is made of.
const DCT_SIDE: usize = 32;
/// Frequencies a side that make its bits.
const FREQUENCIES: usize = 8;

/// DCT-II basis vectors of the lowest frequencies.
static BASIS: LazyLock<[[f32; DCT_SIDE]; FREQUENCIES]> = LazyLock::new(|| {
    std::array::from_fn(|frequency| {
        std::array::from_fn(|at| {
            let angle = std::f32::consts::PI * frequency as f32 * (at as f32 + 0.5);
            (angle / DCT_SIDE as f32).cos()
        })
    })
});

/// One bit per low frequency of a 32x32 picture: whether it is above the median of all 64; and
/// which of these bits are sure.
fn dct_hash(picture: &[u8]) -> (u64, u64) {
    let project = |row: &[f32], basis: &[f32]| -> f32 {
        row.iter().zip(basis).map(|(value, weight)| value * weight).sum()
    };
    let mut columns = [[0.0; DCT_SIDE]; FREQUENCIES];
    for (y, row) in picture.chunks_exact(DCT_SIDE).take(DCT_SIDE).enumerate() {
        let row: Vec<f32> = row.iter().map(|&value| f32::from(value)).collect();
        for (column, basis) in columns.iter_mut().zip(BASIS.iter()) {
            if let Some(cell) = column.get_mut(y) {
                *cell = project(&row, basis);
            }
        }
    }
    let coefficients: Vec<f32> = BASIS
        .iter()
        .flat_map(|basis| columns.iter().map(|column| project(column, basis)))
        .collect();
    let mut sorted = coefficients.clone();
    sorted.sort_by(f32::total_cmp);
    let median = sorted.iter().skip(31).take(2).sum::<f32>() / 2.0;
    let hash = bits(coefficients.iter().map(|&value| value > median));
    let sure = bits(coefficients.iter().map(|&value| (value - median).abs() > NOISE));
    (hash, sure)
}

/// One bit per cell of a 9x8 picture: whether it is brighter than its right neighbour.
fn gradient_hash(tiles: &[u8]) -> Result<u64> {
    let small = resized::<U8>(tiles, side(TILES_SIDE), (9, 8), FilterType::Box)?;
    Ok(bits(
        small
            .chunks_exact(9)
            .flat_map(|row| row.iter().zip(row.iter().skip(1)))
            .map(|(left, right)| left > right),
    ))
}

fn bits(values: impl Iterator<Item = bool>) -> u64 {
    values.fold(0, |hash, bit| (hash << 1) | u64::from(bit))
}

/// A square of means: `cells` a side, whatever the plane's own shape.
fn shrunk(plane: &[u8], size: (u32, u32), cells: usize) -> Result<Vec<u8>> {
    resized::<U8>(plane, size, side(cells), FilterType::Box)
}

fn side(cells: usize) -> (u32, u32) {
    (cells as u32, cells as u32)
}

fn all_within(one: &[u8], other: &[u8], levels: f32) -> bool {
    one.iter().zip(other).all(|(a, b)| f32::from(a.abs_diff(*b)) <= levels)
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    let hash = blake3::hash(bytes);
    std::array::from_fn(|at| hash.as_bytes()[at])
}
