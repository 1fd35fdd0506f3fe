//! What cached answers hang on, asked of SQLite.

use std::sync::Arc;

use super::depend::schema_version;
use super::generations;
use super::pool::Reader;
use crate::error::Result;
use crate::sql::depend::Reading;
use crate::sql::known::Known;
use crate::sql::{Fingerprint, Query};

/// Asks the database, in a snapshot taken after `tick` was read, and has remembered what it says.
/// Nothing when the reading is of another schema than the present one.
pub(super) fn ask(
    known: &Known,
    reader: &Reader,
    query: &Query,
    reading: &Arc<Reading>,
    tick: u64,
) -> Result<Option<Fingerprint>> {
    if schema_version(&reader.db)? != reading.schema {
        return Ok(None);
    }
    let mut rows = Vec::new();
    for dependency in reading.on.iter().flatten() {
        for (family, group) in dependency.rows(&query.params) {
            let generation = generations::of(&reader.db, &family, &group)?;
            rows.push(((family, group), generation));
        }
    }
    Ok(Some(known.remember(query, reading, tick, rows)))
}
