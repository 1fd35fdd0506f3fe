//! Into a budget of tokens: what matters most first, then shown in time order.

use rushes_store::Kind;

use super::clock;
use super::context::ContextLine;
use super::tokens::Tokenizer;

/// No token of the tokenizers stands for more bytes than this, so a line's length alone can tell
/// that it does not fit.
const LONGEST_TOKEN: usize = 128;
/// After this many lines that did not fit, the rest is left out unread.
const MISSES: usize = 64;

/// What was packed.
#[derive(Debug)]
pub(super) struct Packed {
    /// Heading and lines, each ended by a line break.
    pub(super) text: String,
    /// The lines in it, in time order.
    pub(super) lines: Vec<ContextLine>,
    /// Tokens of `text`.
    pub(super) tokens: usize,
    /// Lines that did not fit.
    pub(super) left_out: usize,
}

/// Packs lines (in time order) around the moment `focus` (seconds) into `budget` tokens.
///
/// The heading goes first, unless it would take more than half of the budget or leave no room for
/// any line. Lines follow by urgency, each that still fits; when not even one does, the most urgent
/// is cut at a word and ends with an ellipsis. `reach` (seconds) is how far from the focus the
/// lines lie at most.
pub(super) fn pack(
    heading: &str,
    lines: &[ContextLine],
    focus: f64,
    reach: f64,
    budget: usize,
    tokenizer: Tokenizer,
) -> Packed {
    let heading = format!("{heading}\n");
    let order = by_urgency(lines, focus, reach);
    let mut left = Budget { left: budget, tokenizer };
    if left.fits(&heading, budget / 2) {
        let chosen = choose(lines, &order, &mut left);
        if !chosen.is_empty() || lines.is_empty() {
            return finish(&heading, chosen, lines.len(), budget, tokenizer);
        }
    }
    let chosen = choose(lines, &order, &mut Budget { left: budget, tokenizer });
    finish("", chosen, lines.len(), budget, tokenizer)
}

/// A chosen line and its place among all.
type Chosen = (usize, ContextLine);

fn by_urgency(lines: &[ContextLine], focus: f64, reach: f64) -> Vec<(usize, &ContextLine)> {
    let mut order: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(place, line)| (urgency(line, focus, reach), (place, line)))
        .collect();
    order.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    order.into_iter().map(|(_, line)| line).collect()
}

fn choose(
    lines: &[ContextLine],
    order: &[(usize, &ContextLine)],
    left: &mut Budget,
) -> Vec<Chosen> {
    let mut chosen = Vec::with_capacity(lines.len().min(64));
    let mut misses = 0;
    for (place, line) in order {
        if misses >= MISSES {
            break;
        }
        if left.takes(&written(line)) {
            chosen.push((*place, (*line).clone()));
        } else {
            misses += 1;
        }
    }
    if let (true, Some((place, line))) = (chosen.is_empty(), order.first()) {
        chosen.extend(left.cut(line).map(|cut| (*place, cut)));
    }
    chosen
}

/// Puts the chosen lines in time order and counts the whole text: what is stated is what was
/// counted. Lines are counted apart before, which is exact because no token spans the break between
/// them; should a tokenizer ever disagree, the least urgent go until the text keeps the budget.
fn finish(
    heading: &str,
    mut chosen: Vec<Chosen>,
    of: usize,
    budget: usize,
    tokenizer: Tokenizer,
) -> Packed {
    loop {
        let mut shown = chosen.clone();
        shown.sort_by_key(|(place, _)| *place);
        let lines: Vec<ContextLine> = shown.into_iter().map(|(_, line)| line).collect();
        let text = lines.iter().fold(heading.to_owned(), |text, line| text + &written(line));
        let tokens = tokenizer.count(&text);
        if tokens <= budget {
            let left_out = of - lines.len();
            return Packed { text, lines, tokens, left_out };
        }
        if chosen.pop().is_none() {
            return Packed { text: String::new(), lines: Vec::new(), tokens: 0, left_out: of };
        }
    }
}

/// What is left of a budget.
struct Budget {
    left: usize,
    tokenizer: Tokenizer,
}

impl Budget {
    fn takes(&mut self, text: &str) -> bool {
        self.fits(text, self.left)
    }

    /// Takes the text's tokens if they are at most `most`.
    fn fits(&mut self, text: &str, most: usize) -> bool {
        if text.len() > most.saturating_mul(LONGEST_TOKEN) {
            return false;
        }
        let tokens = self.tokenizer.count(text);
        let fits = tokens <= most.min(self.left);
        if fits {
            self.left -= tokens;
        }
        fits
    }

    /// The line with as many of its words as fit; `None` when not even one does.
    fn cut(&mut self, line: &ContextLine) -> Option<ContextLine> {
        let ends: Vec<usize> = line.text.match_indices(' ').map(|(end, _)| end).collect();
        let with = |words: usize| {
            let text =
                ends.get(words - 1).and_then(|&end| line.text.get(..end)).unwrap_or_default();
            ContextLine { text: format!("{text} …"), ..line.clone() }
        };
        let possible = ends.len().min(self.left);
        let fitting = (1..=possible)
            .collect::<Vec<_>>()
            .partition_point(|&words| self.tokenizer.count(&written(&with(words))) <= self.left);
        let cut = (fitting > 0).then(|| with(fitting))?;
        self.takes(&written(&cut)).then_some(cut)
    }
}

/// How much later a line's turn comes: its distance from the focus, as a share of the reach, and a
/// handicap by kind. What was said and seen counts most, then other kinds, then objects (at the
/// focus as much as a caption half the reach away), then the pictures' mere existence.
fn urgency(line: &ContextLine, focus: f64, reach: f64) -> f64 {
    let handicap = match line.kind.as_str() {
        Kind::TRANSCRIPT | Kind::CAPTION => 0.0,
        Kind::OBJECT => 0.5,
        Kind::FRAME => 1.0,
        _ => 0.25,
    };
    let distance = (line.start - focus).max(focus - line.end).max(0.0);
    handicap + distance / reach.max(1e-3)
}

/// A line as written: `[reference] 0:12.480-0:15.120 caption: text`, with `(x3)` after the kind
/// when repeats were folded and `~` before an estimated time.
fn written(line: &ContextLine) -> String {
    let ContextLine { start, end, kind, text, reference, folded, estimated } = line;
    let about = if *estimated { "~" } else { "" };
    let span = match end > start {
        true => format!("{}-{}", clock::short(*start), clock::short(*end)),
        false => clock::moment(*start),
    };
    let repeats = match folded {
        2.. if ![Kind::OBJECT, Kind::FRAME].contains(&kind.as_str()) => format!(" (x{folded})"),
        _ => String::new(),
    };
    format!("[{reference}] {about}{span} {kind}{repeats}: {text}\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(start: f64, kind: &str, text: &str) -> ContextLine {
        ContextLine {
            start,
            end: start + 1.0,
            kind: kind.into(),
            text: text.into(),
            reference: format!("0123456789abcdef@{start:.3}-{:.3}#{kind}/7", start + 1.0),
            folded: 1,
            estimated: false,
        }
    }

    const HEADING: &str = "video 0123456789abcdef";

    fn packed(lines: &[ContextLine], focus: f64, budget: usize) -> Packed {
        pack(HEADING, lines, focus, 30.0, budget, Tokenizer::O200kBase)
    }

    #[test]
    fn a_line_says_reference_time_kind_and_text() {
        let mut said = line(12.48, "caption", "a dog");
        said.reference = "v@12.480-13.480#caption/7".into();
        assert_eq!(
            written(&said),
            "[v@12.480-13.480#caption/7] 0:12.480-0:13.480 caption: a dog\n"
        );
        said.folded = 3;
        said.estimated = true;
        assert!(written(&said).contains("] ~0:12.480-0:13.480 caption (x3): a dog"));
    }

    #[test]
    fn everything_fits_in_time_order_under_the_heading() {
        let lines = [line(1.0, "caption", "one"), line(2.0, "transcript", "two")];
        let packed = packed(&lines, 2.0, 2000);
        let shown: Vec<_> = packed.text.lines().collect();
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[0], "video 0123456789abcdef");
        assert!(shown[1].ends_with("caption: one") && shown[2].ends_with("transcript: two"));
        assert_eq!(packed.left_out, 0);
        assert_eq!(packed.tokens, Tokenizer::O200kBase.count(&packed.text));
    }

    #[test]
    fn the_nearest_comes_first_into_a_small_budget() {
        let lines: Vec<_> = (0..20).map(|n| line(f64::from(n), "caption", "a man walks")).collect();
        let packed = packed(&lines, 12.5, 90);
        let starts: Vec<_> = packed.lines.iter().map(|line| line.start).collect();
        assert!(!starts.is_empty() && starts.contains(&12.0), "{starts:?}");
        assert!(starts.iter().all(|start| (10.0..=14.0).contains(start)), "{starts:?}");
        assert_eq!(packed.left_out, 20 - starts.len());
    }

    #[test]
    fn words_come_before_objects_of_the_same_moment_and_before_pictures() {
        let lines = [
            line(5.0, "frame", "frame 1"),
            line(5.0, "object", "car"),
            line(5.0, "caption", "a car"),
        ];
        let one = Tokenizer::O200kBase.count(&format!("{HEADING}\n{}", written(&lines[2])));
        let packed = packed(&lines, 5.0, one);
        assert_eq!(
            packed.lines.iter().map(|line| line.kind.as_str()).collect::<Vec<_>>(),
            ["caption"]
        );
        assert!(urgency(&lines[1], 5.0, 30.0) < urgency(&line(22.0, "caption", "far"), 5.0, 30.0));
    }

    #[test]
    fn a_line_is_worth_more_than_the_heading() {
        let lines = [line(5.0, "caption", "a car")];
        let just = Tokenizer::O200kBase.count(&written(&lines[0]));
        let packed = packed(&lines, 5.0, just);
        assert_eq!((packed.text, packed.tokens), (written(&lines[0]), just));
    }

    #[test]
    fn a_single_long_text_is_cut_at_a_word() {
        let lines = [line(0.0, "transcript", &"many words ".repeat(500))];
        let packed = packed(&lines, 0.0, 100);
        assert!(packed.text.trim_end().ends_with('…'), "{}", packed.text);
        assert!(packed.tokens <= 100 && packed.tokens > 80, "{}", packed.tokens);
        assert_eq!(packed.left_out, 0);
    }

    fn any_line() -> impl Strategy<Value = ContextLine> {
        let kind = prop_oneof!["caption", "transcript", "object", "frame", "ocr"];
        (0.0..100.0f64, kind, "(\\PC{0,40}|[ /\\n'a-zé中0-9]{0,200})", 1..4usize).prop_map(
            |(start, kind, text, folded)| ContextLine {
                folded,
                ..line(start, &kind, &super::super::words::one_line(&text))
            },
        )
    }

    proptest! {
        #[test]
        fn the_budget_is_never_exceeded_and_the_count_is_exact(
            mut lines in proptest::collection::vec(any_line(), 0..30),
            budget in prop_oneof![1..50usize, 50..600usize],
            focus in 0.0..100.0f64,
            cl100k in any::<bool>(),
        ) {
            lines.sort_by(|a, b| a.start.total_cmp(&b.start));
            let tokenizer = if cl100k { Tokenizer::Cl100kBase } else { Tokenizer::O200kBase };
            let count = lines.len();
            let packed = pack("video x 0:00.000-1:00.000", &lines, focus, 30.0, budget, tokenizer);
            prop_assert!(packed.tokens <= budget);
            prop_assert_eq!(packed.tokens, tokenizer.count(&packed.text));
            prop_assert_eq!(packed.lines.len() + packed.left_out, count);
            prop_assert!(packed.lines.is_sorted_by(|a, b| a.start <= b.start));
        }

        /// What makes the incremental count right: no token spans the break between two lines.
        #[test]
        fn lines_cost_together_what_they_cost_apart(
            lines in proptest::collection::vec(any_line(), 0..8),
        ) {
            for tokenizer in [Tokenizer::O200kBase, Tokenizer::Cl100kBase] {
                let apart: usize = lines.iter().map(|line| tokenizer.count(&written(line))).sum();
                let whole: String = lines.iter().map(written).collect();
                prop_assert_eq!(tokenizer.count(&whole), apart);
            }
        }
    }
}
