//! The conversation about a video, oldest first.

use std::sync::Arc;
use std::time::Instant;

use rushes_store::{Message, Page};

use super::cursor;
use super::entries::limit;
use super::fetch::From;
use super::key::Scopes;
use crate::engine::{Messages, Rushes};
use crate::error::Result;

impl Rushes {
    /// Messages about a video, oldest first; `limit` is 1 to 1000.
    pub async fn messages(
        &self,
        video: &str,
        limit_given: usize,
        cursor_given: Option<&str>,
    ) -> Result<Messages> {
        let began = Instant::now();
        let video = self.resolve(video).await?;
        let limit = limit(Some(limit_given), limit_given, 1000)?;
        let id = video.value.id.clone();
        let question = format!("messages {id}");
        let after = cursor_given.map(|text| cursor::read(text, &question)).transpose()?;
        let after = after.map_or(0, |place| place.id);
        let scopes = [Scopes::video(&id), Scopes::messages(&id)];
        let store = self.inner.store.clone();
        let page: From<Arc<Page<Message>>> = self
            .records(format!("video/{id}/messages/{limit}/{after}"), &scopes, move || async move {
                Ok(store.messages(&id, limit, after).await?)
            })
            .await?;
        Ok(Messages {
            items: Arc::new(page.value.items.clone()),
            next: page.value.next.map(|place| cursor::write(place, &question)),
            served: self.inner.meter.note(video.tier.max(page.tier), began),
        })
    }
}
