//! How often each thing was written to, raised in the writer's own transaction.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::change::Family;
use crate::error::Result;

/// Raises a family as a whole and, if given, for one video. Every write of the library's own
/// connection does this for what it touches: the triggers are off there.
pub(in crate::sqlite) fn touch(
    transaction: &Transaction<'_>,
    family: Family,
    video: Option<&str>,
) -> Result<()> {
    raise(transaction, family.name(), "")?;
    video.map_or(Ok(()), |video| raise(transaction, family.name(), video))
}

/// As [`touch`] for entries, with the video's row number.
pub(in crate::sqlite) fn touch_entries(transaction: &Transaction<'_>, video: i64) -> Result<()> {
    let id: Option<String> = transaction
        .prepare_cached("SELECT id FROM videos WHERE row = ?")?
        .query_row([video], |row| row.get(0))
        .optional()?;
    touch(transaction, Family::Entries, id.as_deref())
}

/// Raises one generation.
pub(super) fn raise(transaction: &Transaction<'_>, family: &str, group: &str) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO sql_generations VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET gen = gen + 1",
        )?
        .execute([family, group])?;
    Ok(())
}

/// One generation; zero where nothing was ever written.
pub(super) fn of(db: &Connection, family: &str, group: &str) -> Result<u64> {
    let mut statement =
        db.prepare_cached("SELECT gen FROM sql_generations WHERE family = ? AND grp = ?")?;
    let found = statement.query_row([family, group], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}
