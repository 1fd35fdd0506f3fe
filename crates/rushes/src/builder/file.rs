//! A library whose rows are in a SQLite file.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rushes_store::{SqliteOptions, SqliteStore, Store};

use super::{Kept, blobs, may_be_written, sql_options};
use crate::config::Settings;
use crate::error::{Error, Kind, Result};

/// Opens the library with this file, which is made if it is not there.
pub(super) fn open(settings: &Settings, file: &Path) -> Result<Kept> {
    let there = file.try_exists().unwrap_or(true);
    let read_only = there && !all_may_be_written(&settings.library, file);
    let options = SqliteOptions { sql: sql_options(settings), ..SqliteOptions::default() };
    let store = match read_only {
        true => SqliteStore::open_to_read(file, &options)?,
        false => SqliteStore::open(file, &options)?,
    };
    let blobs = blobs(&settings.library, read_only)?;
    let place = identity(file).map_err(|error| {
        let message = format!("cannot look at {}: {error}", file.display());
        Error::caused(Kind::Internal, message, error)
    })?;
    // A library that was restored in its place has another name of its own.
    let database = format!("{place} {}", store.sql().identity());
    Ok(Kept { store: Arc::new(store), blobs, read_only, database })
}

/// The file itself, whatever was put in its place under the same name.
fn identity(file: &Path) -> std::io::Result<String> {
    let facts = std::fs::metadata(file)?;
    Ok(format!("{} {} {}", facts.dev(), facts.ino(), file.display()))
}

/// Whether the library's folder, its database and what SQLite puts beside that may be written.
fn all_may_be_written(library: &Path, file: &Path) -> bool {
    let beside = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let places = [library, file, beside.unwrap_or(Path::new("."))];
    places.into_iter().all(may_be_written)
}
