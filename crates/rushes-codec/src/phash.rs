//! Perceptual hashes and "is this frame new?".
//!
//! Two questions are kept apart. The 64-bit hashes say whether two pictures have the same *layout*
//! (they also serve as search keys), but 64 bits cannot see a page number change on a slide. So a
//! small picture of 64x64 cells confirms it: two frames are the same only when *every* cell is,
//! which one changed digit or one small moving thing breaks. Keeping a frame too many costs some
//! bytes; dropping a changed one loses evidence, so every doubt counts as a change.
//!
//! Compare a new frame with the last frame that was *kept*, not with the one before it: otherwise
//! a slow pan, in which each frame resembles the one before, collapses into its first frame.

use std::sync::LazyLock;

use fast_image_resize::{FilterType, PixelType};

use crate::error::{Error, Result};
use crate::image::{Yuv420, resized};

/// Cells a side of [`Look::luma`].
pub const LUMA_SIDE: usize = 64;
/// Cells a side of each plane in [`Look::chroma`].
pub const CHROMA_SIDE: usize = 32;

/// The similarity at which ingest takes two frames for the same picture.
pub const DEFAULT_SIMILARITY: f32 = 0.95;

/// What a frame looks like: enough to tell whether another is nearly the same picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// 64-bit DCT hash of the layout.
    pub phash: u64,
    /// 64-bit gradient hash of the layout.
    pub dhash: u64,
    /// 64x64 luma cells, row by row, each the mean of the pixels that it covers.
    pub luma: Vec<u8>,
    /// 32x32 U cells, then 32x32 V cells; empty when only luma was given.
    pub chroma: Vec<u8>,
    /// First 16 bytes of the BLAKE3 hash of the planes: equal only for identical pixels.
    pub digest: [u8; 16],
}

impl Look {
    /// The look of a picture, colours included: a light that turns from red to green changes it.
    pub fn of_yuv(picture: &Yuv420) -> Result<Self> {
        let [y, u, v] = picture.planes()?;
        let mut look = Self::of_luma(picture.width, picture.height, y)?;
        let size = (picture.width.div_ceil(2), picture.height.div_ceil(2));
        look.chroma = cells(u, size, CHROMA_SIDE)?;
        look.chroma.extend(cells(v, size, CHROMA_SIDE)?);
        look.digest = digest(&picture.data);
        Ok(look)
    }

    /// The look of a luma plane of `width * height` bytes.
    pub fn of_luma(width: u32, height: u32, luma: &[u8]) -> Result<Self> {
        let due = width as usize * height as usize;
        if due == 0 || luma.len() != due {
            let text = format!("luma of {width}x{height} has {} bytes, {due} are due", luma.len());
            return Err(Error::Invalid(text));
        }
        let thumbnail = cells(luma, (width, height), LUMA_SIDE)?;
        Ok(Self {
            phash: dct_hash(&cells(&thumbnail, side(LUMA_SIDE), DCT_SIDE)?),
            dhash: gradient_hash(&thumbnail)?,
            luma: thumbnail,
            chroma: Vec::new(),
            digest: digest(luma),
        })
    }

    /// Whether the other is nearly the same picture. `similarity` is 0 to 1, default
    /// [`DEFAULT_SIMILARITY`]: at most 3 of the 64 bits differ *and* no cell by more than 9 of 255
    /// levels. 1 means identical pixels.
    pub fn same_as(&self, other: &Self, similarity: f32) -> bool {
        if self.digest == other.digest {
            return true;
        }
        let doubt = 1.0 - similarity.clamp(0.0, 1.0);
        if doubt <= 0.0 || similarity.is_nan() || self.chroma.len() != other.chroma.len() {
            return false;
        }
        let bits = (doubt * 64.0) as u32;
        let levels = (doubt * LEVELS_PER_DOUBT) as u8;
        let same_layout = self.hash_distance(other) <= bits || (self.is_flat() && other.is_flat());
        same_layout
            && greatest_difference(&self.luma, &other.luma) <= levels
            && greatest_difference(&self.chroma, &other.chroma) <= levels
    }

    /// Bits by which the DCT hashes differ: 0 to 64. Near duplicates are at most 3 apart.
    pub fn hash_distance(&self, other: &Self) -> u32 {
        (self.phash ^ other.phash).count_ones()
    }

    /// Whether hardly anything is to be seen: black, white, fog. The hashes of such a picture are
    /// the signs of its noise and say nothing.
    pub fn is_flat(&self) -> bool {
        let darkest = self.luma.iter().min();
        let brightest = self.luma.iter().max();
        brightest.zip(darkest).is_some_and(|(high, low)| high - low <= FLAT_LEVELS)
    }
}

/// Cell difference allowed per unit of doubt: 9 levels at the default similarity of 0.95.
const LEVELS_PER_DOUBT: f32 = 190.0;
/// Spread of cells up to which a picture is flat.
const FLAT_LEVELS: u8 = 8;
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

/// One bit per low frequency of a 32x32 picture: whether it is above the median of all 64.
fn dct_hash(picture: &[u8]) -> u64 {
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
    bits(coefficients.iter().map(|&value| value > median))
}

/// One bit per cell of a 9x8 picture: whether it is brighter than its right neighbour.
fn gradient_hash(thumbnail: &[u8]) -> Result<u64> {
    let small = resized(thumbnail, side(LUMA_SIDE), (9, 8), PixelType::U8, FilterType::Box)?;
    let rises = small.chunks_exact(9).flat_map(|row| row.windows(2).map(|pair| pair[0] > pair[1]));
    Ok(bits(rises))
}

fn bits(values: impl Iterator<Item = bool>) -> u64 {
    values.fold(0, |hash, bit| hash << 1 | u64::from(bit))
}

fn cells(plane: &[u8], size: (u32, u32), cells: usize) -> Result<Vec<u8>> {
    resized(plane, size, side(cells), PixelType::U8, FilterType::Box)
}

fn side(cells: usize) -> (u32, u32) {
    (cells as u32, cells as u32)
}

fn greatest_difference(one: &[u8], other: &[u8]) -> u8 {
    one.iter().zip(other).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    let hash = blake3::hash(bytes);
    std::array::from_fn(|at| hash.as_bytes()[at])
}
