//! Search over what was said and seen.

use serde::{Deserialize, Serialize};

use crate::read::Served;

/// Asks for entries by their words, or by the class of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SearchRequest {
    /// Words to find; not a query language.
    pub text: Option<String>,
    /// The class of a detected object, as `person`.
    pub label: Option<String>,
    /// Only in these videos (id, prefix or name); empty means all.
    pub videos: Vec<String>,
    /// Only these kinds; empty means all.
    pub kinds: Vec<String>,
    /// From this second of media time.
    pub from: Option<f64>,
    /// To this second.
    pub to: Option<f64>,
    /// Results in the answer, 1 to 100; 20 when not given.
    pub limit: Option<usize>,
    /// Results to pass over, at most 10000.
    pub offset: Option<usize>,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Found {
    /// The video's id.
    pub video: String,
    /// The video's name.
    pub name: String,
    /// The kind.
    pub kind: String,
    /// Start, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
    /// The text around the match; matched words stand between `**`.
    pub snippet: String,
    /// A stable reference.
    pub reference: String,
    /// Better is larger.
    pub score: f64,
}

/// What was found, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SearchResults {
    /// The results.
    pub items: Vec<Found>,
    /// Whether more follow.
    pub more: bool,
    /// Of the asked kinds, those computed for none of the searched videos.
    pub never_computed: Vec<String>,
    /// Who answered.
    pub served: Served,
}
