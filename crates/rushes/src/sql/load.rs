//! Many single reads as one: what tasks ask one by one in the same moment goes to the database
//! together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rushes_cache::{Key, LoadError, Loaded, Wanted};
use rushes_store::{Fingerprint, Freshness, Query, Rows, Sql, SqlParams, SqlValue};
use tokio::sync::oneshot;

use super::ask::{SqlRequest, key};
use crate::engine::Rushes;
use crate::error::{Error, Kind, Result};
use crate::read::failed;

/// Keys that one statement asks for.
const KEYS: usize = 500;

/// The rows of one key.
pub type LoadedRows = Arc<Rows>;

/// Gathers reads of one shape. Clones share what is gathered.
#[derive(Clone)]
pub struct Loader {
    rushes: Rushes,
    shape: Arc<Shape>,
    waiting: Arc<Mutex<Vec<Waiting>>>,
}

/// `SELECT … WHERE column IN (?)`: the statement in front of and behind its one list, and the
/// column of its answer that holds the key.
#[derive(Debug)]
struct Shape {
    before: String,
    after: String,
    column: String,
    freshness: Freshness,
}

struct Waiting {
    key: SqlValue,
    answer: oneshot::Sender<Result<LoadedRows>>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Loader").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Rushes {
    /// A loader for a statement with exactly one `IN (?)` (or, in PostgreSQL, `IN ($1)`) and no other
    /// placeholder, whose answer has the key in `column`:
    /// `SELECT video_id, word FROM notes WHERE video_id IN (?)`.
    pub fn loader(&self, sql: &str, column: &str) -> Result<Loader> {
        let first = self.inner.store.sql().place(1);
        let (before, after) = sql
            .split_once("(?)")
            .or_else(|| sql.split_once(&format!("({first})")))
            .ok_or_else(|| Error::invalid("a loader's statement holds its key as IN (?)"))?;
        if [before, after].iter().any(|part| part.contains(&first)) {
            return Err(Error::invalid("a loader's statement has no placeholder beside IN (?)"));
        }
        let shape = Shape {
            before: before.to_owned(),
            after: after.to_owned(),
            column: column.to_owned(),
            freshness: Freshness::Strict,
        };
        let (rushes, waiting) = (self.clone(), Arc::default());
        Ok(Loader { rushes, shape: Arc::new(shape), waiting })
    }
}

/// Begins to gather when dropped: also when the task that asked first goes away, as the others
/// wait for it.
struct Gatherer(Loader);

impl Drop for Gatherer {
    fn drop(&mut self) {
        // Without a runtime nobody is left who waits.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let loader = self.0.clone();
            runtime.spawn(async move { loader.gather().await });
        }
    }
}

impl Loader {
    /// The rows of one key, none of one that is not there. What other tasks ask for meanwhile is
    /// asked for together; each key is cached for itself, and dropped by writes to what it was
    /// read from. Keys are text or whole numbers, of the type that the column holds.
    pub async fn load(&self, key: impl Into<SqlValue>) -> Result<LoadedRows> {
        let key = key.into();
        if !matches!(key, SqlValue::Text(_) | SqlValue::Integer(_)) {
            return Err(Error::invalid("a loader's key is text or a whole number"));
        }
        let (answer, answered) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(Waiting { key, answer });
            waiting.len() == 1
        };
        if first {
            // Whoever is ready asks before this task goes on, however many threads there are.
            let gatherer = Gatherer(self.clone());
            tokio::task::yield_now().await;
            drop(gatherer);
        }
        answered.await.map_err(|_| Error::new(Kind::Internal, "the loader was interrupted"))?
    }

    /// Lets tasks that are ready ask, then answers all who have.
    async fn gather(&self) {
        tokio::task::yield_now().await;
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_key: HashMap<Vec<u8>, (SqlValue, Vec<oneshot::Sender<_>>)> = HashMap::new();
        for Waiting { key, answer } in waiting {
            let bytes = SqlParams::Positional(vec![key.clone()]).to_bytes();
            by_key.entry(bytes).or_insert_with(|| (key, Vec::new())).1.push(answer);
        }
        let (keys, answers): (Vec<_>, Vec<_>) = by_key.into_values().unzip();
        let found = self.find(&keys).await;
        for (answers, found) in answers.into_iter().zip(found) {
            for answer in answers {
                // One who went away needs no answer.
                let _ = answer.send(found.clone());
            }
        }
    }

    /// The rows of each key, from the cache or, all that it lacks together, from the database.
    async fn find(&self, keys: &[SqlValue]) -> Vec<Result<LoadedRows>> {
        match self.wanted(keys).await {
            Err(error) => vec![Err(error); keys.len()],
            Ok(None) => match self.shape.ask(&self.rushes, keys).await {
                Ok(rows) => rows.into_iter().map(|rows| Ok(Arc::new(rows))).collect(),
                Err(error) => vec![Err(error); keys.len()],
            },
            Ok(Some(wanted)) => self.cached(keys, wanted).await,
        }
    }

    /// The cache's key of each key; nothing when answers are not to be cached.
    async fn wanted(&self, keys: &[SqlValue]) -> Result<Option<Vec<Wanted>>> {
        let store = self.rushes.inner.store.sql();
        let sql: Arc<str> = self.shape.sql(store, 1).into();
        let request = |value: &SqlValue| SqlRequest::new(Arc::clone(&sql), vec![value.clone()]);
        let requests: Vec<SqlRequest> = keys.iter().map(request).collect();
        let queries: Vec<Query> =
            requests.iter().map(|request| self.rushes.statement(request)).collect();
        let found = store.fingerprints(&queries, self.shape.freshness).await?;
        let mut wanted = Vec::with_capacity(keys.len());
        for ((request, query), found) in requests.iter().zip(&queries).zip(found) {
            let Fingerprint::Of { schema, sum } = found else { return Ok(None) };
            let key = key(store.identity(), request, query, [schema as u64, sum]);
            wanted.push(Wanted { key, scopes: Vec::new() });
        }
        Ok(Some(wanted))
    }

    async fn cached(&self, keys: &[SqlValue], wanted: Vec<Wanted>) -> Vec<Result<LoadedRows>> {
        let values: HashMap<Key, SqlValue> =
            wanted.iter().map(|wanted| wanted.key.clone()).zip(keys.iter().cloned()).collect();
        let (rushes, shape) = (self.rushes.clone(), Arc::clone(&self.shape));
        let ttl = Some(rushes.inner.settings.ttl);
        let load = move |missing: Vec<Key>| {
            let keys: Vec<SqlValue> =
                missing.iter().filter_map(|key| values.get(key).cloned()).collect();
            let (rushes, shape) = (rushes.clone(), Arc::clone(&shape));
            async move {
                let rows = shape.ask(&rushes, &keys).await;
                let rows = rows.map_err(|error| Arc::new(error) as LoadError)?;
                let loaded = |rows: Rows| Loaded { bytes: Some(Bytes::from(rows.to_bytes())), ttl };
                Ok(rows.into_iter().map(loaded).collect())
            }
        };
        let fetched = self.rushes.inner.cache.get_or_load_many(&wanted, load).await;
        fetched
            .into_iter()
            .map(|fetched| {
                let value = fetched.map_err(|error| failed(&error))?.value;
                let value = value.ok_or_else(|| Error::new(Kind::Internal, "rows were absent"))?;
                value.decoded(|bytes| {
                    let rows = Rows::from_bytes(bytes)?;
                    let weight = rows.bytes();
                    Ok::<_, Error>((rows, weight))
                })
            })
            .collect()
    }
}

impl Shape {
    /// The statement for so many keys.
    fn sql(&self, store: &dyn Sql, keys: usize) -> String {
        let places: Vec<String> = (1..=keys).map(|number| store.place(number)).collect();
        format!("{}({}){}", self.before, places.join(", "), self.after)
    }

    /// One statement for all keys (or a few, for very many); the rows of each, in their order.
    async fn ask(&self, rushes: &Rushes, keys: &[SqlValue]) -> Result<Vec<Rows>> {
        let mut all = Vec::with_capacity(keys.len());
        for some in keys.chunks(KEYS) {
            // Few different statements, so that they stay prepared: the last key fills the list.
            let places = some.len().next_power_of_two();
            let last = some.last().cloned().unwrap_or(SqlValue::Null);
            let mut values = some.to_vec();
            values.resize(places, last);
            let request = SqlRequest {
                cache: false,
                ..SqlRequest::new(
                    self.sql(rushes.inner.store.sql(), places),
                    SqlParams::Positional(values),
                )
            };
            all.extend(self.apart(&rushes.query(&request).await?.rows, some)?);
        }
        Ok(all)
    }

    /// Gives each key its rows.
    fn apart(&self, rows: &Rows, keys: &[SqlValue]) -> Result<Vec<Rows>> {
        let is_it = |column: &String| column.eq_ignore_ascii_case(&self.column);
        let column = rows.columns.iter().position(is_it).ok_or_else(|| {
            Error::invalid(format!("the loader's statement answers no column {}", self.column))
        })?;
        let none = || Rows { columns: rows.columns.clone(), rows: Vec::new() };
        let mut apart: Vec<Rows> = keys.iter().map(|_| none()).collect();
        for row in &rows.rows {
            let at = keys.iter().position(|key| row.get(column) == Some(key));
            match at.and_then(|at| apart.get_mut(at)) {
                Some(own) => own.rows.push(row.clone()),
                None => {
                    return Err(Error::invalid(format!(
                        "a row has {:?} in {}, which is none of the keys asked for: name the \
                         column that is compared, and keys of its type",
                        row.get(column),
                        self.column
                    )));
                }
            }
        }
        Ok(apart)
    }
}
