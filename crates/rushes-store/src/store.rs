//! The door to the durable truth: one trait, one conformance suite, several databases.

use async_trait::async_trait;

use crate::change::ChangeSet;
use crate::error::Result;
use crate::model::{
    BlobHash, Entry, EntryId, Kind, Message, NewEntry, Recipe, Role, Timeline, Video, VideoId,
};
use crate::page::{Cursor, Page};
use crate::query::{EntryQuery, Hit, SearchQuery};
use crate::sql::Sql;

/// Names an open run.
pub type RunId = i64;

/// What becomes of older entries of the same kinds when a run is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// They stay, and the new ones stand beside them.
    Keep,
    /// Those of the same recipe that this run did not write again are removed in the same commit.
    Own,
    /// All that this run did not write again are removed in the same commit, whoever made them.
    Replace,
}

/// A run that is being written: entries of one recipe for one video, invisible until finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// How many entries it already holds (more than 0 when an interrupted run is resumed).
    pub count: u64,
    /// The greatest start among them, seconds.
    pub last: Option<f64>,
}

/// A run that is open: being written, or left by a writer that died.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// Its id.
    pub run: RunId,
    /// The video it is of, which no read may know yet.
    pub video: VideoId,
    /// The video's name, once reads know it.
    pub name: Option<String>,
    /// What makes its entries.
    pub recipe: Recipe,
    /// How many entries it holds.
    pub count: u64,
}

/// What [`Store::run_finish`] reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Entries that became visible.
    pub added: u64,
    /// Older entries that were removed.
    pub removed: u64,
    /// Blobs of the removed entries that nothing refers to any more. See [`crate::Blobs::hold`]
    /// before deleting their files.
    pub blobs: Vec<BlobHash>,
    /// What was touched.
    pub change: ChangeSet,
}

/// Rows of a library.
///
/// A write has happened, durably, when its call returns. Work of several batches goes through a
/// *run*: `run_open`, `run_write` as often as needed, `run_finish`; its entries are invisible to
/// every read until it is finished, and a run whose writer died is resumed or dropped by the next.
/// Entries equal in video, kind, recipe, times and data are one: writing them again changes nothing.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The video with this id.
    async fn video(&self, id: &VideoId) -> Result<Option<Video>>;
    /// The video with this content.
    async fn video_by_hash(&self, hash: &BlobHash) -> Result<Option<Video>>;
    /// Videos that `name` may mean, by the first of these that finds any: the exact id; the exact
    /// name, present or former; ids that begin so (4 digits or more). At most `limit`, newest
    /// first.
    async fn find(&self, name: &str, limit: usize) -> Result<Vec<Video>>;
    /// All videos, newest first, by keyset (cursor: `added`, row id).
    async fn videos(&self, limit: usize, after: Option<Cursor>) -> Result<Page<Video>>;
    /// What is known of a video, kind by kind.
    async fn timelines(&self, video: &VideoId) -> Result<Vec<Timeline>>;
    /// A page of entries.
    async fn entries(&self, query: &EntryQuery) -> Result<Page<Entry>>;
    /// The first page of each of several questions, all as of one moment where the database has
    /// such a thing: what a reader asks who is missing pieces of a timeline.
    async fn entries_of(&self, queries: &[EntryQuery]) -> Result<Vec<Page<Entry>>> {
        let mut pages = Vec::with_capacity(queries.len());
        for query in queries {
            pages.push(self.entries(query).await?);
        }
        Ok(pages)
    }
    /// How many entries a question finds on all its pages; its `limit` and `after` do not count.
    async fn count(&self, query: &EntryQuery) -> Result<u64>;
    /// One entry; `None` when it never existed, was deleted or is not yet visible.
    async fn entry(&self, id: EntryId) -> Result<Option<Entry>>;
    /// Whether an id was ever given (a gone entry, as opposed to one that never was).
    async fn was_given(&self, id: EntryId) -> Result<bool>;
    /// The last entry of a kind that starts at or before `at`.
    async fn entry_at(&self, video: &VideoId, kind: &Kind, at: f64) -> Result<Option<Entry>>;
    /// A ranked search.
    async fn search(&self, query: &SearchQuery) -> Result<Vec<Hit>>;
    /// Messages about a video, oldest first, by keyset on the id.
    async fn messages(&self, video: &VideoId, limit: usize, after: i64) -> Result<Page<Message>>;

    /// What other handles and processes changed since the commit `seq`, by the generations that
    /// every commit writes. Cheap when nothing did (no query at all for SQLite: a pragma).
    async fn changes_since(&self, seq: u64) -> Result<ChangeSet>;
    /// The library's commit counter.
    async fn seq(&self) -> Result<u64>;

    /// Adds a video, or alters the one with its id; other names of the same content are kept as
    /// aliases. [`crate::Error::Invalid`] when the id has other content, or the content another id.
    async fn put_video(&self, video: &Video) -> Result<ChangeSet>;
    /// Removes a video and all rows of it, those of open runs included; returns the blobs that
    /// nothing refers to any more. See [`crate::Blobs::hold`] before deleting their files.
    async fn remove_video(&self, id: &VideoId) -> Result<(ChangeSet, Vec<BlobHash>)>;
    /// Opens a run, or resumes the unfinished one of the same video and recipe when `resume`;
    /// otherwise an unfinished one of the same video and recipe is dropped. The video itself may
    /// come later, by [`Store::finish_ingest`]: until then no read sees anything of it. The caller
    /// holds the video's write lock ([`crate::VideoLock`]).
    async fn run_open(&self, video: &VideoId, recipe: &Recipe, resume: bool) -> Result<Run>;
    /// Adds a batch in one transaction. Returns how many were new.
    async fn run_write(&self, run: RunId, entries: Vec<NewEntry>) -> Result<u64>;
    /// Makes the run's entries visible, in one commit. `kinds` are those that were computed, with
    /// or without entries. What becomes of older ones holds for these kinds; other than
    /// [`Older::Keep`] is for runs that were opened without `resume`.
    /// [`crate::Error::NotFound`] when the video is not there (any more).
    async fn run_finish(&self, run: RunId, kinds: &[Kind], older: Older) -> Result<Finished>;
    /// [`Store::put_video`] and [`Store::run_finish`] in one commit: a video appears together with
    /// its frames.
    async fn finish_ingest(
        &self,
        video: &Video,
        run: RunId,
        kinds: &[Kind],
        older: Older,
    ) -> Result<Finished>;
    /// Drops a run and its entries, and the place of a video that nothing else holds; returns the
    /// blobs that nothing refers to any more.
    async fn run_abort(&self, run: RunId) -> Result<Vec<BlobHash>>;
    /// All open runs, oldest first. Whether one is being written, its video's lock tells.
    async fn unfinished(&self) -> Result<Vec<Unfinished>>;
    /// Whether a run of this recipe was finished for this video, and nothing of it replaced since.
    async fn has_run(&self, video: &VideoId, recipe: &Recipe) -> Result<bool>;
    /// Appends a message.
    async fn append(
        &self,
        video: &VideoId,
        role: Role,
        content: &str,
    ) -> Result<(Message, ChangeSet)>;
    /// Those of `blobs`, each once, that no row refers to; rows of open runs count.
    async fn unused(&self, blobs: &[BlobHash]) -> Result<Vec<BlobHash>>;
    /// Blobs that any row names, those of open runs included: each once, in order, at most `limit`
    /// of those after `after`.
    async fn named(&self, after: Option<BlobHash>, limit: usize) -> Result<Vec<BlobHash>>;
    /// SQL for those who ask.
    fn sql(&self) -> &dyn Sql;
    /// Bytes, rows and versions, for `stats` and `doctor`; a JSON object.
    async fn facts(&self) -> Result<serde_json::Value>;
    /// Problems that an integrity check found, one a line; empty when sound. What only a writer can
    /// check is left out of a library that is opened to be read.
    async fn check(&self) -> Result<Vec<String>>;
}
