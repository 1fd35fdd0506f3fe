//! The one list of settings, and the page of documentation that is made from it.

use super::{RedisUrl, Settings, text};
use crate::answer::families;
use crate::error::{Error, Result};

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
    pub(super) read: fn(&mut Settings, &str) -> std::result::Result<(), String>,
}

/// The one list of settings.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "library",
        alias: None,
        default: "the user's data folder",
        meaning: "Folder of the library: database, pictures, uploaded videos.",
        read: |s, text| text::path(text).map(|value| s.library = value),
    },
    Setting {
        key: "database",
        alias: Some("DATABASE_PATH"),
        default: "rushes.db in the library",
        meaning: "Where the rows are: a SQLite file, or a PostgreSQL database, as \
                  `postgres://user:password@host:port/name?sslmode=verify-full` (docs/postgres.md). It \
                  may hold a password, which is never logged: rather give it by environment or file.",
        read: |s, text| text::database(text).map(|value| s.database = Some(value)),
    },
    Setting {
        key: "memory",
        alias: None,
        default: "256MB",
        meaning: "Bound of the memory tier: keys, values and overhead. 0 turns it off.",
        read: |s, text| text::bytes(text).map(|value| s.memory = value),
    },
    Setting {
        key: "disk",
        alias: None,
        default: "0",
        meaning: "Bound of the disk cache, in the folder `cache` of the library: it outlives a \
                  restart. 0 turns it off, which is the default, as the library itself is on this \
                  disk: it pays where pictures are decoded from video again and again, or the \
                  database is far away.",
        read: |s, text| text::bytes(text).map(|value| s.disk = value),
    },
    Setting {
        key: "disk_ttl",
        alias: None,
        default: "5m",
        meaning: "Longest life of a query's result in the disk cache; pictures stay for `ttl`. A \
                  number without unit is seconds.",
        read: |s, text| text::duration(text, 1.0).map(|value| s.disk_ttl = value),
    },
    Setting {
        key: "ttl",
        alias: Some("CACHE_TTL_HOURS"),
        default: "24h",
        meaning: "Longest life of a cached value. A number without unit is hours.",
        read: |s, text| text::duration(text, 3600.0).map(|value| s.ttl = value),
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
            s.redis = Some(RedisUrl::from(text));
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
        read: |s, text| text::boolean(text).map(|value| s.redis_enabled = value),
    },
    Setting {
        key: "redis_url",
        alias: Some("REDIS_URL"),
        default: "redis://localhost:6379",
        meaning: "Where Redis is when `redis_enabled` says that it is used.",
        read: |s, text| {
            s.redis_url = RedisUrl::from(text);
            Ok(())
        },
    },
    Setting {
        key: "prefetch",
        alias: None,
        default: "learned",
        meaning: "What is read before it is asked for: `learned` (what followed such reads before), \
                  `related` (captions and objects with frames, and so on) or `off`.",
        read: |s, text| text::prefetching(text).map(|value| s.prefetch = value),
    },
    Setting {
        key: "staleness",
        alias: None,
        default: "2ms",
        meaning: "How long a write of another process to the same library may stay unseen. Own \
                  writes are seen at once. A number without unit is seconds.",
        read: |s, text| text::duration(text, 1.0).map(|value| s.staleness = value),
    },
    Setting {
        key: "patience",
        alias: None,
        default: "10s",
        meaning: "How long an ingest, import or delete waits while another one writes the same \
                  video, before it is refused as busy. A number without unit is seconds.",
        read: |s, text| text::duration(text, 1.0).map(|value| s.patience = value),
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
        read: |s, text| text::duration(text, 1.0).map(|value| s.sql_timeout = value),
    },
    Setting {
        key: "sql_slow",
        alias: None,
        default: "100ms",
        meaning: "Statements of SQL that take so long are told to the log, without their values. A \
                  number without unit is seconds.",
        read: |s, text| text::duration(text, 1.0).map(|value| s.sql_slow = value),
    },
    Setting {
        key: "sql_http",
        alias: None,
        default: "false",
        meaning: "Whether the server answers `POST /v1/sql` and, over MCP, the tool `sql`. Off unless \
                  asked for: it shows every row of the database, paths of files included, to \
                  whoever reaches the port.",
        read: |s, text| text::boolean(text).map(|value| s.sql_http = value),
    },
    Setting {
        key: "upload",
        alias: None,
        default: "8GB",
        meaning: "Greatest video or import that the server accepts as a body.",
        read: |s, text| text::bytes(text).map(|value| s.upload = value),
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
        read: |s, text| text::path(text).map(|value| s.log_dir = Some(value)),
    },
];

impl Setting {
    /// The environment variable.
    pub fn variable(&self) -> String {
        format!("RUSHES_{}", self.key.to_uppercase())
    }
}

pub(super) fn find(key: &str) -> Result<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key).ok_or_else(|| {
        let known: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        Error::invalid(format!("no setting is called {key:?}; there are {}", known.join(", ")))
    })
}

/// `docs/configuration.md`, made from the list.
pub fn reference() -> String {
    let mut page = String::from(include_str!("reference.md"));
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
