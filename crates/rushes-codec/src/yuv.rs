//! From a decoder's planar picture to RGB.

use crate::error::Result;
use crate::image::{Rgb, Yuv420};

impl Yuv420 {
    /// The picture as RGB, by BT.601 in limited range (ITU-R BT.601-7, with the coefficients in
    /// 1/65536); each chroma sample colours its two by two pixels. Fails when the data is not as
    /// long as the size asks.
    pub fn to_rgb(&self) -> Result<Rgb> {
        let [luma, u, v] = self.planes()?;
        let width = self.width as usize;
        let chroma_width = width.div_ceil(2);
        let mut data = Vec::with_capacity(luma.len() * 3);
        let chroma_rows = u.chunks(chroma_width).zip(v.chunks(chroma_width));
        let row_pairs = luma.chunks(width * 2).zip(chroma_rows);
        for (pair, (u, v)) in row_pairs {
            for row in pair.chunks(width) {
                let samples = row.chunks(2).zip(u.iter().zip(v));
                for (pixels, (&u, &v)) in samples {
                    let tint = Tint::of(u, v);
                    data.extend(pixels.iter().flat_map(|&luma| tint.over(luma)));
                }
            }
        }
        Ok(Rgb { width: self.width, height: self.height, data })
    }
}

/// What a chroma sample adds to red, green and blue, in 1/65536.
struct Tint([i32; 3]);

impl Tint {
    fn of(u: u8, v: u8) -> Self {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        Self([104_597 * v, -25_675 * u - 53_279 * v, 132_201 * u])
    }

    fn over(&self, luma: u8) -> [u8; 3] {
        let luma = (i32::from(luma) - 16) * 76_309 + (1 << 15);
        self.0.map(|tint| ((luma + tint) >> 16).clamp(0, 255) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(width: u32, height: u32, [y, u, v]: [u8; 3]) -> Yuv420 {
        let chroma = (width.div_ceil(2) * height.div_ceil(2)) as usize;
        let mut data = vec![y; (width * height) as usize];
        data.extend(vec![u; chroma]);
        data.extend(vec![v; chroma]);
        Yuv420 { width, height, data }
    }

    #[test]
    fn the_primaries_come_back() {
        let cases = [
            ([16, 128, 128], [0, 0, 0]),
            ([235, 128, 128], [255, 255, 255]),
            ([81, 90, 240], [254, 0, 0]),
            ([145, 54, 34], [0, 255, 1]),
            ([41, 240, 110], [0, 0, 255]),
        ];
        for (yuv, rgb) in cases {
            let picture = flat(2, 2, yuv).to_rgb().unwrap();
            assert_eq!(picture.data[..3], rgb, "{yuv:?}");
        }
    }

    #[test]
    fn odd_sizes_keep_every_pixel() {
        for (width, height) in [(1, 1), (3, 5), (4, 3), (5, 2)] {
            let picture = flat(width, height, [100, 128, 128]).to_rgb().unwrap();
            assert_eq!(picture.data.len(), (width * height * 3) as usize, "{width}x{height}");
        }
    }

    #[test]
    fn each_pixel_takes_its_own_chroma() {
        let mut picture = flat(4, 2, [128, 128, 128]);
        // The right half is red: V of the second column.
        picture.data[8 + 2 + 1] = 255;
        let rgb = picture.to_rgb().unwrap();
        let red: Vec<u8> = rgb.data.chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(red[0], red[1]);
        assert!(red[2] > red[1] && red[2] == red[3] && red[6] == red[2], "{red:?}");
    }

    #[test]
    fn data_of_a_wrong_length_is_refused() {
        let mut picture = flat(4, 4, [0, 0, 0]);
        picture.data.pop();
        assert!(picture.to_rgb().is_err());
    }
}
