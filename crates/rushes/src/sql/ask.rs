//! Statements that read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rushes_cache::{Key, LoadError, Loaded, Origin, Scope};
use rushes_store::{Fingerprint, Freshness, Outcome, Query, Rows, SqlParams};
use serde::{Serialize, Serializer};

use crate::engine::Rushes;
use crate::error::{Error, Result};
use crate::read::{Served, Tier, failed, served_by};

/// The cache's namespace of answers.
pub(crate) const NAMESPACE: &str = "sql";
/// Tags of one answer.
const TAGS: usize = 16;

/// Asks with SQL.
#[derive(Clone, Debug)]
pub struct SqlRequest {
    /// One statement that reads: SELECT, VALUES, WITH … SELECT.
    pub sql: Arc<str>,
    /// What its placeholders stand for.
    pub params: SqlParams,
    /// How fresh the answer must be.
    pub freshness: Freshness,
    /// Whether the cache may answer, and is to keep the answer.
    pub cache: bool,
    /// How long an answer is kept at most; the setting `ttl` when not given.
    pub ttl: Option<Duration>,
    /// Names under which the answer can be dropped by [`Rushes::forget`], beside being dropped by
    /// every write to what it was read from.
    pub tags: Vec<String>,
    /// The most rows; more are an error. 100,000 when not given.
    pub rows: Option<usize>,
    /// How long the statement may run; the setting `sql_timeout` when not given.
    pub timeout: Option<Duration>,
}

impl SqlRequest {
    /// Asks with what is usual for the rest: strictly fresh, cached.
    pub fn new(sql: impl Into<Arc<str>>, params: impl Into<SqlParams>) -> Self {
        Self {
            sql: sql.into(),
            params: params.into(),
            freshness: Freshness::Strict,
            cache: true,
            ttl: None,
            tags: Vec::new(),
            rows: None,
            timeout: None,
        }
    }
}

/// What a statement answered.
#[derive(Clone, Debug)]
pub struct SqlAnswer {
    /// Columns and rows, shared with the cache.
    pub rows: Arc<Rows>,
    /// Why the answer was not and will not be cached, if so.
    pub uncached: Option<Arc<str>>,
    /// Who answered.
    pub served: Served,
}

impl Serialize for SqlAnswer {
    fn serialize<S: Serializer>(&self, out: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            columns: &'a [String],
            rows: &'a [Vec<rushes_store::SqlValue>],
            #[serde(skip_serializing_if = "Option::is_none")]
            uncached: Option<&'a str>,
            #[serde(skip_serializing_if = "Served::is_told_apart")]
            served: Served,
        }
        let Rows { columns, rows } = &*self.rows;
        let uncached = self.uncached.as_deref();
        Shown { columns, rows, uncached, served: self.served }.serialize(out)
    }
}

impl Rushes {
    /// Answers a statement that reads. A cached answer is never one that a write, by whichever
    /// process, has made untrue; with [`Freshness::Near`] others' writes may go unseen for the
    /// `staleness` setting. Fails when the statement is wrong, would write, takes longer or answers
    /// more than allowed, or when all connections stay busy.
    pub async fn query(&self, request: &SqlRequest) -> Result<SqlAnswer> {
        // A hit never waits, so a task that asks in a loop would keep its thread from all others.
        tokio::task::coop::consume_budget().await;
        let began = Instant::now();
        let query = self.statement(request);
        let answer = self.rows_of(request, &query).await;
        let (outcome, result) = match answer {
            Ok((rows, tier, uncached)) => {
                let outcome = match tier {
                    Tier::Store => Outcome::Done(began.elapsed(), rows.rows.len() as u64),
                    _ => Outcome::Cached,
                };
                let served = self.inner.meter.note(tier, began);
                (outcome, Ok(SqlAnswer { rows, uncached, served }))
            }
            Err(error) => (Outcome::Failed(began.elapsed()), Err(error)),
        };
        self.note_statement(&query.sql, &query.params, &outcome);
        result
    }

    /// Drops answers that were tagged so, as a write to what they were read from would.
    pub async fn forget(&self, tag: &str) {
        self.inner.cache.invalidate(&[tagged(tag)]).await;
    }

    pub(super) fn statement(&self, request: &SqlRequest) -> Query {
        let usual = Query::new(request.sql.clone(), request.params.clone());
        Query {
            rows: request.rows.unwrap_or(usual.rows),
            timeout: request.timeout.unwrap_or(self.inner.settings.sql_timeout),
            ..usual
        }
    }

    async fn rows_of(
        &self,
        request: &SqlRequest,
        query: &Query,
    ) -> Result<(Arc<Rows>, Tier, Option<Arc<str>>)> {
        if request.tags.len() > TAGS {
            return Err(Error::invalid(format!("an answer has at most {TAGS} tags")));
        }
        let store = &self.inner.store;
        if !request.cache {
            let rows = store.sql().read(query).await?;
            return Ok((Arc::new(rows), Tier::Store, None));
        }
        match store.sql().fingerprint(query, request.freshness).await? {
            Fingerprint::None(why) => {
                let rows = store.sql().read(query).await?;
                Ok((Arc::new(rows), Tier::Store, Some(why)))
            }
            Fingerprint::Of { schema, sum } => {
                let key = key(store.sql().identity(), request, query, [schema as u64, sum]);
                let (rows, tier) = self.cached_rows(&key, request, query).await?;
                Ok((rows, tier, None))
            }
        }
    }

    /// The key says as of which generations the answer is; the rows are read after these were, so
    /// they are at least as new as the key says, and whoever asks later asks for a later key.
    async fn cached_rows(
        &self,
        key: &Key,
        request: &SqlRequest,
        query: &Query,
    ) -> Result<(Arc<Rows>, Tier)> {
        let store = Arc::clone(&self.inner.store);
        let ttl = Some(request.ttl.unwrap_or(self.inner.settings.ttl));
        let query = query.clone();
        let load = move || async move {
            let rows = store.sql().read(&query).await;
            let rows = rows.map_err(|error| Arc::new(Error::from(error)) as LoadError)?;
            Ok(Loaded { bytes: Some(Bytes::from(rows.to_bytes())), ttl })
        };
        let scopes: Vec<Scope> = request.tags.iter().map(|tag| tagged(tag)).collect();
        let fetched = self.inner.cache.get_or_load(key, &scopes, load).await;
        let fetched = fetched.map_err(|error| failed(&error))?;
        let value = fetched.value.ok_or_else(|| Error::invalid("rows were cached as absent"))?;
        let rows = value.decoded(|bytes| {
            let rows = Rows::from_bytes(bytes)?;
            let weight = rows.bytes();
            Ok::<_, Error>((rows, weight))
        })?;
        let tier = match fetched.origin {
            Origin::Source => Tier::Store,
            origin => served_by(origin, Tier::Store),
        };
        Ok((rows, tier))
    }
}

fn tagged(tag: &str) -> Scope {
    Scope::path(["sql-tag", tag])
}

/// All that makes an answer what it is: the database, the statement, its values and bounds, what it
/// may be dropped by, and the generations of what it reads.
pub(super) fn key(
    identity: &str,
    request: &SqlRequest,
    query: &Query,
    generations: [u64; 2],
) -> Key {
    let mut hasher = blake3::Hasher::new();
    let mut feed = |bytes: &[u8]| {
        hasher.update(&bytes.len().to_le_bytes());
        hasher.update(bytes);
    };
    feed(identity.as_bytes());
    feed(query.sql.as_bytes());
    feed(&query.params.to_bytes());
    for number in generations.into_iter().chain([query.rows as u64, query.bytes as u64]) {
        feed(&number.to_le_bytes());
    }
    for tag in &request.tags {
        feed(tag.as_bytes());
    }
    Key::new(NAMESPACE, hasher.finalize().as_bytes())
}
