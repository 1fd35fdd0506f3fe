//! Settings become components, once: folders, store, blobs, cache.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rushes_cache::Cache;
use rushes_store::{Blobs, SqlOptions, SqliteOptions, SqliteStore, Store};
use rustix::fs::{Access, access};

use crate::config::Settings;
use crate::disk;
use crate::engine::{Inner, Rushes, checked_path};
use crate::error::{Error, Kind, Result};
use crate::incoming;
use crate::prefetch::{self, Prefetch};
use crate::read::{Freshness, Meter, namespaces};
use crate::sql::Recorder;
use crate::tiers;

/// Opens the library that the settings describe, making it if it is not there.
pub(crate) async fn open(settings: Settings) -> Result<Rushes> {
    checked_path(&settings.library)?;
    if !is_there(&settings) {
        make_folder(&settings.library)?;
    }
    put_together(settings).await
}

/// Opens the library that the settings describe, if it is there.
pub(crate) async fn open_existing(settings: Settings) -> Result<Rushes> {
    checked_path(&settings.library)?;
    if !is_there(&settings) {
        return Err(Error::not_found(format!(
            "no library in {}: `rushes ingest FILE` makes one there, --library DIR names another",
            settings.library.display()
        )));
    }
    put_together(settings).await
}

async fn put_together(settings: Settings) -> Result<Rushes> {
    let settings = Settings { library: absolute(&settings.library)?, ..settings };
    let file = database(&settings);
    let read_only = is_there(&settings) && !may_be_written(&settings.library, &file);
    let (store, blobs) = match read_only {
        true => to_read(&settings, &file)?,
        false => to_write(&settings, &file)?,
    };
    let disk = if read_only { None } else { disk::open(&settings, &file) };
    let cache = namespaces(Cache::builder().memory(settings.memory), settings.disk_ttl);
    let cache = tiers::with_redis(cache, &settings, store.sql().identity())?;
    let (mark, cache) = match disk {
        Some((mark, disk)) => (Some(mark), cache.tier(disk).build()),
        None => (None, cache.build()),
    };
    // What others left in shared tiers is of use once it is known what was changed since.
    cache.out_of_step();
    let seq = match &mark {
        Some(mark) => mark.catch_up(&cache, &*store).await?,
        None => store.seq().await?,
    };
    let freshness = Freshness::new(seq, settings.staleness);
    let meter = Meter::default();
    let (prefetch, orders) = Prefetch::new(settings.prefetch);
    let workload = (!read_only).then(|| settings.library.join("statements.json"));
    let recorder = Recorder::new(settings.sql_slow, workload);
    let inner = Inner {
        settings,
        store,
        blobs,
        cache,
        mark,
        freshness,
        meter,
        recorder,
        prefetch,
        read_only,
    };
    let inner = Arc::new(inner);
    prefetch::start(&inner, orders);
    tiers::get_in_step(&inner);
    Ok(Rushes { inner, session: prefetch::next_session() })
}

type Kept = (Arc<dyn Store>, Blobs);

fn to_write(settings: &Settings, file: &Path) -> Result<Kept> {
    let library = &settings.library;
    make_folder(&library.join("locks"))?;
    incoming::sweep(library);
    let store = SqliteStore::open(file, &options(settings))?;
    Ok((Arc::new(store), Blobs::open(library.join("blobs"))?))
}

fn to_read(settings: &Settings, file: &Path) -> Result<Kept> {
    let store = SqliteStore::open_to_read(file, &options(settings))?;
    Ok((Arc::new(store), Blobs::open_to_read(settings.library.join("blobs"))))
}

fn options(settings: &Settings) -> SqliteOptions {
    let connections = settings.sql_connections;
    let sql = SqlOptions { connections, near: settings.staleness, ..SqlOptions::default() };
    SqliteOptions { sql, ..SqliteOptions::default() }
}

fn database(settings: &Settings) -> PathBuf {
    settings.database.clone().unwrap_or_else(|| settings.library.join("rushes.db"))
}

/// A file that cannot be looked at is taken to be there: opening it says why it cannot be.
fn is_there(settings: &Settings) -> bool {
    settings.library.is_dir() && database(settings).try_exists().unwrap_or(true)
}

/// Whether the library's folder, its database and what SQLite puts beside that may be written.
fn may_be_written(library: &Path, file: &Path) -> bool {
    let beside = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let places = [library, file, beside.unwrap_or(Path::new("."))];
    places.iter().all(|place| access(*place, Access::WRITE_OK).is_ok())
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

fn absolute(folder: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(folder).map_err(|error| {
        Error::caused(Kind::Internal, format!("{}: {error}", folder.display()), error)
    })
}
