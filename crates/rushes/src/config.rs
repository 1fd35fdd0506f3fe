//! Settings as plain data, in two steps: as written somewhere (flag, environment, file), then as
//! meant. One list, [`SETTINGS`], names each setting once; the reader, the file's keys, the
//! environment variables and `docs/configuration.md` all come from it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
            redis_url: RedisUrl("redis://localhost:6379".to_owned()),
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

/// What is read before it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefetching {
    /// Nothing.
    Off,
    /// The kinds that belong to what was asked for, in the same window: captions and objects with
    /// frames, frames with captions and with objects, captions with transcript.
    Related,
    /// What followed such reads before, in this session and others.
    #[default]
    Learned,
}

impl Prefetching {
    /// Its name, as in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Related => "related",
            Self::Learned => "learned",
        }
    }
}

/// Where the rows of a library are.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// In a SQLite file.
    File(PathBuf),
    /// In a PostgreSQL database, by its URL, which may hold a password.
    Postgres(String),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

/// A URL that may hold a password: it shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// The URL, password included.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RedisUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl(…)")
    }
}

/// One setting: its names, its meaning and how its text is read.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Key in `rushes.toml`; the environment variable is `RUSHES_` and the key in capitals.
    pub key: &'static str,
    /// Variable of the first design that means the same.
    pub alias: Option<&'static str>,
    /// The default, as one would write it.
    pub default: &'static str,
    /// What it means, in one or two sentences.
    pub meaning: &'static str,
    read: fn(&mut Settings, &str) -> std::result::Result<(), String>,
}

/// The one list of settings.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "library",
        alias: None,
        default: "the user's data folder",
        meaning: "Folder of the library: database, pictures, uploaded videos.",
        read: |s, text| path(text).map(|value| s.library = value),
    },
    Setting {
        key: "database",
        alias: Some("DATABASE_PATH"),
        default: "rushes.db in the library",
        meaning: "Where the rows are: a SQLite file, or a PostgreSQL database, as \
                  `postgres://user:password@host:port/name?sslmode=verify-full` (docs/postgres.md). It \
                  may hold a password, which is never logged: rather give it by environment or file.",
        read: |s, text| database(text).map(|value| s.database = Some(value)),
    },
    Setting {
        key: "memory",
        alias: None,
        default: "256MB",
        meaning: "Bound of the memory tier: keys, values and overhead. 0 turns it off.",
        read: |s, text| bytes(text).map(|value| s.memory = value),
    },
    Setting {
        key: "disk",
        alias: None,
        default: "0",
        meaning: "Bound of the disk cache, in the folder `cache` of the library: it outlives a \
                  restart. 0 turns it off, which is the default, as the library itself is on this \
                  disk: it pays where pictures are decoded from video again and again, or the \
                  database is far away.",
        read: |s, text| bytes(text).map(|value| s.disk = value),
    },
    Setting {
        key: "disk_ttl",
        alias: None,
        default: "5m",
        meaning: "Longest life of a query's result in the disk cache; pictures stay for `ttl`. A \
                  number without unit is seconds.",
        read: |s, text| duration(text, 1.0).map(|value| s.disk_ttl = value),
    },
    Setting {
        key: "ttl",
        alias: Some("CACHE_TTL_HOURS"),
        default: "24h",
        meaning: "Longest life of a cached value. A number without unit is hours.",
        read: |s, text| duration(text, 3600.0).map(|value| s.ttl = value),
    },
    Setting {
        key: "redis",
        alias: None,
        default: "none",
        meaning: "Where Redis or Valkey is, for a tier that processes share: \
                  `redis://[user:password@]host[:port][,host:port…][/database]`, `rediss://` for \
                  TLS, `redis+sentinel://host,host/name`. A cluster is recognised. It may hold a \
                  password, which is never logged: rather give it by environment or file.",
        read: |s, text| {
            s.redis = Some(RedisUrl(text.to_owned()));
            Ok(())
        },
    },
    Setting {
        key: "redis_prefix",
        alias: None,
        default: "rushes:",
        meaning: "What all names in Redis begin with; the library's own mark follows, so several \
                  libraries may share a Redis. 1 to 47 printable characters without `{}*?[]\\`.",
        read: |s, text| {
            s.redis_prefix = text.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "redis_enabled",
        alias: Some("REDIS_ENABLED"),
        default: "false",
        meaning: "Whether the Redis at `redis_url` is used, where `redis` names none.",
        read: |s, text| boolean(text).map(|value| s.redis_enabled = value),
    },
    Setting {
        key: "redis_url",
        alias: Some("REDIS_URL"),
        default: "redis://localhost:6379",
        meaning: "Where Redis is when `redis_enabled` says that it is used.",
        read: |s, text| {
            s.redis_url = RedisUrl(text.to_owned());
            Ok(())
        },
    },
    Setting {
        key: "prefetch",
        alias: None,
        default: "learned",
        meaning: "What is read before it is asked for: `learned` (what followed such reads before), \
                  `related` (captions and objects with frames, and so on) or `off`.",
        read: |s, text| prefetching(text).map(|value| s.prefetch = value),
    },
    Setting {
        key: "staleness",
        alias: None,
        default: "2ms",
        meaning: "How long a write of another process to the same library may stay unseen. Own \
                  writes are seen at once. A number without unit is seconds.",
        read: |s, text| duration(text, 1.0).map(|value| s.staleness = value),
    },
    Setting {
        key: "patience",
        alias: None,
        default: "10s",
        meaning: "How long an ingest, import or delete waits while another one writes the same \
                  video, before it is refused as busy. A number without unit is seconds.",
        read: |s, text| duration(text, 1.0).map(|value| s.patience = value),
    },
    Setting {
        key: "sql_connections",
        alias: None,
        default: "5",
        meaning: "Connections for statements of SQL that read: so many run at once, the others \
                  wait in line.",
        read: |s, text| match text.parse() {
            Ok(number @ 1..=1000) => {
                s.sql_connections = number;
                Ok(())
            }
            _ => Err("1 to 1000".into()),
        },
    },
    Setting {
        key: "sql_timeout",
        alias: None,
        default: "30s",
        meaning: "How long a statement of SQL may run before it is interrupted. A number without \
                  unit is seconds.",
        read: |s, text| duration(text, 1.0).map(|value| s.sql_timeout = value),
    },
    Setting {
        key: "sql_slow",
        alias: None,
        default: "100ms",
        meaning: "Statements of SQL that take so long are told to the log, without their values. A \
                  number without unit is seconds.",
        read: |s, text| duration(text, 1.0).map(|value| s.sql_slow = value),
    },
    Setting {
        key: "sql_http",
        alias: None,
        default: "false",
        meaning: "Whether the server answers `POST /v1/sql`. Off unless asked for: it shows every \
                  row of the database, paths of files included, to whoever reaches the port.",
        read: |s, text| boolean(text).map(|value| s.sql_http = value),
    },
    Setting {
        key: "upload",
        alias: None,
        default: "8GB",
        meaning: "Greatest video or import that the server accepts as a body.",
        read: |s, text| bytes(text).map(|value| s.upload = value),
    },
    Setting {
        key: "pixels",
        alias: None,
        default: "67108864",
        meaning: "Greatest frame, width times height, that is decoded.",
        read: |s, text| text.parse().map(|value| s.pixels = value).map_err(|_| "a number".into()),
    },
    Setting {
        key: "families",
        alias: None,
        default: "a built-in table",
        meaning: "Model families that images are priced for, laid over the built-in table by name: \
                  `[{ name = \"mine\", patch = 28, per_patch = 1.0, cap = 1568, long_edge = 1568 }]`. \
                  Others: `base`, `nearest`, `short_edge`.",
        read: |s, text| families::read(text).map(|rows| s.families = families::with_changes(&rows)),
    },
    Setting {
        key: "log_level",
        alias: Some("LOG_LEVEL"),
        default: "warn",
        meaning: "What is logged: error, warn, info, debug, trace, or a filter such as \
                  `rushes=debug,warn`.",
        read: |s, text| {
            let level = text.to_lowercase().replace("warning", "warn").replace("critical", "error");
            let levels = ["error", "warn", "info", "debug", "trace", "off"];
            if !level.contains(['=', ',']) && !levels.contains(&level.as_str()) {
                return Err("error, warn, info, debug, trace, off, or a filter".into());
            }
            s.log_level = level;
            Ok(())
        },
    },
    Setting {
        key: "log_dir",
        alias: Some("LOG_DIR"),
        default: "none: standard error",
        meaning: "Folder in which the server writes `rushes.log`.",
        read: |s, text| path(text).map(|value| s.log_dir = Some(value)),
    },
];

impl Setting {
    /// The environment variable.
    pub fn variable(&self) -> String {
        format!("RUSHES_{}", self.key.to_uppercase())
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

fn find(key: &str) -> Result<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key).ok_or_else(|| {
        let known: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        Error::invalid(format!("no setting is called {key:?}; there are {}", known.join(", ")))
    })
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

fn path(text: &str) -> std::result::Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err("a path".into());
    }
    Ok(text.into())
}

fn database(text: &str) -> std::result::Result<Database, String> {
    match text.split_once("://") {
        Some(("postgres" | "postgresql", _)) => Ok(Database::Postgres(text.to_owned())),
        Some(_) => Err("a file, or postgres://user:password@host:port/name".into()),
        None => path(text).map(Database::File),
    }
}

fn prefetching(text: &str) -> std::result::Result<Prefetching, String> {
    let all = [Prefetching::Off, Prefetching::Related, Prefetching::Learned];
    let found = all.into_iter().find(|way| way.name() == text.trim());
    found.ok_or_else(|| "learned, related or off".to_owned())
}

fn boolean(text: &str) -> std::result::Result<bool, String> {
    match text.to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("true or false".into()),
    }
}

/// A number and its unit, as `1.5GB` or `500 ms`.
fn quantity(text: &str) -> Option<(f64, String)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    Some((number, text[digits..].trim().to_lowercase()))
}

fn bytes(text: &str) -> std::result::Result<u64, String> {
    let wanted = || "bytes, as 256MB or 2GB".to_owned();
    let (number, unit) = quantity(text).ok_or_else(wanted)?;
    let scale: u64 = match unit.as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(wanted()),
    };
    Ok((number * scale as f64) as u64)
}

fn duration(text: &str, unit_seconds: f64) -> std::result::Result<Duration, String> {
    let wanted = || "a time, as 500ms, 30s, 5m or 24h".to_owned();
    let (number, unit) = quantity(text).ok_or_else(wanted)?;
    let scale = match unit.as_str() {
        "" => unit_seconds,
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wanted()),
    };
    Duration::try_from_secs_f64(number * scale).map_err(|_| wanted())
}

/// `docs/configuration.md`, made from the list.
pub fn reference() -> String {
    let mut page = String::from(include_str!("config/reference.md"));
    page.push_str(
        "| key | environment | also understood | default | meaning |\n|---|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let alias = setting.alias.map(|name| format!("`{name}`")).unwrap_or_default();
        page.push_str(&format!(
            "| `{}` | `{}` | {alias} | {} | {} |\n",
            setting.key,
            setting.variable(),
            setting.default,
            setting.meaning
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, env: &[(&str, &str)], flags: &[(&str, String)]) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rushes.toml");
        std::fs::write(&path, file).unwrap();
        let env: Vec<_> = env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Settings::load_from(Some(&path), flags, move |name| {
            env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn a_flag_wins_over_environment_over_file_over_default() {
        let file = "memory = \"1MB\"\nttl = 2\nupload = 5";
        let env = [("RUSHES_MEMORY", "2MB"), ("RUSHES_TTL", "30m")];
        let settings = load(file, &env, &[("memory", "3MB".into())]).unwrap();
        assert_eq!(settings.memory, 3 << 20);
        assert_eq!(settings.ttl, Duration::from_secs(1800));
        assert_eq!(settings.upload, 5);
        assert_eq!(settings.staleness, Settings::default().staleness);
    }

    #[test]
    fn the_first_designs_variables_are_understood_and_ours_win() {
        let env =
            [("DATABASE_PATH", "data/bri.db"), ("CACHE_TTL_HOURS", "2"), ("LOG_LEVEL", "WARNING")];
        let settings = load("", &env, &[]).unwrap();
        assert_eq!(settings.database, Some(Database::File("data/bri.db".into())));
        assert_eq!(settings.ttl, Duration::from_secs(7200));
        assert_eq!(settings.log_level, "warn");
        let both = [("LOG_LEVEL", "INFO"), ("RUSHES_LOG_LEVEL", "debug")];
        assert_eq!(load("", &both, &[]).unwrap().log_level, "debug");
    }

    #[test]
    fn a_wrong_value_names_its_place_and_what_was_wanted() {
        let error = load("memory = \"lots\"", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("rushes.toml: memory: \"lots\" should be bytes"), "{error}");
        let error = load("memroy = 1", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("memroy") && error.contains("memory"), "{error}");
        let error = load("", &[("RUSHES_TTL", "-1")], &[]).unwrap_err().to_string();
        assert!(error.starts_with("RUSHES_TTL: "), "{error}");
    }

    #[test]
    fn what_looks_like_a_setting_and_is_none_is_told() {
        let names = ["RUSHES_MEMROY", "RUSHES_MEMORY", "RUSHES_CONFIG", "PATH"].map(str::to_owned);
        assert_eq!(Settings::unknown(names), ["RUSHES_MEMROY"]);
        let error = load("log_level = \"nosuch\"", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("nosuch") && error.contains("debug"), "{error}");
        assert_eq!(load("", &[("LOG_LEVEL", "WARNING")], &[]).unwrap().log_level, "warn");
    }

    #[test]
    fn a_database_is_a_file_or_a_url_whose_password_nobody_sees() {
        let url = "postgres://me:secret@host/library";
        let settings = load("", &[("RUSHES_DATABASE", url)], &[]).unwrap();
        assert_eq!(settings.database, Some(Database::Postgres(url.into())));
        assert!(!format!("{settings:?}").contains("secret"));
        let error = load("", &[("RUSHES_DATABASE", "mysql://me:secret@host/library")], &[]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("\"mysql://…\" should be a file") && !error.contains("secret"));
    }

    #[test]
    fn the_reference_page_is_the_one_in_docs() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        if std::env::var_os("RUSHES_WRITE_DOCS").is_some() {
            std::fs::write(&page, reference()).unwrap();
        }
        let found = std::fs::read_to_string(&page).unwrap();
        assert_eq!(found, reference(), "run the test with RUSHES_WRITE_DOCS=1 to write the page");
    }
}
