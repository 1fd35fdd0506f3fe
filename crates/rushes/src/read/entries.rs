//! Entries of a video in a window of time, page by page.

use rushes_store::Entry;
use serde::{Deserialize, Serialize};

use super::served::Served;

/// Asks for entries of one video.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct EntriesRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// Kinds; empty means all.
    pub kinds: Vec<String>,
    /// From this second of media time, included.
    pub from: Option<f64>,
    /// To this second, excluded.
    pub to: Option<f64>,
    /// Only entries made by this model.
    pub model: Option<String>,
    /// Entries in the answer, 1 to 1000; 100 when not given.
    pub limit: Option<usize>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

/// A page of entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entries {
    /// The entries in time order.
    pub items: Vec<Entry>,
    /// The next page's cursor; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Which of the asked kinds were never computed for this video (as opposed to: none found).
    #[serde(default)]
    pub never_computed: Vec<String>,
    /// Who answered.
    pub served: Served,
}
