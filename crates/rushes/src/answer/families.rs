//! What a picture costs in tokens, by model family: one formula, and a table of its numbers.
//!
//! Models bill a picture by the patches (or tiles) that it is cut into after the family's own
//! shrinking. The families differ in numbers only, so they are data: [`builtin`] holds what was
//! measured or documented, and the setting `families` changes a row or adds one.

use serde::{Deserialize, Serialize};

use super::tokens::ImageTokens;

/// How one family of vision models counts a picture: `base + ceil(patches * per_patch)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelFamily {
    /// Its name, as answers show it.
    pub name: String,
    /// Tokens of every picture, whatever its size.
    pub base: u64,
    /// Side of a patch or tile in pixels; 0 when only `base` counts.
    pub patch: u32,
    /// Tokens of one patch.
    pub per_patch: f64,
    /// Whether a side is taken to the nearest number of patches (else to the next greater).
    pub nearest: bool,
    /// Pictures are shrunk to this longest edge, in pixels.
    pub long_edge: Option<u32>,
    /// Then to this shortest edge, in pixels.
    pub short_edge: Option<u32>,
    /// Then to this many patches.
    pub cap: Option<u64>,
}

impl Default for ModelFamily {
    fn default() -> Self {
        Self {
            name: String::new(),
            base: 0,
            patch: 0,
            per_patch: 1.0,
            nearest: false,
            long_edge: None,
            short_edge: None,
            cap: None,
        }
    }
}

impl ModelFamily {
    /// Tokens of a picture of `width` x `height` pixels.
    pub fn tokens(&self, width: u32, height: u32) -> u64 {
        if self.patch == 0 {
            return self.base;
        }
        let (width, height) = self.shrunk(f64::from(width), f64::from(height));
        let patches = self.patches(width, height);
        // The small step back keeps a product such as 1.2 * 105 from counting as one more.
        self.base + (patches as f64 * self.per_patch - 1e-6).ceil().max(0.0) as u64
    }

    fn patches(&self, width: f64, height: f64) -> u64 {
        let count = |side: f64| {
            let patches = side / f64::from(self.patch);
            // Ties to even, as Python's `round` in the published preprocessors.
            let whole =
                if self.nearest { patches.round_ties_even() } else { (patches - 1e-9).ceil() };
            whole.max(1.0) as u64
        };
        count(width).saturating_mul(count(height))
    }

    /// The size after the family's own shrinking; pictures are never enlarged.
    fn shrunk(&self, width: f64, height: f64) -> (f64, f64) {
        let fit =
            |edge: f64, limit: Option<u32>| limit.map_or(1.0, |to| f64::from(to) / edge).min(1.0);
        let scale = fit(width.max(height), self.long_edge);
        let (width, height) = (width * scale, height * scale);
        let scale = fit(width.min(height), self.short_edge);
        self.capped(width * scale, height * scale)
    }

    /// The largest size of the same shape whose patches keep the cap: the scale by area is a first
    /// guess, which rounding to whole patches can overshoot.
    fn capped(&self, mut width: f64, mut height: f64) -> (f64, f64) {
        let Some(cap) = self.cap.filter(|cap| *cap > 0) else { return (width, height) };
        let area = (cap as f64) * f64::from(self.patch).powi(2);
        if self.patches(width, height) > cap {
            let scale = (area / (width * height)).sqrt().min(1.0);
            (width, height) = (width * scale, height * scale);
        }
        while self.patches(width, height) > cap && width.max(height) > 1.0 {
            (width, height) = (width * 0.995, height * 0.995);
        }
        (width, height)
    }
}

/// The families known from the start. Measured on published request logs (`claude_*`, `gpt_patch`,
/// `gemini`) or taken from the models' own preprocessors and documentation (`gpt_tile`, `qwen*`).
pub fn builtin() -> Vec<ModelFamily> {
    let patches =
        |name: &str, patch| ModelFamily { name: name.into(), patch, ..Default::default() };
    let claude = |name, cap, edge| ModelFamily {
        cap: Some(cap),
        long_edge: Some(edge),
        ..patches(name, 28)
    };
    let qwen =
        |name, patch| ModelFamily { nearest: true, cap: Some(16_384), ..patches(name, patch) };
    vec![
        claude("claude_std", 1568, 1568),
        claude("claude_hi", 4784, 2576),
        ModelFamily { per_patch: 1.2, cap: Some(2450), ..patches("gpt_patch", 32) },
        ModelFamily {
            base: 85,
            per_patch: 170.0,
            long_edge: Some(2048),
            short_edge: Some(768),
            ..patches("gpt_tile", 512)
        },
        qwen("qwen2_5", 28),
        qwen("qwen3", 32),
        ModelFamily { name: "gemini".into(), base: 1100, ..Default::default() },
    ]
}

/// The built-in families with the changes laid over them: a row of a known name takes its place,
/// others are added.
pub fn with_changes(changes: &[ModelFamily]) -> Vec<ModelFamily> {
    let mut families = builtin();
    for change in changes {
        match families.iter_mut().find(|family| family.name == change.name) {
            Some(family) => *family = change.clone(),
            None => families.push(change.clone()),
        }
    }
    families
}

/// Reads a setting's text: a TOML array of inline tables, as
/// `[{ name = "mine", patch = 14, cap = 4096 }]`. The error says what was wanted.
pub fn read(text: &str) -> Result<Vec<ModelFamily>, String> {
    #[derive(Deserialize)]
    struct Table {
        families: Vec<ModelFamily>,
    }
    let wanted = |why: String| {
        format!("model families, as [{{ name = \"mine\", patch = 28, cap = 4096 }}] ({why})")
    };
    let table: Table = toml::from_str(&format!("families = {text}"))
        .map_err(|error| wanted(error.message().to_owned()))?;
    match table.families.iter().find(|family| !family.is_sound()) {
        Some(family) => Err(wanted(format!("{:?} has no name or impossible numbers", family.name))),
        None => Ok(table.families),
    }
}

impl ModelFamily {
    fn is_sound(&self) -> bool {
        let edges = [self.long_edge, self.short_edge];
        !self.name.is_empty()
            && self.per_patch.is_finite()
            && (0.0..=1e6).contains(&self.per_patch)
            && edges.into_iter().flatten().all(|edge| edge > 0)
    }
}

/// What a picture of `width` x `height` pixels costs, by family.
pub(super) fn price(families: &[ModelFamily], width: u32, height: u32) -> ImageTokens {
    families.iter().map(|family| (family.name.clone(), family.tokens(width, height))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(name: &str, width: u32, height: u32) -> u64 {
        let families = builtin();
        families.iter().find(|family| family.name == name).unwrap().tokens(width, height)
    }

    /// Width, height, then Claude, GPT by patches, GPT by tiles, Qwen 2.5, Qwen 3, Gemini, as the
    /// providers bill them.
    const BILLED: [(u32, u32, [u64; 6]); 5] = [
        (448, 252, [144, 135, 255, 144, 112, 1100]),
        (512, 288, [209, 173, 255, 180, 144, 1100]),
        (768, 432, [448, 404, 425, 405, 336, 1100]),
        (896, 504, [576, 538, 425, 576, 448, 1100]),
        (1344, 756, [1296, 1210, 1105, 1296, 1008, 1100]),
    ];

    #[test]
    fn the_families_count_as_their_providers_bill() {
        let names = ["claude_std", "gpt_patch", "gpt_tile", "qwen2_5", "qwen3", "gemini"];
        for (width, height, billed) in BILLED {
            let counted = names.map(|name| cost(name, width, height));
            assert_eq!(counted, billed, "{width}x{height}");
            assert_eq!(cost("claude_hi", width, height), billed[0]);
        }
    }

    #[test]
    fn large_pictures_are_shrunk_to_the_cap_and_not_further() {
        for (width, height) in [(1920, 1080), (1568, 1568), (4000, 3000), (1080, 1920), (9000, 100)]
        {
            for family in builtin() {
                let (Some(cap), patch) = (family.cap, family.patch) else { continue };
                let (w, h) = family.shrunk(f64::from(width), f64::from(height));
                let patches = family.patches(w, h);
                assert!(patches <= cap, "{} {width}x{height}: {patches}", family.name);
                if family.long_edge.is_none() && family.patches(width.into(), height.into()) > cap {
                    let row = u64::from((w.max(h) / f64::from(patch)) as u32) + 1;
                    assert!(patches + 2 * row > cap, "{}: {patches} wastes the cap", family.name);
                }
            }
        }
    }

    #[test]
    fn a_setting_changes_a_row_or_adds_one() {
        let changes =
            read("[{ name = 'gemini', base = 258 }, { name = 'mine', patch = 14 }]").unwrap();
        let families = with_changes(&changes);
        assert_eq!(families.len(), builtin().len() + 1);
        let prices = price(&families, 28, 14);
        assert_eq!((prices["gemini"], prices["mine"]), (258, 2));
    }

    #[test]
    fn a_wrong_setting_says_what_was_wanted() {
        for text in
            ["3", "[{ nme = 'x' }]", "[{ patch = 3 }]", "[{ name = 'x', per_patch = nan }]", "["]
        {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("model families, as"), "{text}: {error}");
        }
    }
}
