//! Sizes and encodings of the pictures in answers.

use bytes::Bytes;
use rushes_codec::image::{self, Format, Limits, Rgb};

use super::frame::Width;
use super::sheet::ImageFormat;
use crate::error::{Error, Kind as ErrorKind, Result};

/// Quality of lossy pictures in answers, 0 to 100.
const QUALITY: f32 = 85.0;
/// Pixels of an `overview` and of a `detail`: both whole numbers of the patches (28 and 32 pixels)
/// that models bill by.
const OVERVIEW: u32 = 448;
const DETAIL: u32 = 896;
/// The patch that sides of an `overview` and a `detail` are whole numbers of.
const PATCH: u32 = 28;

impl Width {
    /// Refuses widths out of bounds.
    pub(super) fn check(self) -> Result<Self> {
        match self {
            Self::Pixels(pixels) if !(16..=4096).contains(&pixels) => {
                let message = format!("width must be 16 to 4096 pixels, not {pixels}");
                Err(Error::invalid(message))
            }
            width => Ok(width),
        }
    }

    /// The size that a picture of this size (pixels) gets: never larger, and in its shape but for
    /// the rounding of `overview` and `detail` down to whole patches, as models do it themselves.
    pub(super) fn of(self, (width, height): (u32, u32)) -> (u32, u32) {
        match self {
            Self::Full => (width, height),
            Self::Pixels(wanted) => narrowed((width, height), wanted),
            Self::Overview => whole_patches(narrowed((width, height), OVERVIEW)),
            Self::Detail => whole_patches(narrowed((width, height), DETAIL)),
        }
    }
}

/// A size of this width at most, in the same shape.
pub(super) fn narrowed((width, height): (u32, u32), wanted: u32) -> (u32, u32) {
    if width <= wanted {
        return (width, height);
    }
    let height = f64::from(height) * f64::from(wanted) / f64::from(width);
    (wanted, (height.round() as u32).max(1))
}

/// Each side down to a whole number of patches; sides shorter than one stay.
fn whole_patches((width, height): (u32, u32)) -> (u32, u32) {
    let whole = |side: u32| if side < PATCH { side } else { side - side % PATCH };
    (whole(width), whole(height))
}

impl ImageFormat {
    /// The codec's name for it.
    pub(super) fn codec(self) -> Format {
        match self {
            Self::Jpeg => Format::Jpeg,
            Self::Webp => Format::WebP,
            Self::Png => Format::Png,
        }
    }
}

/// Encodes a picture at this size.
pub(super) fn encoded(picture: &Rgb, size: (u32, u32), format: Format) -> Result<Bytes> {
    let bytes = if (picture.width, picture.height) == size {
        image::encode(picture, format, QUALITY)?
    } else {
        image::encode(&image::resize(picture, size.0, size.1)?, format, QUALITY)?
    };
    Ok(bytes.into())
}

/// A stored picture, decoded.
pub(super) fn decoded(bytes: &[u8]) -> Result<Rgb> {
    Ok(image::decode(bytes, Limits::default())?)
}

/// Runs work on pixels apart from the async threads.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| {
        Error::caused(ErrorKind::Internal, "work on a picture was interrupted", error)
    })?
}

/// `count` of `of` places, evenly spread, beginning with the first; all of them when there are
/// fewer.
pub(super) fn evenly(of: usize, count: usize) -> Vec<usize> {
    let count = count.min(of);
    (0..count).map(|n| n * of / count).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn named_widths_are_whole_patches_and_nothing_is_enlarged() {
        assert_eq!(Width::Overview.of((1280, 720)), (448, 252));
        assert_eq!(Width::Detail.of((1280, 720)), (896, 504));
        assert_eq!(Width::Detail.of((640, 480)), (616, 476));
        assert_eq!(Width::Overview.of((720, 1280)), (448, 784));
        assert_eq!(Width::Overview.of((20, 10)), (20, 10));
        assert_eq!(Width::Full.of((641, 479)), (641, 479));
        assert_eq!(Width::Pixels(100).of((1280, 720)), (100, 56));
        assert_eq!(Width::Pixels(4096).of((1280, 720)), (1280, 720));
    }

    #[test]
    fn widths_out_of_bounds_are_refused() {
        for pixels in [0, 15, 4097, u32::MAX] {
            assert!(Width::Pixels(pixels).check().is_err(), "{pixels}");
        }
        assert!(Width::Pixels(16).check().is_ok());
    }

    #[test]
    fn an_even_choice_begins_with_the_first() {
        assert_eq!(evenly(10, 5), [0, 2, 4, 6, 8]);
        assert_eq!(evenly(3, 9), [0, 1, 2]);
        assert_eq!(evenly(7, 3), [0, 2, 4]);
        assert!(evenly(0, 3).is_empty());
    }

    proptest! {
        #[test]
        fn any_shape_has_a_size(width in 1..20_000u32, height in 1..20_000u32, wanted in 16..4096u32) {
            for width_wanted in [Width::Overview, Width::Detail, Width::Full, Width::Pixels(wanted)] {
                let (w, h) = width_wanted.of((width, height));
                prop_assert!(w >= 1 && h >= 1 && w <= width && h <= height);
            }
        }

        #[test]
        fn an_even_choice_is_strictly_ascending(of in 0..500usize, count in 1..100usize) {
            let chosen = evenly(of, count);
            prop_assert_eq!(chosen.len(), count.min(of));
            prop_assert!(chosen.is_sorted_by(|a, b| a < b) && chosen.iter().all(|&n| n < of));
        }
    }
}
