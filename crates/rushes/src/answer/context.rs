//! Everything known around a moment or window, packed into a token budget.

use std::sync::Arc;

use rushes_store::{Entry, Kind, Timeline, Video, Window};
use serde::{Deserialize, Serialize};

use super::pack::{Packed, pack};
use super::tokens::Tokenizer;
use super::{clock, fold, words};
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::read::{self, Served, Watch};

/// Seconds before and after a moment, when no window is given.
const AROUND: f64 = 30.0;
/// Tokens, when no budget is given.
const USUAL: usize = 2000;
/// The greatest budget in tokens.
const MOST: usize = 1_000_000;
/// Entries of one kind that are looked at.
const ENTRIES: usize = 5000;
/// Letters of a video's name in the heading.
const NAME: usize = 80;

/// Asks for the context of a moment (`at`) or a window (`from`, `to`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["video"])))]
#[serde(default, deny_unknown_fields)]
pub struct ContextRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// The moment in seconds; what is nearest to it comes first into the budget.
    pub at: Option<f64>,
    /// From this second; with `at` and no window, 30 seconds before it.
    pub from: Option<f64>,
    /// To this second; with `at` and no window, 30 seconds after it.
    pub to: Option<f64>,
    /// Kinds; empty means all but frames' picture data.
    pub kinds: Vec<String>,
    /// The budget in tokens, 1 or more; 2000 when not given. Never exceeded by `text`.
    pub budget: Option<usize>,
    /// How tokens are counted.
    pub tokenizer: Tokenizer,
}

/// One line of a context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ContextLine {
    /// Start, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
    /// The kind.
    pub kind: String,
    /// What it says.
    pub text: String,
    /// A stable reference, as `1f3c...@12.480-15.120#caption/81`.
    pub reference: String,
    /// How many equal lines were folded into this one, itself included.
    pub folded: usize,
    /// Whether the times were estimated.
    pub estimated: bool,
}

/// What is known around a moment, in time order and within the budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Context {
    /// The video's id.
    pub video: String,
    /// From, seconds.
    pub from: f64,
    /// To, seconds.
    pub to: f64,
    /// The text for the model: one line for each of `lines`, after a heading.
    pub text: String,
    /// The lines.
    pub lines: Vec<ContextLine>,
    /// Tokens of `text`.
    pub tokens: usize,
    /// The budget that was kept.
    pub budget: usize,
    /// How they were counted.
    pub tokenizer: Tokenizer,
    /// Lines that did not fit, and entries that were not looked at because a kind has more than
    /// 5,000 in the window (of those at least this many).
    pub left_out: usize,
    /// Kinds that were never computed for this video (as opposed to: none found here).
    pub never_computed: Vec<String>,
    /// Who answered.
    #[serde(skip_serializing_if = "Served::is_told_apart")]
    pub served: Served,
}

impl Rushes {
    /// Everything known around a moment or in a window, in time order, packed into a token budget:
    /// the nearest and most informative first, repeats folded. A moment without a window takes 30
    /// seconds before and after it; neither takes the whole video.
    ///
    /// Fails when the video is unknown, when a time is negative, not finite or in the wrong order,
    /// or when the budget is 0 or over 1,000,000.
    pub async fn context(&self, request: &ContextRequest) -> Result<Context> {
        let mut watch = Watch::start();
        let ask = Ask::read(request)?;
        let video = watch.note(self.resolve(&request.video).await?);
        let known = watch.note(self.known(&video.id).await?);
        let window = ask.window.unwrap_or(Window::ALL);
        let (entries, unread) = self.surroundings(&video, &known, &ask, &mut watch).await?;
        let end = video.start + video.duration;
        if window.from >= end && entries.iter().all(Vec::is_empty) {
            let message = format!("{:?} ends at {end:.3} s: there is nothing after it", video.name);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let (from, to) = shown(&video, window);
        let heading = heading(&video, (from, to), &ask, &known, &entries);
        let packed = ask.pack(entries, heading, (from, to)).await?;
        Ok(Context {
            video: video.id.to_string(),
            from,
            to,
            text: packed.text,
            lines: packed.lines,
            tokens: packed.tokens,
            budget: ask.budget,
            tokenizer: ask.tokenizer,
            left_out: packed.left_out + unread,
            never_computed: read::never_computed(&ask.kinds, &known),
            served: watch.served(&self.inner.meter),
        })
    }

    /// The entries of each kind; where a kind has too many, those nearest to the focus. Tells how
    /// many, at least, were not read.
    async fn surroundings(
        &self,
        video: &Video,
        known: &[Timeline],
        ask: &Ask,
        watch: &mut Watch,
    ) -> Result<(Vec<Vec<Arc<Entry>>>, usize)> {
        let (mut all, mut unread) = (Vec::new(), 0);
        let asked = |kind: &Kind| ask.kinds.is_empty() || ask.kinds.contains(kind);
        for kind in known.iter().map(|timeline| &timeline.kind).filter(|kind| asked(kind)) {
            let kind = std::slice::from_ref(kind);
            let mut window = ask.window.unwrap_or(Window::ALL);
            let mut entries = watch.note(self.window(video, kind, window, ENTRIES).await?);
            let found = entries.len();
            let mut narrowed = shown(video, window);
            // Halving ends: after 40 steps a window of years is a few microseconds wide.
            for _ in 0..40 {
                if entries.len() < ENTRIES {
                    break;
                }
                narrowed = halved(narrowed, ask.focus(narrowed));
                window = Window { from: narrowed.0, to: narrowed.1 };
                entries = watch.note(self.window(video, kind, window, ENTRIES).await?);
            }
            unread += found - entries.len();
            all.push(entries);
        }
        Ok((all, unread))
    }
}

/// A context request, checked.
struct Ask {
    at: Option<f64>,
    /// `None`: the whole video.
    window: Option<Window>,
    kinds: Vec<Kind>,
    budget: usize,
    tokenizer: Tokenizer,
}

impl Ask {
    fn read(request: &ContextRequest) -> Result<Self> {
        let ContextRequest { at, from, to, .. } = *request;
        if at.is_some_and(|at| !at.is_finite() || at < 0.0) {
            return Err(Error::invalid("at must be 0 or more seconds"));
        }
        let budget = request.budget.unwrap_or(USUAL);
        if !(1..=MOST).contains(&budget) {
            return Err(Error::invalid(format!("budget must be 1 to {MOST} tokens, not {budget}")));
        }
        let window = match (at, from, to) {
            (None, None, None) => None,
            (Some(at), None, None) => Some(Window { from: at - AROUND, to: at + AROUND }),
            _ => Some(Window::new(from, to)?),
        };
        let kinds = read::kinds(&request.kinds)?;
        Ok(Self { at, window, kinds, budget, tokenizer: request.tokenizer })
    }

    /// What is nearest to this second comes first: the moment, else the middle.
    fn focus(&self, (from, to): (f64, f64)) -> f64 {
        self.at.unwrap_or(from + (to - from) / 2.0).clamp(from, to.max(from))
    }

    /// Folding and counting take the processor for a while, so they leave the async threads.
    async fn pack(
        &self,
        entries: Vec<Vec<Arc<Entry>>>,
        heading: String,
        span: (f64, f64),
    ) -> Result<Packed> {
        let focus = self.focus(span);
        let reach = (focus - span.0).max(span.1 - focus);
        let (budget, tokenizer) = (self.budget, self.tokenizer);
        tokio::task::spawn_blocking(move || {
            let lines = fold::lines(entries.iter().flatten().map(Arc::as_ref));
            pack(&heading, &lines, focus, reach, budget, tokenizer)
        })
        .await
        .map_err(|error| Error::caused(ErrorKind::Internal, "packing was interrupted", error))
    }
}

/// The window as far as the video goes.
fn shown(video: &Video, window: Window) -> (f64, f64) {
    let (start, end) = (video.start.min(0.0), video.start + video.duration);
    let from = window.from.max(start);
    (from, window.to.min(end).max(from))
}

/// Half of a span, as far as possible centred on the focus.
fn halved((from, to): (f64, f64), focus: f64) -> (f64, f64) {
    let quarter = (to - from) / 4.0;
    let middle = focus.clamp(from + quarter, to - quarter);
    (middle - quarter, middle + quarter)
}

/// The first line: which video and window, and which kinds were never computed as opposed to have
/// nothing here.
fn heading(
    video: &Video,
    (from, to): (f64, f64),
    ask: &Ask,
    known: &[Timeline],
    entries: &[Vec<Arc<Entry>>],
) -> String {
    let name: String = words::one_line(&video.name).chars().take(NAME).collect();
    let mut text =
        format!("video {} \"{name}\" {}-{}", video.id, clock::short(from), clock::short(to));
    let found = entries.iter().filter_map(|part| part.first()).map(|entry| &entry.kind);
    let absent: Vec<&str> = known
        .iter()
        .filter(|timeline| ask.kinds.is_empty() || ask.kinds.contains(&timeline.kind))
        .filter(|timeline| !found.clone().any(|kind| *kind == timeline.kind))
        .map(|timeline| timeline.kind.as_str())
        .collect();
    let never = read::never_computed(&ask.kinds, known);
    if !absent.is_empty() {
        text.push_str(&format!("; none found here: {}", absent.join(", ")));
    }
    if !never.is_empty() {
        text.push_str(&format!("; never computed: {}", never.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(at: Option<f64>, from: Option<f64>, to: Option<f64>) -> Result<Ask> {
        Ask::read(&ContextRequest { at, from, to, ..Default::default() })
    }

    #[test]
    fn a_moment_has_surroundings_and_a_window_is_kept() {
        let moment = ask(Some(42.0), None, None).unwrap();
        assert_eq!(moment.window, Some(Window { from: 12.0, to: 72.0 }));
        assert_eq!(moment.focus((12.0, 72.0)), 42.0);
        let window = ask(None, Some(10.0), Some(20.0)).unwrap();
        assert_eq!(window.focus((10.0, 20.0)), 15.0);
        assert_eq!(ask(Some(99.0), Some(10.0), Some(20.0)).unwrap().focus((10.0, 20.0)), 20.0);
        assert_eq!(ask(None, None, None).unwrap().window, None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let refused = |ask: Result<Ask>| ask.err().unwrap().to_string();
        assert!(refused(ask(Some(f64::NAN), None, None)).starts_with("at must be"));
        assert!(refused(ask(Some(-1.0), None, None)).starts_with("at must be"));
        assert!(refused(ask(None, Some(5.0), Some(4.0))).contains("from"));
        for budget in [0, MOST + 1] {
            let request = ContextRequest { budget: Some(budget), ..Default::default() };
            assert!(refused(Ask::read(&request)).starts_with("budget must be 1 to 1000000"));
        }
    }

    #[test]
    fn halving_closes_in_on_the_focus_and_stays_inside() {
        assert_eq!(halved((0.0, 100.0), 50.0), (25.0, 75.0));
        assert_eq!(halved((0.0, 100.0), 0.0), (0.0, 50.0));
        assert_eq!(halved((0.0, 100.0), 90.0), (50.0, 100.0));
    }
}
