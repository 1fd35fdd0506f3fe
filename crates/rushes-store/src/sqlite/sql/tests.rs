//! A library with a table of the user's, read and written by us and by others.

mod answers;
mod bounds;
mod plans;
mod random;
mod writes;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::Connection;

use crate::Result;
use crate::sql::{Fingerprint, Freshness, Query, Rows, Sql, SqlOptions, SqlParams, SqlValue};
use crate::sqlite::{SqliteOptions, SqliteStore};
use crate::store::Store;

const MINUTE: Duration = Duration::from_secs(60);

/// A library with a table of the user's, and a plain connection as another process would have.
struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
    store: SqliteStore,
    /// Answers by statement and fingerprint, as a cache would keep them.
    cache: Mutex<HashMap<String, Rows>>,
}

impl Fixture {
    fn new() -> Self {
        Self::with(SqlOptions::default())
    }

    fn with(sql: SqlOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let options = SqliteOptions { sql, ..SqliteOptions::default() };
        let store = SqliteStore::open(&path, &options).unwrap();
        let fixture = Self { _folder: folder, path, store, cache: Mutex::default() };
        fixture.foreign(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, video_id TEXT, rank INT, word TEXT UNIQUE);
             INSERT INTO notes VALUES (1, 'a', 1, 'one'), (2, 'b', 2, 'two'), (3, 'b', 3, NULL)",
        );
        fixture
    }

    fn sql(&self) -> &dyn Sql {
        self.store.sql()
    }

    fn foreign(&self, sql: &str) {
        foreign(&self.path).execute_batch(sql).unwrap();
    }

    async fn fingerprint(&self, query: &Query) -> Fingerprint {
        self.sql().fingerprint(query, Freshness::Strict).await.unwrap()
    }

    /// The answer and whether a cache would have had it.
    async fn ask(&self, query: &Query) -> (Rows, bool) {
        let fingerprint = self.fingerprint(query).await;
        if let Fingerprint::None(_) = fingerprint {
            return (self.sql().read(query).await.unwrap(), false);
        }
        let key = format!("{fingerprint:?} {query:?}");
        if let Some(rows) = self.cache.lock().unwrap().get(&key) {
            return (rows.clone(), true);
        }
        let rows = self.sql().read(query).await.unwrap();
        self.cache.lock().unwrap().insert(key, rows.clone());
        (rows, false)
    }

    async fn hit(&self, sql: &str) -> bool {
        self.ask(&Query::new(sql, SqlParams::NONE)).await.1
    }
}

fn foreign(path: &Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(MINUTE).unwrap();
    db
}

fn first(rows: &Rows) -> &SqlValue {
    &rows.rows[0][0]
}

async fn execute(fixture: &Fixture, sql: &str) -> Result<u64> {
    Ok(fixture.sql().execute(sql, &SqlParams::NONE, MINUTE).await?.rows)
}

fn rows_of(range: std::ops::Range<i64>) -> Vec<SqlParams> {
    let row = |n: i64| {
        SqlParams::Positional(vec![format!("v{}", n % 5).into(), n.into(), format!("w{n}").into()])
    };
    range.map(row).collect()
}
