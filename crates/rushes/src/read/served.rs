//! Who answered a read, and how long it took.

use serde::{Deserialize, Serialize};

/// The place that an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

impl Tier {
    /// From the fastest to the slowest.
    pub const ALL: [Self; 5] = [Self::Memory, Self::Redis, Self::Disk, Self::Store, Self::Video];

    /// The name, as in answers and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Disk => "disk",
            Self::Store => "store",
            Self::Video => "video",
        }
    }
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
