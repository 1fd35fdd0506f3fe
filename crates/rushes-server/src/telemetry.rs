//! Logs: to standard error or a file, since standard output carries answers and protocols.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rushes::config::Settings;
use rushes::{Error, ErrorKind, Result};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Starts logging: `-v` decides how much, else the settings do.
///
/// What is logged are routes, kinds, counts and times; never bodies, headers or query strings,
/// which is where secrets travel.
pub(crate) fn init(settings: &Settings, verbose: u8) -> Result<()> {
    let level = match verbose {
        0 => settings.log_level.as_str(),
        1 => "info",
        2 => "rushes=debug,rushes_cache=debug,rushes_store=debug,info",
        _ => "trace",
    };
    let filter = EnvFilter::try_new(level).map_err(|error| {
        let why = format!("log_level: {level:?} is not a level or filter: {error}");
        Error::caused(ErrorKind::Invalid, why, error)
    })?;
    let writer = match &settings.log_dir {
        Some(folder) => BoxMakeWriter::new(Arc::new(log_file(folder)?)),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let in_colour =
        settings.log_dir.is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(in_colour)
        .with_writer(writer)
        .init();
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in Settings::unknown(names) {
        tracing::warn!("{name} is no setting and does nothing; `rushes --help` lists them");
    }
    Ok(())
}

fn log_file(folder: &Path) -> Result<File> {
    let path = folder.join("rushes.log");
    let open = || {
        std::fs::create_dir_all(folder)?;
        File::options().create(true).append(true).open(&path)
    };
    open().map_err(|error| {
        let why = format!("log_dir: cannot write {}: {error}", path.display());
        Error::caused(ErrorKind::Invalid, why, error)
    })
}
