//! Who answered a read, and how long it took.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::fetch::From;
use super::meter::Meter;

/// The place that an answer came from; slower ones are greater.
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
    #[serde(skip)]
    apart: bool,
}

impl Served {
    pub(crate) fn new(tier: Tier, micros: u64) -> Self {
        Self { tier, micros, apart: false }
    }

    /// Leaves this out of the answer that it belongs to, when that is serialized: for faces that
    /// tell it beside the answer, so that the same answer is the same bytes.
    pub fn tell_apart(&mut self) {
        self.apart = true;
    }

    /// Whether it is told beside the answer.
    pub fn is_told_apart(&self) -> bool {
        self.apart
    }
}

/// Times one request and remembers the slowest place that its reads needed.
#[derive(Debug)]
pub(crate) struct Watch {
    began: Instant,
    tier: Tier,
}

impl Watch {
    /// Begins with the call.
    pub(crate) fn start() -> Self {
        Self { began: Instant::now(), tier: Tier::Memory }
    }

    /// Unwraps a read and remembers where it came from.
    pub(crate) fn note<T>(&mut self, read: From<T>) -> T {
        self.tier = self.tier.max(read.tier);
        read.value
    }

    /// What the answer says about itself, noted among the engine's figures.
    pub(crate) fn served(&self, meter: &Meter) -> Served {
        meter.note(self.tier, self.began)
    }
}
