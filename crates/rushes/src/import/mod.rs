//! What models produced, in the formats they produce it in; all yield entries.

mod options;

pub use options::{Format, ImportOptions, Imported, Rejected};
