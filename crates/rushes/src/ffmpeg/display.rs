//! How the decoded pictures of a stream become what a person sees: rotation, pixel shape, colour.

use super::build::Build;

/// The orientation of the coded picture on screen, named after the ffmpeg filter that sets it
/// right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Turn {
    /// Shown as coded.
    #[default]
    Upright = 0,
    /// A quarter clockwise.
    Clockwise = 1,
    /// Half a turn.
    Half = 2,
    /// A quarter counter-clockwise.
    Counterclockwise = 3,
    /// Upside down, as in a mirror below.
    FlipVertical = 4,
    /// As in a mirror beside.
    FlipHorizontal = 5,
    /// A quarter clockwise, then mirrored.
    ClockwiseFlip = 6,
    /// A quarter counter-clockwise, then mirrored.
    CounterclockwiseFlip = 7,
}

impl Turn {
    const ALL: [Self; 8] = [
        Self::Upright,
        Self::Clockwise,
        Self::Half,
        Self::Counterclockwise,
        Self::FlipVertical,
        Self::FlipHorizontal,
        Self::ClockwiseFlip,
        Self::CounterclockwiseFlip,
    ];

    /// The turn with this number.
    pub(super) fn from_code(code: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// From degrees clockwise, as the `rotate` tag of old files gives them.
    pub(super) fn from_degrees(clockwise: f64) -> Self {
        match (clockwise / 90.0).round().rem_euclid(4.0) {
            1.0 => Self::Clockwise,
            2.0 => Self::Half,
            3.0 => Self::Counterclockwise,
            _ => Self::Upright,
        }
    }

    /// From a display matrix (a b u, c d v, x y w; the picture's axes map to (a, b) and (c, d)).
    /// Slants are taken to the nearest quarter.
    pub(super) fn from_matrix([a, b, _, c, d, ..]: [i64; 9]) -> Self {
        let mirrored = a * d - b * c < 0;
        let degrees = (b as f64).atan2(a as f64).to_degrees();
        match (Self::from_degrees(degrees), mirrored) {
            (turn, false) => turn,
            (Self::Clockwise, true) => Self::CounterclockwiseFlip,
            (Self::Half, true) => Self::FlipHorizontal,
            (Self::Counterclockwise, true) => Self::ClockwiseFlip,
            (_, true) => Self::FlipVertical,
        }
    }

    /// Degrees clockwise that a player turns the picture by; mirrorings not counted.
    pub(super) fn degrees(self) -> u32 {
        match self {
            Self::Clockwise | Self::ClockwiseFlip => 90,
            Self::Half => 180,
            Self::Counterclockwise | Self::CounterclockwiseFlip => 270,
            Self::Upright | Self::FlipVertical | Self::FlipHorizontal => 0,
        }
    }

    fn swaps_sides(self) -> bool {
        matches!(self.degrees(), 90 | 270)
    }

    fn filter(self) -> Option<&'static str> {
        Some(match self {
            Self::Upright => return None,
            Self::Clockwise => "transpose=clock",
            Self::Half => "hflip,vflip",
            Self::Counterclockwise => "transpose=cclock",
            Self::FlipVertical => "vflip",
            Self::FlipHorizontal => "hflip",
            Self::ClockwiseFlip => "transpose=clock_flip",
            Self::CounterclockwiseFlip => "transpose=cclock_flip",
        })
    }
}

/// What the light of a high-dynamic-range stream is coded with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Curve {
    /// Standard range: nothing to map.
    #[default]
    Standard = 0,
    /// SMPTE ST 2084 (HDR10, Dolby Vision base layers).
    Pq = 1,
    /// ARIB STD-B67.
    Hlg = 2,
}

impl Curve {
    /// The curve with this number.
    pub(super) fn from_code(code: u64) -> Option<Self> {
        [Self::Standard, Self::Pq, Self::Hlg].get(usize::try_from(code).ok()?).copied()
    }

    /// From ffprobe's `color_transfer`. Primaries say nothing about range, so they don't count.
    pub(super) fn from_transfer(transfer: Option<&str>) -> Self {
        match transfer {
            Some("smpte2084") => Self::Pq,
            Some("arib-std-b67") => Self::Hlg,
            _ => Self::Standard,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Standard => "bt709",
            Self::Pq => "smpte2084",
            Self::Hlg => "arib-std-b67",
        }
    }
}

/// The video stream that was chosen, and how its pictures are displayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Display {
    /// The stream's index in its file.
    pub(crate) stream: u32,
    /// Width and height as coded, pixels.
    pub(crate) coded: (u32, u32),
    /// Width of a pixel to its height.
    pub(crate) aspect: (u32, u32),
    /// Orientation.
    pub(crate) turn: Turn,
    /// Transfer curve.
    pub(crate) curve: Curve,
    /// The file says which colour matrix it uses.
    pub(crate) matrix_known: bool,
    /// The file says which primaries it uses.
    pub(crate) primaries_known: bool,
}

impl Display {
    /// Displayed width and height in square pixels, after rotation.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.turned(self.square())
    }

    /// Displayed size with its longest edge at most `edge`; never enlarged.
    pub(crate) fn fit(&self, edge: u32) -> (u32, u32) {
        self.turned(self.fit_unturned(edge))
    }

    /// The same with both sides rounded down to even numbers, as video encoders want them.
    pub(crate) fn even_fit(&self, edge: u32) -> (u32, u32) {
        self.turned(self.even_unturned(edge))
    }

    fn even_unturned(&self, edge: u32) -> (u32, u32) {
        let (width, height) = self.fit_unturned(edge);
        ((width & !1).max(2), (height & !1).max(2))
    }

    fn square(&self) -> (u32, u32) {
        let (width, height) = self.coded;
        let (x, y) = (u64::from(self.aspect.0.max(1)), u64::from(self.aspect.1.max(1)));
        let wide = (u64::from(width) * x + y / 2) / y;
        (u32::try_from(wide).unwrap_or(u32::MAX).max(1), height.max(1))
    }

    fn fit_unturned(&self, edge: u32) -> (u32, u32) {
        let (width, height) = self.square();
        let longest = width.max(height);
        if longest <= edge {
            return (width, height);
        }
        let shrink = |side: u32| {
            let exact = u64::from(side) * u64::from(edge) + u64::from(longest) / 2;
            u32::try_from(exact / u64::from(longest)).unwrap_or(edge).max(1)
        };
        (shrink(width), shrink(height))
    }

    fn turned(&self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.turn.swaps_sides() { (height, width) } else { (width, height) }
    }

    /// The filters that turn decoded pictures into 8-bit 4:2:0, BT.601 limited range, of the size
    /// that [`Display::fit`] names. Shrinking comes first: the others then have less to do.
    pub(super) fn filters(&self, edge: u32, build: &Build) -> String {
        self.filters_to(self.fit_unturned(edge), build)
    }

    /// The same of the size that [`Display::even_fit`] names.
    pub(super) fn even_filters(&self, edge: u32, build: &Build) -> String {
        self.filters_to(self.even_unturned(edge), build)
    }

    fn filters_to(&self, (width, height): (u32, u32), build: &Build) -> String {
        let pixels = if self.tone_mapped(build) {
            self.tone_map(width, height)
        } else {
            format!("scale=w={width}:h={height}:out_color_matrix=bt601:out_range=tv,format=yuv420p")
        };
        match self.turn.filter() {
            Some(turn) => format!("{pixels},{turn},setsar=1"),
            None => format!("{pixels},setsar=1"),
        }
    }

    /// Whether high dynamic range is mapped to a standard screen's with this build of ffmpeg.
    pub(super) fn tone_mapped(&self, build: &Build) -> bool {
        self.curve != Curve::Standard && build.zscale
    }

    /// To linear light with 100 cd/m2 as white, BT.709 primaries, the Hable curve, and back.
    fn tone_map(&self, width: u32, height: u32) -> String {
        let matrix = if self.matrix_known { "" } else { ":min=bt2020nc" };
        let primaries = if self.primaries_known { "" } else { ":pin=bt2020" };
        let curve = self.curve.name();
        format!(
            "zscale=w={width}:h={height}:tin={curve}{matrix}{primaries}:t=linear:npl=100,\
             format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,\
             zscale=t=bt709:m=170m:r=limited,format=yuv420p"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step on screen, as (right, down).
    type Step = (i64, i64);

    /// Where each turn's filter carries what is to the right and what is below.
    const CARRIED: [(Turn, Step, Step); 8] = [
        (Turn::Upright, (1, 0), (0, 1)),
        (Turn::Clockwise, (0, 1), (-1, 0)),
        (Turn::Half, (-1, 0), (0, -1)),
        (Turn::Counterclockwise, (0, -1), (1, 0)),
        (Turn::FlipVertical, (1, 0), (0, -1)),
        (Turn::FlipHorizontal, (-1, 0), (0, 1)),
        (Turn::ClockwiseFlip, (0, -1), (-1, 0)),
        (Turn::CounterclockwiseFlip, (0, 1), (1, 0)),
    ];

    #[test]
    fn a_display_matrix_names_the_turn_that_does_the_same_mirrored_or_not() {
        for (turn, right, below) in CARRIED {
            let one = 1 << 16;
            let matrix =
                [right.0 * one, right.1 * one, 0, below.0 * one, below.1 * one, 0, 0, 0, 1 << 30];
            assert_eq!(Turn::from_matrix(matrix), turn);
        }
    }
}
