//! What is known about videos: rows in SQL, bytes in content-addressed blobs.

mod blob;
mod change;
mod error;
mod lock;
mod model;
mod page;
mod query;
mod sqlite;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use blob::{BlobHold, Blobs};
pub use change::{Change, ChangeSet};
pub use error::{Error, Result};
pub use lock::VideoLock;
pub use model::{
    BlobHash, Entry, EntryId, Kind, Message, NewEntry, Recipe, Role, Timeline, Video, VideoId,
    Window,
};
pub use page::{Cursor, Page};
pub use query::{EntryQuery, Hit, SearchQuery};
pub use sqlite::{Durability, SqliteOptions, SqliteStore};
pub use store::{Finished, Older, Run, RunId, Store};
