//! The [`Store`] in one SQLite file.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::change::{self, Watch};
use super::connection::{
    Access, Readers, SqliteOptions, Writer, access_to_read, open_reader, open_writer,
};
use super::sql::SqliteSql;
use super::{entries, finish, migrate, queries, runs, search, videos, write};
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

/// Rows of a library in one SQLite file. Needs a Tokio runtime; on one with several threads short
/// reads run in place. Dropping it waits for the write under way.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    watch: Watch,
    sql: SqliteSql,
}

impl SqliteStore {
    /// Opens the library file at `path` only to read it, changing nothing of it or beside it: for
    /// files that this process may not write. What others write meanwhile is seen if they had it
    /// open before; while nobody has, it is taken not to change. [`Error::Invalid`] also when its
    /// last writer died and its log is still to be applied, or when an older release made it.
    pub fn open_to_read(path: &Path, options: &SqliteOptions) -> Result<Self> {
        let access = access_to_read(path)?;
        migrate::verify_present(&open_reader(path, options, access)?, path)?;
        let writer = Arc::new(Writer::none());
        let commits = Arc::default();
        Ok(Self {
            sql: SqliteSql::new(path, options, access, Arc::clone(&writer), commits)?,
            writer,
            readers: Arc::new(Readers::new(path, options, access)),
            watch: Watch::open(path, options, access)?,
        })
    }

    /// Opens the library file at `path`, making it (and its folder) if it is not there, and
    /// bringing an older one to the present schema. [`Error::TooNew`] for one of a newer release,
    /// [`Error::Invalid`] for a database that is no library, [`Error::Corrupt`] for a file that
    /// is no database.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(Error::io(format!("make the folder {}", folder.display())))?;
        }
        let mut db = open_writer(path, options)?;
        migrate::migrate(&mut db, path, options.busy_timeout)?;
        let commits = Arc::default();
        let writer = Arc::new(Writer::start(db, Arc::clone(&commits))?);
        Ok(Self {
            sql: SqliteSql::new(path, options, Access::Whole, Arc::clone(&writer), commits)?,
            writer,
            readers: Arc::new(Readers::new(path, options, Access::Whole)),
            watch: Watch::open(path, options, Access::Whole)?,
        })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn video(&self, id: &VideoId) -> Result<Option<Video>> {
        self.readers.short(|db| queries::video(db, id)).await
    }

    async fn video_by_hash(&self, hash: &BlobHash) -> Result<Option<Video>> {
        self.readers.short(|db| queries::video_by_hash(db, hash)).await
    }

    async fn find(&self, name: &str, limit: usize) -> Result<Vec<Video>> {
        self.readers.short(|db| queries::find(db, name, limit)).await
    }

    async fn videos(&self, limit: usize, after: Option<Cursor>) -> Result<Page<Video>> {
        self.readers.short(|db| queries::videos(db, limit, after)).await
    }

    async fn timelines(&self, video: &VideoId) -> Result<Vec<Timeline>> {
        self.readers.short(|db| entries::timelines(db, video)).await
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Page<Entry>> {
        self.readers.short(|db| entries::page(db, query)).await
    }

    async fn entries_of(&self, queries: &[EntryQuery]) -> Result<Vec<Page<Entry>>> {
        self.readers.short(|db| entries::pages(db, queries)).await
    }

    async fn count(&self, query: &EntryQuery) -> Result<u64> {
        let query = query.clone();
        self.readers.long(move |db| entries::count(db, &query)).await
    }

    async fn entry(&self, id: EntryId) -> Result<Option<Entry>> {
        self.readers.short(|db| entries::entry(db, id)).await
    }

    async fn was_given(&self, id: EntryId) -> Result<bool> {
        self.readers.short(|db| entries::was_given(db, id)).await
    }

    async fn entry_at(&self, video: &VideoId, kind: &Kind, at: f64) -> Result<Option<Entry>> {
        self.readers.short(|db| entries::entry_at(db, video, kind, at)).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Hit>> {
        let query = query.clone();
        self.readers.long(move |db| search::search(db, &query)).await
    }

    async fn messages(&self, video: &VideoId, limit: usize, after: i64) -> Result<Page<Message>> {
        self.readers.short(|db| queries::messages(db, video, limit, after)).await
    }

    async fn changes_since(&self, seq: u64) -> Result<ChangeSet> {
        self.watch.since(seq)
    }

    async fn seq(&self) -> Result<u64> {
        self.readers.short(change::seq).await
    }

    async fn put_video(&self, video: &Video) -> Result<ChangeSet> {
        let video = video.clone();
        self.writer.run(move |transaction| videos::put(transaction, &video)).await
    }

    async fn remove_video(&self, id: &VideoId) -> Result<(ChangeSet, Vec<BlobHash>)> {
        let id = id.clone();
        self.writer.run(move |transaction| videos::remove(transaction, &id)).await
    }

    async fn run_open(&self, video: &VideoId, recipe: &Recipe, resume: bool) -> Result<Run> {
        let (video, recipe) = (video.clone(), recipe.clone());
        self.writer.run(move |transaction| runs::open(transaction, &video, &recipe, resume)).await
    }

    async fn run_write(&self, run: RunId, entries: Vec<NewEntry>) -> Result<u64> {
        let batch = prepare::prepare(entries)?;
        self.writer.run(move |transaction| write::write(transaction, run, &batch)).await
    }

    async fn run_finish(&self, run: RunId, kinds: &[Kind], older: Older) -> Result<Finished> {
        let kinds = kinds.to_vec();
        self.writer
            .run(move |transaction| finish::finish(transaction, run, None, &kinds, older))
            .await
    }

    async fn finish_ingest(
        &self,
        video: &Video,
        run: RunId,
        kinds: &[Kind],
        older: Older,
    ) -> Result<Finished> {
        let (video, kinds) = (video.clone(), kinds.to_vec());
        self.writer
            .run(move |transaction| finish::finish(transaction, run, Some(&video), &kinds, older))
            .await
    }

    async fn run_abort(&self, run: RunId) -> Result<Vec<BlobHash>> {
        self.writer.run(move |transaction| runs::abort(transaction, run)).await
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        self.readers.short(runs::unfinished).await
    }

    async fn has_run(&self, video: &VideoId, recipe: &Recipe) -> Result<bool> {
        self.readers.short(|db| runs::finished(db, video, recipe)).await
    }

    async fn append(
        &self,
        video: &VideoId,
        role: Role,
        content: &str,
    ) -> Result<(Message, ChangeSet)> {
        let (video, content) = (video.clone(), content.to_owned());
        self.writer.run(move |transaction| videos::append(transaction, &video, role, content)).await
    }

    async fn unused(&self, blobs: &[BlobHash]) -> Result<Vec<BlobHash>> {
        let blobs = blobs.to_vec();
        self.readers.long(move |db| videos::unused(db, blobs)).await
    }

    async fn named(&self, after: Option<BlobHash>, limit: usize) -> Result<Vec<BlobHash>> {
        self.readers.long(move |db| queries::named(db, after.as_ref(), limit)).await
    }

    fn sql(&self) -> &dyn Sql {
        &self.sql
    }

    async fn facts(&self) -> Result<serde_json::Value> {
        self.readers.long(queries::facts).await
    }

    async fn check(&self) -> Result<Vec<String>> {
        let mut problems = self.readers.long(queries::check).await?;
        if self.writer.may_write() {
            problems.extend(self.writer.run(queries::check_text).await?);
        }
        Ok(problems)
    }
}
