//! Doors that are not open yet.

use std::path::Path;

use crate::engine::Rushes;
use crate::error::{Error, Result};
use crate::import::{ImportOptions, Imported};

macro_rules! later {
    () => {
        Err(Error::new(crate::error::Kind::Unsupported, "not built yet"))
    };
}

impl Rushes {
    /// Imports what a model produced from a file or, for label files one a frame, a folder.
    pub async fn import_file(
        &self,
        _video: &str,
        _path: &Path,
        _options: ImportOptions,
    ) -> Result<Imported> {
        later!()
    }
}
