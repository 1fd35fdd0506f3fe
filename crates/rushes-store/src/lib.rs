//! What is known about videos: rows in SQL, bytes in content-addressed blobs.
//!
//! A [`Video`] is known by the hash of its bytes. What is known *about* it are entries: each says
//! one thing ([`Entry::data`]) of one [`Kind`] for a span of media time, and which [`Recipe`] made
//! it. Bytes (pictures, timing indexes) lie in [`Blobs`], and rows refer to them by hash.
//!
//! All goes through one trait, [`Store`]; [`SqliteStore`] keeps a library in one file. Three ideas
//! carry it:
//!
//! * **Runs.** Work of many batches is written in a [`Run`]: [`Store::run_open`],
//!   [`Store::run_write`] as often as needed, [`Store::run_finish`]. No read sees any of it before
//!   the end, and then all of it at once. A batch that was acknowledged survives a kill, so the
//!   next process resumes the run. Writing the same entry again changes nothing.
//! * **Time.** Entries are read by [`Window`], in the order of (start, id), page by page: a page
//!   costs the same at any depth, and none is lost or doubled while others write.
//! * **Change sets.** Each commit counts up one number and records, in its own transaction, what
//!   it touched. The writer gets it as a [`ChangeSet`]; other processes ask
//!   [`Store::changes_since`], which costs microseconds while nothing has changed.
//!
//! [`Store::sql`] is the door for statements as their author wrote them: reads whose cached answers
//! are dropped exactly ([`Sql::fingerprint`]), writes to tables of the user's, plans and advice.
//!
//! ```
//! use rushes_store::{
//!     BlobHash, EntryQuery, Kind, NewEntry, Older, Recipe, SqliteOptions, SqliteStore, Store,
//!     Video, VideoId, Window,
//! };
//! use serde_json::json;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let store = SqliteStore::open(&folder.path().join("rushes.db"), &SqliteOptions::default())?;
//! let hash = BlobHash::of(b"the bytes of heron.mp4");
//! let video = Video {
//!     id: VideoId::of(&hash),
//!     hash,
//!     name: "heron.mp4".to_owned(),
//!     path: Some("/videos/heron.mp4".to_owned()),
//!     media: None,
//!     size: 22,
//!     start: 0.0,
//!     duration: 60.0,
//!     probe: json!({"width": 1280, "height": 720}),
//!     thumbnail: None,
//!     timing: None,
//!     added: 1_750_000_000.0,
//! };
//! let recipe = Recipe { model: "seer-2".to_owned(), ..Recipe::default() };
//! let caption = NewEntry {
//!     kind: Kind::new("caption")?,
//!     start: 12.5,
//!     end: 15.0,
//!     estimated: false,
//!     data: json!({"text": "a heron lands"}),
//!     text: Some("a heron lands".to_owned()),
//!     label: None,
//!     blob: None,
//! };
//!
//! let run = store.run_open(&video.id, &recipe, true).await?;
//! store.run_write(run.id, vec![caption]).await?;
//! assert!(store.video(&video.id).await?.is_none(), "nothing is seen yet");
//! let finished = store.finish_ingest(&video, run.id, &[], Older::Keep).await?;
//! assert_eq!((finished.added, finished.change.seq), (1, 1));
//!
//! let query = EntryQuery {
//!     video: video.id.clone(),
//!     kinds: Vec::new(),
//!     window: Window::new(Some(14.0), Some(20.0))?,
//!     model: None,
//!     limit: 100,
//!     after: None,
//! };
//! let page = store.entries(&query).await?;
//! assert_eq!(page.items[0].data["text"], "a heron lands");
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `testing`, `rushes_store::testing::conformance` checks all that the trait
//! promises; every backend passes it.

mod blob;
mod change;
mod error;
mod lock;
mod migrations;
mod model;
mod page;
#[cfg(feature = "postgres")]
mod postgres;
mod prepare;
mod query;
mod sql;
mod sqlite;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod words;

pub use blob::{BlobHold, BlobState, Blobs};
pub use change::{Change, ChangeSet};
pub use error::{Error, Result};
pub use lock::VideoLock;
pub use model::{
    BlobHash, Entry, EntryId, Kind, Message, NewEntry, Recipe, Role, Timeline, Video, VideoId,
    Window,
};
pub use page::{Cursor, Page};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
pub use query::{EntryQuery, Hit, SearchQuery};
pub use sql::{
    Advice, Batch, BatchDone, Example, Executed, FailedRow, Fingerprint, Freshness, Monitor,
    Outcome, Plan, PlanStep, Progress, Query, Rows, Sql, SqlOptions, SqlParams, SqlValue,
    StatementFigures, Suggestion, Upsert,
};
pub use sqlite::{CopyProgress, Durability, SqliteCopy, SqliteOptions, SqliteStore};
pub use store::{Finished, Older, Run, RunId, Store, Unfinished};
