//! Settings as plain data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// All settings of the engine; components are built from them by [`crate::Rushes::open`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The library's folder.
    pub library: PathBuf,
    /// Bound of the memory tier in bytes.
    pub memory: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { library: PathBuf::from("rushes"), memory: 256 << 20 }
    }
}
