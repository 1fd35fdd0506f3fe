//! The importers without a library, for the targets in `fuzz/`.

use super::options::{Format, ImportOptions};
use super::plan::{Plan, Target};
use super::source::Source;

/// Reads bytes as a file of this format, or of the one that they look like, to their end.
///
/// # Panics
/// When an entry comes out that no store could keep, or more than the bytes could hold.
pub fn read(bytes: &[u8], format: Option<Format>) {
    let options = ImportOptions { format, kind: Some("caption".to_owned()), ..Default::default() };
    let source = Source::Bytes(bytes.to_vec().into());
    let Ok(plan) = Plan::of(&Target::example(None), &source, &options) else { return };
    let mut read = 0;
    for entry in plan.entries {
        read += 1;
        if let Ok(entry) = entry {
            assert!(entry.check().is_ok() && entry.data.is_object(), "{entry:?}");
        }
    }
    // The shortest record has a byte of its own, and an end that breaks off is told once.
    assert!(read <= bytes.len() + 1, "{read} records in {} bytes", bytes.len());
}
