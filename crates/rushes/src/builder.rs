//! Settings become components, once: folders, store, blobs, cache.

mod file;
mod server;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rushes_cache::Cache;
use rushes_store::{Blobs, SqlOptions, Store};
use rustix::fs::{Access, access};

use crate::config::{Database, Settings};
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
    if !settings.library.is_dir() {
        make_folder(&settings.library)?;
    }
    put_together(settings, true).await
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
    if !settings.library.is_dir() {
        make_folder(&settings.library)?;
    }
    put_together(settings, false).await
}

/// Rows and blobs of an open library.
pub(crate) struct Kept {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Blobs,
    pub(crate) read_only: bool,
    /// Tells the database from every other one, copies of it included.
    pub(crate) database: String,
}

/// A database says of a full disk no more than that it failed.
fn without_room(folder: &Path, error: Error) -> Error {
    let full = rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail == 0);
    if !full || error.kind() != Kind::Internal {
        return error;
    }
    let text = format!("{error}: the disk of {} is full; free some space", folder.display());
    Error::caused(Kind::Internal, text, error)
}

async fn put_together(settings: Settings, create: bool) -> Result<Rushes> {
    let folder = settings.library.clone();
    assembled(settings, create).await.map_err(|error| without_room(&folder, error))
}

async fn assembled(settings: Settings, create: bool) -> Result<Rushes> {
    let settings = Settings { library: absolute(&settings.library)?, ..settings };
    let Kept { store, blobs, read_only, database } = match &settings.database {
        Some(Database::Postgres(url)) => server::open(&settings, url, create).await?,
        Some(Database::File(file)) => file::open(&settings, file)?,
        None => file::open(&settings, &settings.library.join("rushes.db"))?,
    };
    let disk = if read_only { None } else { disk::open(&settings, &database) };
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
        tape: OnceLock::new(),
        read_only,
    };
    let inner = Arc::new(inner);
    prefetch::start(&inner, orders);
    tiers::get_in_step(&inner);
    Ok(Rushes { inner, session: prefetch::next_session() })
}

fn sql_options(settings: &Settings) -> SqlOptions {
    let connections = settings.sql_connections;
    SqlOptions { connections, near: settings.staleness, ..SqlOptions::default() }
}

/// A library's blobs, and the folders that writers need.
fn blobs(library: &Path, read_only: bool) -> Result<Blobs> {
    if read_only {
        return Ok(Blobs::open_to_read(library.join("blobs")));
    }
    make_folder(&library.join("locks"))?;
    incoming::sweep(library);
    Ok(Blobs::open(library.join("blobs"))?)
}

/// Whether it looks as if the library were there. A file that cannot be looked at is taken to be
/// there: opening it says why it cannot be. So is a database on a server.
fn is_there(settings: &Settings) -> bool {
    let file = match &settings.database {
        Some(Database::Postgres(_)) => return true,
        Some(Database::File(file)) => file.clone(),
        None => settings.library.join("rushes.db"),
    };
    settings.library.is_dir() && file.try_exists().unwrap_or(true)
}

fn may_be_written(place: &Path) -> bool {
    access(place, Access::WRITE_OK).is_ok()
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
