//! What is left of a picture when everything that harm changes is taken away.

use crate::error::Result;
use crate::image::Rgb;
use crate::phash::{Look, TILES_SIDE};

/// The similarity at which two pictures are taken for the same.
pub const DEFAULT_SIMILARITY: f32 = 0.95;

/// Bits by which the nearer of the two hashes may differ, per unit of doubt: 10 at 0.95.
const BITS: f32 = 200.0;
/// How much of a block's detail may be another, per unit of doubt: 1.6 of 2 at 0.95.
const DETAIL: f32 = 32.0;
/// Levels by which a tile of a picture without detail may differ, per unit of doubt: 10 at 0.95.
const LEVELS: f32 = 200.0;
/// Detail below this, in levels, is what a codec makes of a smooth surface.
const FAINT: f32 = 8.0;
/// Blocks a side, each of 8x8 tiles.
const BLOCKS: usize = 8;
/// Blocks with detail that make a picture one that can be told by its detail.
const TELLING: usize = 4;
/// A picture may be this much brighter or richer in contrast than its copy.
const GAIN: f32 = 2.0;

/// A picture's hashes and 64x64 tiles of its brightness: 4 KB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// 64-bit DCT hash of the layout.
    pub phash: u64,
    /// 64-bit gradient hash of the layout.
    pub dhash: u64,
    tiles: Vec<u8>,
}

impl From<&Look> for Print {
    fn from(look: &Look) -> Self {
        Self { phash: look.phash, dhash: look.dhash, tiles: look.tiles.clone() }
    }
}

impl Print {
    /// The print of a decoded picture.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when the picture has no pixels or not as many as it says.
    pub fn of(picture: &Rgb) -> Result<Self> {
        Ok(Self::from(&Look::of_luma(picture.width, picture.height, &picture.luma())?))
    }

    /// Bits by which the nearer of the two hashes differs, 0 to 64.
    pub fn distance(&self, other: &Self) -> u32 {
        let layout = (self.phash ^ other.phash).count_ones();
        layout.min((self.dhash ^ other.dhash).count_ones())
    }

    /// The distance beyond which no two pictures resemble one another: how far to look in an
    /// [`super::Index`] of either hash.
    pub fn radius(similarity: f32) -> u32 {
        (doubt(similarity) * BITS) as u32
    }

    /// Whether both show the same. `similarity` is 0 to 1, by default [`DEFAULT_SIMILARITY`]; 1
    /// asks for equal prints.
    ///
    /// *Detail* is what a tile differs by from the mean of the nine around it: brightness, fades
    /// and gradients leave it alone, and what a codec, a resizer or noise do to it is small beside
    /// it, while anything that moved has another. So the pictures are compared block by block, and
    /// one block with other detail makes them different. Two pictures nearly without detail (black,
    /// white, fog) are compared by brightness instead, strictly.
    pub fn resembles(&self, other: &Self, similarity: f32) -> bool {
        let doubt = doubt(similarity);
        if self.distance(other) as f32 > doubt * BITS || doubt == 0.0 {
            return self == other;
        }
        let (one, two) = (detail(&self.tiles), detail(&other.tiles));
        let compared = compared(&one, &two);
        let telling = compared.iter().filter(|block| block.strength > FAINT * FAINT).count();
        if telling < TELLING {
            let near = |(a, b): (&u8, &u8)| f32::from(a.abs_diff(*b)) <= doubt * LEVELS;
            return self.tiles.iter().zip(&other.tiles).all(near);
        }
        compared.iter().all(|block| block.other <= doubt * DETAIL)
    }
}

fn doubt(similarity: f32) -> f32 {
    if similarity.is_nan() { 0.0 } else { (1.0 - similarity).clamp(0.0, 1.0) }
}

/// One block of two pictures.
struct Block {
    /// Mean square of its detail in both, square levels.
    strength: f32,
    /// The part of it that is not shared: 0 when equal, 2 when they have nothing in common.
    other: f32,
}

fn compared(one: &[f32], two: &[f32]) -> Vec<Block> {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let gain = product(one, two) / product(two, two).max(1.0);
    let gain = gain.clamp(1.0 / GAIN, GAIN);
    let side = TILES_SIDE / BLOCKS;
    let mut sums = vec![[0.0; 3]; BLOCKS * BLOCKS];
    for (at, (a, b)) in one.iter().zip(two).enumerate() {
        let (row, column) = (at / TILES_SIDE / side, at % TILES_SIDE / side);
        if let Some([a2, b2, apart]) = sums.get_mut(row * BLOCKS + column) {
            let b = b * gain;
            *a2 += a * a;
            *b2 += b * b;
            *apart += (a - b) * (a - b);
        }
    }
    let tiles = (side * side) as f32;
    let block = |&[a2, b2, apart]: &[f32; 3]| {
        let strength = (a2 + b2) / 2.0 / tiles;
        Block { strength, other: apart / tiles / strength.max(FAINT * FAINT) }
    };
    sums.iter().map(block).collect()
}

/// By how many levels each tile differs from the mean of the nine around it; the border repeats.
fn detail(tiles: &[u8]) -> Vec<f32> {
    let last = TILES_SIDE - 1;
    let tile = |x: usize, y: usize| tiles.get(y * TILES_SIDE + x).copied().map_or(0.0, f32::from);
    let around = |at: usize| [at.saturating_sub(1), at, (at + 1).min(last)];
    let places = (0..TILES_SIDE).flat_map(|y| (0..TILES_SIDE).map(move |x| (x, y)));
    places
        .map(|(x, y)| {
            let nine = around(y).into_iter().flat_map(|y| around(x).map(|x| tile(x, y)));
            tile(x, y) - nine.sum::<f32>() / 9.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: u32 = 256;

    /// Leaves, in a wind that moved those right of `still` (pixels) by `moved`.
    fn leaves(still: u32, moved: u32, gain: f32) -> Print {
        let at = |x: u32, y: u32| {
            let x = if x < still { x } else { x + moved };
            let wave = (x as f32 / 5.0).sin() * (y as f32 / 7.0).cos() * 60.0;
            ((110.0 + wave + (x / 16 * 37 + y / 16 * 91) as f32 % 50.0) * gain) as u8
        };
        print(at)
    }

    fn print(level: impl Fn(u32, u32) -> u8) -> Print {
        let pixels = (0..SIDE * SIDE).map(|at| level(at % SIDE, at / SIDE));
        let data = pixels.flat_map(|level| [level; 3]).collect();
        Print::of(&Rgb { width: SIDE, height: SIDE, data }).unwrap()
    }

    #[test]
    fn brighter_is_the_same_and_moved_is_not() {
        let picture = leaves(SIDE, 0, 1.0);
        for gain in [0.8, 1.1] {
            assert!(picture.resembles(&leaves(SIDE, 0, gain), DEFAULT_SIMILARITY), "{gain}");
        }
        for still in [0, 128, 220] {
            let moved = leaves(still, 9, 1.0);
            assert!(!picture.resembles(&moved, DEFAULT_SIMILARITY), "moved right of {still}");
        }
    }

    #[test]
    fn flat_pictures_are_told_by_their_brightness() {
        let flat = |level| print(move |_, _| level);
        assert!(flat(16).resembles(&flat(20), DEFAULT_SIMILARITY));
        for (one, other) in [(16, 235), (16, 40), (200, 235)] {
            assert!(!flat(one).resembles(&flat(other), DEFAULT_SIMILARITY), "{one} and {other}");
        }
    }

    #[test]
    fn a_small_thing_on_a_flat_ground_is_seen() {
        let ball =
            |left: u32| print(move |x, y| if x / 20 == left && y / 20 == 3 { 200 } else { 90 });
        assert!(ball(2).resembles(&ball(2), DEFAULT_SIMILARITY));
        assert!(!ball(2).resembles(&ball(8), DEFAULT_SIMILARITY));
        assert!(!ball(2).resembles(&print(|_, _| 90), DEFAULT_SIMILARITY));
    }

    #[test]
    fn full_similarity_asks_for_equal_prints_and_nonsense_too() {
        let (picture, brighter) = (leaves(SIDE, 0, 1.0), leaves(SIDE, 0, 1.1));
        for similarity in [1.0, 2.0, f32::NAN] {
            assert!(picture.resembles(&picture, similarity));
            assert!(!picture.resembles(&brighter, similarity));
        }
    }
}
