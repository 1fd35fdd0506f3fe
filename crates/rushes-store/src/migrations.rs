//! The steps that bring a library's database to the present schema, whichever database it is.

/// One numbered step, forward only. A step that was released is never altered.
pub(crate) struct Step {
    /// Its number, from 1.
    pub(crate) version: i64,
    /// For people.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) sql: &'static str,
}

impl Step {
    /// Tells whether the step that was applied is the one that this release has.
    pub(crate) fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }
}
