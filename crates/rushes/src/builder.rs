//! Settings become components, once: folders, store, blobs, cache.

use std::path::Path;
use std::sync::Arc;

use rushes_cache::Cache;
use rushes_store::{Blobs, SqliteOptions, SqliteStore, Store};

use crate::config::Settings;
use crate::engine::{Inner, Rushes, checked_path};
use crate::error::{Error, Kind, Result};
use crate::read::{Freshness, Meter};

/// Opens the library that the settings describe.
pub(crate) async fn open(settings: Settings) -> Result<Rushes> {
    checked_path(&settings.library)?;
    make_folder(&settings.library)?;
    make_folder(&settings.library.join("locks"))?;
    let settings = Settings { library: absolute(&settings.library)?, ..settings };
    let file = settings.database.clone().unwrap_or_else(|| settings.library.join("rushes.db"));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file, &SqliteOptions::default())?);
    let blobs = Blobs::open(settings.library.join("blobs"))?;
    let cache = Cache::builder().memory(settings.memory).build();
    let freshness = Freshness::new(store.seq().await?, settings.staleness);
    let inner = Inner { settings, store, blobs, cache, freshness, meter: Meter::default() };
    Ok(Rushes { inner: Arc::new(inner) })
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let message = format!(
            "cannot make the folder {}: {error}; choose another with --library",
            folder.display()
        );
        Error::caused(Kind::Internal, message, error)
    })
}

fn absolute(folder: &Path) -> Result<std::path::PathBuf> {
    std::fs::canonicalize(folder).map_err(|error| {
        Error::caused(Kind::Internal, format!("{}: {error}", folder.display()), error)
    })
}
