//! Settings as plain data, in two steps: as written somewhere (flag, environment, file), then as
//! meant. One list, [`SETTINGS`], names each setting once; the reader, the file's keys, the
//! environment variables and `docs/configuration.md` all come from it.

mod list;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::list::find;
pub use self::list::{SETTINGS, Setting, reference};
pub use self::value::{Database, Prefetching, RedisUrl};
use crate::answer::families::{self, ModelFamily};
use crate::error::{Error, Kind, Result};

/// All settings. Components are built from them once; nothing later reads flags or environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The library's folder.
    pub library: PathBuf,
    /// Where the rows are; in a SQLite file inside the library when not given.
    pub database: Option<Database>,
    /// Bound of the memory tier in bytes: keys, values and overhead.
    pub memory: u64,
    /// Bound of the disk cache in bytes; 0: none.
    pub disk: u64,
    /// Longest life of a query's result in the disk cache.
    pub disk_ttl: Duration,
    /// Longest life of a cached value.
    pub ttl: Duration,
    /// Where Redis is; the Redis tier is used when it is given.
    pub redis: Option<RedisUrl>,
    /// What all names in Redis begin with, before the library's own mark.
    pub redis_prefix: String,
    /// Whether the Redis tier is used, as the first design put it.
    pub redis_enabled: bool,
    /// Where Redis is in that case.
    pub redis_url: RedisUrl,
    /// What is read before it is asked for.
    pub prefetch: Prefetching,
    /// Longest time another process's write may stay unseen.
    pub staleness: Duration,
    /// Longest time that a write waits for another one of the same video.
    pub patience: Duration,
    /// Connections for statements of SQL that read.
    pub sql_connections: usize,
    /// How long a statement of SQL may run.
    pub sql_timeout: Duration,
    /// From when on a statement of SQL is told to the log as slow.
    pub sql_slow: Duration,
    /// Whether the server answers SQL.
    pub sql_http: bool,
    /// Greatest upload in bytes.
    pub upload: u64,
    /// Greatest coded frame in pixels.
    pub pixels: u64,
    /// What images are priced for.
    pub families: Vec<ModelFamily>,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter of `tracing`.
    pub log_level: String,
    /// Folder of log files; standard error when not given.
    pub log_dir: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            library: default_library(),
            database: None,
            memory: 256 << 20,
            disk: 0,
            disk_ttl: Duration::from_secs(300),
            ttl: Duration::from_secs(24 * 3600),
            redis: None,
            redis_prefix: "rushes:".to_owned(),
            redis_enabled: false,
            redis_url: RedisUrl::from("redis://localhost:6379"),
            prefetch: Prefetching::default(),
            staleness: Duration::from_millis(2),
            patience: Duration::from_secs(10),
            sql_connections: 5,
            sql_timeout: Duration::from_secs(30),
            sql_slow: Duration::from_millis(100),
            sql_http: false,
            upload: 8 << 30,
            pixels: 8192 * 8192,
            families: families::builtin(),
            log_level: "warn".to_owned(),
            log_dir: None,
        }
    }
}

impl Settings {
    /// Reads the settings: `flags` (key and text) win over the environment, that over the file,
    /// that over the defaults. `file` is the one named by the caller or by `RUSHES_CONFIG`, else
    /// `rushes.toml` in the working folder or in the user's configuration folder, if there is one.
    pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Self> {
        Self::load_from(file, flags, |name| std::env::var(name).ok())
    }

    /// As [`Settings::load`], with the environment as a function.
    pub fn load_from(
        file: Option<&Path>,
        flags: &[(&str, String)],
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut settings = Self::default();
        if let Some(file) = config_file(file, &env) {
            settings.read_file(&file)?;
        }
        for setting in SETTINGS {
            let own = env(&setting.variable()).map(|text| (setting.variable(), text));
            let alias = setting.alias.and_then(|name| Some((name.to_owned(), env(name)?)));
            if let Some((name, text)) = own.or(alias).filter(|(_, text)| !text.is_empty()) {
                settings.set(setting, &text, &name)?;
            }
        }
        for (key, text) in flags {
            let setting = find(key)?;
            settings.set(setting, text, &format!("--{}", key.replace('_', "-")))?;
        }
        Ok(settings)
    }

    /// Of the names of environment variables those that look like a setting and are none: a
    /// misspelled one does nothing.
    pub fn unknown(names: impl IntoIterator<Item = String>) -> Vec<String> {
        let known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
        let ours = |name: &String| {
            let other = ["RUSHES_CONFIG", "RUSHES_BIN"].contains(&name.as_str());
            let tests = ["RUSHES_BENCH_", "RUSHES_TEST_"].iter().any(|head| name.starts_with(head));
            name.starts_with("RUSHES_") && !other && !tests && !known.contains(name)
        };
        names.into_iter().filter(ours).collect()
    }

    /// Settings with this library and defaults for the rest: for programs that embed the engine.
    pub fn library(folder: impl Into<PathBuf>) -> Self {
        Self { library: folder.into(), ..Self::default() }
    }

    /// Where the Redis tier is, if there is one.
    pub(crate) fn redis(&self) -> Option<&RedisUrl> {
        self.redis.as_ref().or(self.redis_enabled.then_some(&self.redis_url))
    }

    fn read_file(&mut self, file: &Path) -> Result<()> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Error::caused(Kind::Invalid, format!("cannot read {}: {error}", file.display()), error)
        })?;
        let table: toml::Table =
            text.parse().map_err(|error| Error::invalid(format!("{}: {error}", file.display())))?;
        for (key, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                other => other.to_string(),
            };
            let place = format!("{}: {key}", file.display());
            let setting =
                find(&key).map_err(|error| Error::invalid(format!("{place}: {error}")))?;
            self.set(setting, &text, &place)?;
        }
        Ok(())
    }

    fn set(&mut self, setting: &Setting, text: &str, place: &str) -> Result<()> {
        (setting.read)(self, text).map_err(|wanted| {
            Error::invalid(format!("{place}: {} should be {wanted}", shown(text)))
        })
    }
}

/// A value as an error repeats it: of a URL, which may hold a password, no more than the beginning.
fn shown(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, _)) => format!("\"{scheme}://…\""),
        None => format!("{text:?}"),
    }
}

fn config_file(named: Option<&Path>, env: &impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    if let Some(named) = env("RUSHES_CONFIG").filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    let user = directories::ProjectDirs::from("", "", "rushes")
        .map(|folders| folders.config_dir().join("rushes.toml"));
    [Some(PathBuf::from("rushes.toml")), user].into_iter().flatten().find(|file| file.is_file())
}

fn default_library() -> PathBuf {
    directories::ProjectDirs::from("", "", "rushes")
        .map_or_else(|| PathBuf::from("rushes"), |folders| folders.data_dir().to_owned())
}
