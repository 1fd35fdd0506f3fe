//! Times drawn on pictures: white on a dark ground, in the bottom right corner.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, OutlinedGlyph, PxScale, ScaleFont, point};
use rushes_codec::image::Rgb;

/// DejaVu Sans Mono, cut down to digits, colon, dot and minus; its licence lies beside it.
const FONT: &[u8] = include_bytes!("../../assets/DejaVuSansMono-digits.ttf");
/// What the ground keeps of the picture: 60 % black.
const GROUND: f32 = 0.4;
/// No label is lower than this many pixels: below it digits cannot be told apart.
const LOWEST: u32 = 9;

static PARSED: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(FONT).ok());

/// A part of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// The height of a label (pixels) on a tile of this height: about a twelfth.
pub(super) fn height(tile: u32) -> u32 {
    tile.div_ceil(12).max(LOWEST)
}

/// Draws a time in the bottom right corner of an area, `height` pixels high; smaller where the area
/// is too narrow for it.
pub(super) fn draw(picture: &mut Rgb, area: Area, text: &str, height: u32) {
    let Some(font) = PARSED.as_ref() else { return };
    let margin = f32::from(u16::try_from(height).unwrap_or(u16::MAX)) * 0.25;
    let natural = width_of(font, text, height as f32);
    let fit = ((area.width as f32 - 2.0 * margin) / natural).clamp(0.1, 1.0);
    let scale = height as f32 * fit;
    let width = (width_of(font, text, scale) + 2.0 * margin).ceil() as u32;
    let (width, height) = (width.min(area.width), height.min(area.height));
    let ground = Area {
        left: area.left + area.width - width,
        top: area.top + area.height - height,
        width,
        height,
    };
    darken(picture, ground);
    for glyph in outlines(font, text, scale, ground, margin) {
        whiten(picture, ground, &glyph);
    }
}

fn width_of(font: &FontRef<'_>, text: &str, scale: f32) -> f32 {
    let font = font.as_scaled(PxScale::from(scale));
    text.chars().map(|letter| font.h_advance(font.glyph_id(letter))).sum()
}

/// The letters in their places: from the margin on, upright in the middle.
fn outlines(
    font: &FontRef<'_>,
    text: &str,
    scale: f32,
    ground: Area,
    margin: f32,
) -> Vec<OutlinedGlyph> {
    let scaled = font.as_scaled(PxScale::from(scale));
    // Digits have no descenders: centred by the height of a digit, not by the line's.
    let digit = scaled.glyph_bounds(&scaled.scaled_glyph('0'));
    let tall = scaled
        .outline_glyph(scaled.scaled_glyph('0'))
        .map_or(digit.height(), |digit| digit.px_bounds().height());
    let base = ground.top as f32 + (ground.height as f32 + tall) / 2.0;
    let mut left = ground.left as f32 + margin;
    let mut letters = Vec::with_capacity(text.len());
    for letter in text.chars() {
        let id = scaled.glyph_id(letter);
        let glyph = Glyph { id, scale: PxScale::from(scale), position: point(left, base.round()) };
        left += scaled.h_advance(id);
        letters.extend(font.outline_glyph(glyph));
    }
    letters
}

fn darken(picture: &mut Rgb, ground: Area) {
    for row in ground.top..ground.top + ground.height {
        for column in ground.left..ground.left + ground.width {
            for channel in pixel(picture, column, row) {
                *channel = (f32::from(*channel) * GROUND) as u8;
            }
        }
    }
}

fn whiten(picture: &mut Rgb, ground: Area, glyph: &OutlinedGlyph) {
    let bounds = glyph.px_bounds();
    glyph.draw(|x, y, coverage| {
        let column = bounds.min.x + x as f32;
        let row = bounds.min.y + y as f32;
        let inside = column >= ground.left as f32
            && row >= ground.top as f32
            && column < (ground.left + ground.width) as f32
            && row < (ground.top + ground.height) as f32;
        if !inside {
            return;
        }
        for channel in pixel(picture, column as u32, row as u32) {
            let lift = (255.0 - f32::from(*channel)) * coverage.clamp(0.0, 1.0);
            *channel = (f32::from(*channel) + lift) as u8;
        }
    });
}

/// The three bytes of a pixel; none outside the picture.
fn pixel(picture: &mut Rgb, column: u32, row: u32) -> &mut [u8] {
    let at = (row as usize * picture.width as usize + column as usize) * 3;
    if column >= picture.width {
        return &mut [];
    }
    picture.data.get_mut(at..at + 3).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32) -> Rgb {
        Rgb { width, height, data: vec![200; (width * height * 3) as usize] }
    }

    fn brightness(picture: &Rgb, column: u32, row: u32) -> u8 {
        picture.data[((row * picture.width + column) * 3) as usize]
    }

    #[test]
    fn the_font_has_every_letter_of_a_time() {
        let font = PARSED.as_ref().unwrap();
        for letter in "0123456789:.-".chars() {
            let id = font.glyph_id(letter);
            assert!(id.0 != 0 && font.outline(id).is_some(), "{letter:?}");
        }
    }

    #[test]
    fn a_label_is_white_on_dark_in_its_corner_only() {
        let mut picture = grey(448, 252);
        let area = Area { left: 0, top: 0, width: 448, height: 252 };
        draw(&mut picture, area, "12:34.5", height(252));
        let corner: Vec<u8> = (232..252)
            .flat_map(|y| (370..448).map(move |x| (x, y)))
            .map(|(x, y)| brightness(&picture, x, y))
            .collect();
        assert!(corner.contains(&255) || corner.iter().any(|level| *level > 250), "no white");
        assert!(corner.contains(&80), "no ground");
        assert_eq!(brightness(&picture, 100, 245), 200);
        assert_eq!(brightness(&picture, 440, 200), 200);
    }

    #[test]
    fn different_times_look_different() {
        let drawn = |text| {
            let mut picture = grey(448, 252);
            draw(&mut picture, Area { left: 0, top: 0, width: 448, height: 252 }, text, 21);
            picture
        };
        assert_ne!(drawn("0:12.4"), drawn("0:12.5"));
        assert_eq!(drawn("0:12.4"), drawn("0:12.4"));
    }

    #[test]
    fn areas_too_small_for_a_label_are_no_trouble() {
        for (width, height) in [(1, 1), (8, 4), (64, 3), (3, 64)] {
            let mut picture = grey(width, height);
            draw(&mut picture, Area { left: 0, top: 0, width, height }, "1:02:03.4", 21);
            assert_eq!(picture.data.len(), (width * height * 3) as usize);
        }
    }
}
