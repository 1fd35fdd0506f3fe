//! Everything known around a moment or window, packed into a token budget.

use serde::{Deserialize, Serialize};

use super::tokens::Tokenizer;
use crate::read::Served;

/// Asks for the context of a moment (`at`) or a window (`from`, `to`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Lines that did not fit.
    pub left_out: usize,
    /// Kinds that were never computed for this video (as opposed to: none found here).
    pub never_computed: Vec<String>,
    /// Who answered.
    pub served: Served,
}
