//! Which decoded frames leave ffmpeg, as an expression of its filter `select`.

use std::fmt::Write;

/// Most bytes of filters on a command line; Linux allows 128 KiB an argument.
pub(super) const MOST_BYTES: usize = 64 << 10;

/// An expression that is true for each of these ascending stamps, and for all after the last, so
/// that a reader sees when one is missing. A binary tree: its cost a frame grows with the
/// logarithm of the list.
pub(super) fn these(stamps: &[i64]) -> String {
    let mut text = String::with_capacity(stamps.len() * 32);
    tree(stamps, &mut text);
    if let Some(last) = stamps.last() {
        let _ = write!(text, "+gt(pts,{last})");
    }
    text
}

fn tree(stamps: &[i64], text: &mut String) {
    let (left, right) = stamps.split_at(stamps.len() / 2);
    match (left, right) {
        (_, []) => text.push('0'),
        ([], [only, ..]) => {
            let _ = write!(text, "eq(pts,{only})");
        }
        (_, [middle, ..]) => {
            let _ = write!(text, "if(lt(pts,{middle}),");
            tree(left, text);
            text.push(',');
            tree(right, text);
            text.push(')');
        }
    }
}

/// The first decoded frame too: where a seek landed.
pub(super) fn with_landing(select: &str) -> String {
    format!("eq(n,0)+{select}")
}

/// All after a stamp.
pub(super) fn after(stamp: i64) -> String {
    format!("gt(pts,{stamp})")
}

/// The first frame and each whose scene score exceeds `threshold` (0 to 1); or of these only what
/// comes after a stamp.
pub(super) fn scenes(threshold: f64, after: Option<i64>) -> String {
    match after {
        Some(stamp) => format!("gt(scene,{threshold})*gt(pts,{stamp})"),
        None => format!("gt(scene,{threshold})+eq(n,0)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_asks_for_each_stamp_and_for_what_comes_after() {
        assert_eq!(these(&[7]), "eq(pts,7)+gt(pts,7)");
        assert_eq!(these(&[-3, 5]), "if(lt(pts,5),eq(pts,-3),eq(pts,5))+gt(pts,5)");
    }
}
