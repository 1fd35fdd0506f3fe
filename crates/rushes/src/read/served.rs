//! Who answered a read, and how long it took.

use serde::{Deserialize, Serialize};

/// The place that an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Process memory.
    Memory,
    /// Redis.
    Redis,
    /// The disk cache.
    Disk,
    /// The database or the blob folder.
    Store,
    /// Decoded from the video file.
    Video,
}

/// Who answered a read, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Served {
    /// The slowest place that was needed.
    pub tier: Tier,
    /// Microseconds from call to answer.
    pub micros: u64,
}
