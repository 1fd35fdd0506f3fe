//! Pages by key, not by offset: the cost of a page does not grow with its depth.

use serde::{Deserialize, Serialize};

/// Where a page begins: after the row with this key.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The row's start in seconds (or rank, for search).
    pub start: f64,
    /// The row's id, which breaks ties.
    pub id: i64,
}

/// Some rows, and where the next ones begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, in order.
    pub items: Vec<T>,
    /// The next page's beginning; `None` at the end.
    pub next: Option<Cursor>,
}
