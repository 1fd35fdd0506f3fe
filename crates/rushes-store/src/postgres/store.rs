//! The [`Store`] in PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::connect::Target;
use super::pool::{OWN, Pool, PostgresOptions, Size};
use super::sql::PostgresSql;
use super::words::Words;
use super::write::NewRow;
use super::{change, entries, finish, migrate, queries, runs, search, videos, write};
use crate::change::ChangeSet;
use crate::error::{Error, Result};
use crate::model::{
    BlobHash, Entry, EntryId, Kind, Message, NewEntry, Recipe, Role, Timeline, Video, VideoId,
};
use crate::page::{Cursor, Page};
use crate::prepare;
use crate::query::{EntryQuery, Hit, SearchQuery};
use crate::sql::Sql;
use crate::store::{Finished, Older, Run, RunId, Store, Unfinished};

/// Rows of a library in the schema `rushes` of a PostgreSQL database, version 13 or later. Belongs
/// to the Tokio runtime that it was opened on.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    words: Arc<Words>,
    sql: PostgresSql,
    /// Commits through this handle, for those who want to know whether there were any.
    commits: Arc<AtomicU64>,
}

impl PostgresStore {
    /// Opens the library in the database that the URL names
    /// (`postgres://user:password@host:port/name?sslmode=verify-full`), making its tables if they
    /// are not there and bringing older ones to the present schema. [`Error::Invalid`] for what is
    /// no such URL, a server that is too old and a database that does not hold Unicode;
    /// [`Error::NotFound`] where there is none and none is to be made; [`Error::TooNew`] for one of a
    /// newer release; [`Error::Database`] when the server is
    /// not to be reached. No error and no log says the password.
    pub async fn open(url: &str, options: &PostgresOptions) -> Result<Self> {
        let target = Target::read(url, options.connect_timeout)?;
        let size = Size {
            connections: options.connections,
            wait: options.wait,
            connect_timeout: options.connect_timeout,
            setup: OWN,
            more: "the connections of the library",
        };
        let pool = Pool::new(&target, &size)?;
        migrate::migrate(&pool, options.create).await?;
        let commits = Arc::new(AtomicU64::new(0));
        let sql = PostgresSql::open(&target, &pool, options, Arc::clone(&commits)).await?;
        Ok(Self { pool, words: Arc::new(Words::new()?), sql, commits })
    }

    /// Commits. It is counted whether it succeeds or not, as it may have happened all the same.
    async fn commit(&self, transaction: Transaction<'_>) -> Result<()> {
        let done = transaction.commit().await;
        self.commits.fetch_add(1, Ordering::Release);
        Ok(done?)
    }

    /// What rows of the entries need beyond their own: found on a thread for such work.
    async fn prepare(&self, entries: Vec<NewEntry>) -> Result<Vec<NewRow>> {
        let words = Arc::clone(&self.words);
        let work = move || {
            let score =
                |entry: &NewEntry| entry.data.get("score").and_then(serde_json::Value::as_f64);
            let scores: Vec<Option<f64>> = entries
                .iter()
                .map(|entry| entry.label.as_ref().and_then(|_| score(entry)))
                .collect();
            let prepared = prepare::prepare(entries)?;
            let texts: Vec<Option<&str>> = prepared.iter().map(|p| p.text.as_deref()).collect();
            let worded = words.worded(&texts)?;
            let rows = prepared.into_iter().zip(worded).zip(scores);
            Ok(rows.map(|((prepared, words), score)| NewRow { prepared, words, score }).collect())
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::Database(Box::new(error)))?
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn video(&self, id: &VideoId) -> Result<Option<Video>> {
        queries::video(&self.pool.get().await?, id).await
    }

    async fn video_by_hash(&self, hash: &BlobHash) -> Result<Option<Video>> {
        queries::video_by_hash(&self.pool.get().await?, hash).await
    }

    async fn find(&self, name: &str, limit: usize) -> Result<Vec<Video>> {
        queries::find(&self.pool.get().await?, name, limit).await
    }

    async fn videos(&self, limit: usize, after: Option<Cursor>) -> Result<Page<Video>> {
        queries::videos(&self.pool.get().await?, limit, after).await
    }

    async fn timelines(&self, video: &VideoId) -> Result<Vec<Timeline>> {
        entries::timelines(&self.pool.get().await?, video).await
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Page<Entry>> {
        entries::page(&self.pool.get().await?, query).await
    }

    async fn entries_of(&self, queries: &[EntryQuery]) -> Result<Vec<Page<Entry>>> {
        entries::pages(&mut self.pool.get().await?, queries).await
    }

    async fn count(&self, query: &EntryQuery) -> Result<u64> {
        entries::count(&self.pool.get().await?, query).await
    }

    async fn entry(&self, id: EntryId) -> Result<Option<Entry>> {
        entries::entry(&self.pool.get().await?, id).await
    }

    async fn was_given(&self, id: EntryId) -> Result<bool> {
        entries::was_given(&self.pool.get().await?, id).await
    }

    async fn entry_at(&self, video: &VideoId, kind: &Kind, at: f64) -> Result<Option<Entry>> {
        entries::entry_at(&self.pool.get().await?, video, kind, at).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Hit>> {
        search::search(&mut self.pool.get().await?, &self.words, query).await
    }

    async fn messages(&self, video: &VideoId, limit: usize, after: i64) -> Result<Page<Message>> {
        queries::messages(&self.pool.get().await?, video, limit, after).await
    }

    async fn changes_since(&self, seq: u64) -> Result<ChangeSet> {
        change::since(&self.pool.get().await?, seq).await
    }

    async fn seq(&self) -> Result<u64> {
        change::seq(&self.pool.get().await?).await
    }

    async fn put_video(&self, video: &Video) -> Result<ChangeSet> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let change = videos::put(&transaction, video).await?;
        self.commit(transaction).await?;
        Ok(change)
    }

    async fn remove_video(&self, id: &VideoId) -> Result<(ChangeSet, Vec<BlobHash>)> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let removed = videos::remove(&transaction, id).await?;
        self.commit(transaction).await?;
        Ok(removed)
    }

    async fn run_open(&self, video: &VideoId, recipe: &Recipe, resume: bool) -> Result<Run> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let run = runs::open(&transaction, video, recipe, resume).await?;
        self.commit(transaction).await?;
        Ok(run)
    }

    async fn run_write(&self, run: RunId, entries: Vec<NewEntry>) -> Result<u64> {
        let batch = self.prepare(entries).await?;
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let new = write::write(&transaction, run, &batch).await?;
        self.commit(transaction).await?;
        Ok(new)
    }

    async fn run_finish(&self, run: RunId, kinds: &[Kind], older: Older) -> Result<Finished> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let finished = finish::finish(&transaction, run, None, kinds, older).await?;
        self.commit(transaction).await?;
        Ok(finished)
    }

    async fn finish_ingest(
        &self,
        video: &Video,
        run: RunId,
        kinds: &[Kind],
        older: Older,
    ) -> Result<Finished> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let finished = finish::finish(&transaction, run, Some(video), kinds, older).await?;
        self.commit(transaction).await?;
        Ok(finished)
    }

    async fn run_abort(&self, run: RunId) -> Result<Vec<BlobHash>> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let blobs = runs::abort(&transaction, run).await?;
        self.commit(transaction).await?;
        Ok(blobs)
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        runs::unfinished(&self.pool.get().await?).await
    }

    async fn has_run(&self, video: &VideoId, recipe: &Recipe) -> Result<bool> {
        runs::finished(&self.pool.get().await?, video, recipe).await
    }

    async fn append(
        &self,
        video: &VideoId,
        role: Role,
        content: &str,
    ) -> Result<(Message, ChangeSet)> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let appended = videos::append(&transaction, video, role, content).await?;
        self.commit(transaction).await?;
        Ok(appended)
    }

    async fn unused(&self, blobs: &[BlobHash]) -> Result<Vec<BlobHash>> {
        videos::unused(&self.pool.get().await?, blobs.to_vec()).await
    }

    async fn named(&self, after: Option<BlobHash>, limit: usize) -> Result<Vec<BlobHash>> {
        queries::named(&self.pool.get().await?, after, limit).await
    }

    fn sql(&self) -> &dyn Sql {
        &self.sql
    }

    async fn facts(&self) -> Result<serde_json::Value> {
        let mut facts = queries::facts(&self.pool.get().await?).await?;
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("pool".to_owned(), self.pool.figures());
        }
        Ok(facts)
    }

    async fn check(&self) -> Result<Vec<String>> {
        queries::check(&self.pool.get().await?).await
    }
}
