//! Videos: the list, one by name, and what is known of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rushes_store::{Page, Timeline, Video, VideoId};

use super::cursor;
use super::entries::limit;
use super::fetch::From;
use super::key::Scopes;
use crate::engine::{Rushes, Videos};
use crate::error::Result;

/// What the cursor of the list belongs to.
const QUESTION: &str = "videos";

impl Rushes {
    /// Videos, newest first; `limit` is 1 to 1000.
    pub async fn videos(&self, limit_given: usize, cursor_given: Option<&str>) -> Result<Videos> {
        let began = Instant::now();
        let limit = limit(Some(limit_given), limit_given, 1000)?;
        let after = cursor_given.map(|text| cursor::read(text, QUESTION)).transpose()?;
        let store = self.inner.store.clone();
        let page: From<Arc<Page<Video>>> = self
            .records(format!("videos/{limit}/{after:?}"), &[Scopes::videos()], move || async move {
                Ok(store.videos(limit, after).await?)
            })
            .await?;
        Ok(Videos {
            items: Arc::new(page.value.items.clone()),
            next: page.value.next.map(|place| cursor::write(place, QUESTION)),
            served: self.inner.meter.note(page.tier, began),
        })
    }

    /// The one video that `name` means: an id, a unique prefix of ids (4 digits or more), or a
    /// name. Fails when there is none, or when it may mean several.
    pub async fn video(&self, name: &str) -> Result<Video> {
        Ok((*self.resolve(name).await?.value).clone())
    }

    /// What is known of a video, kind by kind. A kind that is not listed was never computed.
    pub async fn timelines(&self, video: &VideoId) -> Result<Vec<Timeline>> {
        Ok((*self.known(video).await?.value).clone())
    }

    /// Path of the video's file, for players: where it was ingested from, or in the library. Fails
    /// when the file is gone or another one is there.
    pub async fn media(&self, video: &str) -> Result<PathBuf> {
        let video = self.resolve(video).await?;
        self.source(&video.value).await
    }
}
