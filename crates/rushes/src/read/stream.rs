//! All entries of a question, page after page, the next one read while the reader is busy with the
//! one before: constant memory, however long the timeline.

use futures::Stream;
use futures::stream::unfold;
use tokio::task::JoinSet;

use super::entries::{Entries, EntriesRequest};
use super::total::Total;
use crate::engine::Rushes;
use crate::error::{Error, Kind, Result};

impl Rushes {
    /// The pages of a request, one after the other, from its cursor on; each holds `limit` entries
    /// (100 when not given). At most one page is read ahead of the reader, and dropping the stream
    /// ends that. It ends behind the first error. Entries that are written meanwhile are found if
    /// they lie behind where the reader is.
    pub fn entries_stream(
        &self,
        request: EntriesRequest,
    ) -> impl Stream<Item = Result<Entries>> + Send + 'static {
        let reader = Reader { engine: self.clone(), next: Some(request), ahead: JoinSet::new() };
        unfold(reader, |mut reader| async move {
            let page = reader.page().await?;
            Some((page, reader))
        })
    }
}

struct Reader {
    engine: Rushes,
    /// What to ask next, unless that is under way.
    next: Option<EntriesRequest>,
    ahead: JoinSet<(EntriesRequest, Result<Entries>)>,
}

impl Reader {
    async fn page(&mut self) -> Option<Result<Entries>> {
        let (request, page) = match self.ahead.join_next().await {
            Some(Ok(read)) => read,
            Some(Err(error)) => {
                return Some(Err(Error::caused(Kind::Internal, "the read was broken off", error)));
            }
            None => {
                let request = self.next.take()?;
                let page = self.engine.entries(&request).await;
                (request, page)
            }
        };
        if let Ok(Entries { next: Some(cursor), .. }) = &page {
            let cursor = Some(cursor.clone());
            let request = EntriesRequest { cursor, total: Total::None, ..request };
            let engine = self.engine.clone();
            self.ahead.spawn(async move {
                let page = engine.entries(&request).await;
                (request, page)
            });
        }
        Some(page)
    }
}
