//! Entries of a video in a window of time, page by page.

use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;
use rushes_store::{Entry, EntryQuery, Kind, Page, Timeline, Video, VideoId, Window};
use serde::{Deserialize, Serialize};

use super::cursor;
use super::fetch::From;
use super::key::Scopes;
use super::segments::Ask;
use super::served::{Served, Tier};
use super::total::{Counted, Total};
use crate::engine::Rushes;
use crate::error::{Error, Result};

/// The most entries in one answer.
const MOST: usize = 1000;
/// Entries in an answer when the caller does not say.
const USUAL: usize = 100;

/// Asks for entries of one video.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["video"])))]
#[serde(default, deny_unknown_fields)]
pub struct EntriesRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// Kinds; empty means all.
    pub kinds: Vec<String>,
    /// From this second of media time, included.
    pub from: Option<f64>,
    /// To this second, excluded.
    pub to: Option<f64>,
    /// Only entries made by this model.
    pub model: Option<String>,
    /// Entries in the answer, 1 to 1000; 100 when not given.
    pub limit: Option<usize>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// Whether the answer says how many there are on all pages.
    pub total: Total,
}

/// A page of entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entries {
    /// The entries in time order.
    #[serde(with = "crate::read::shared::each")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Entry>))]
    pub items: Vec<Arc<Entry>>,
    /// The next page's cursor; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many there are on all pages, when that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Counted>,
    /// Which of the asked kinds were never computed for this video (as opposed to: none found).
    #[serde(default)]
    pub never_computed: Vec<String>,
    /// Who answered.
    #[serde(skip_serializing_if = "Served::is_told_apart")]
    pub served: Served,
}

impl Rushes {
    /// Entries of a video in a window, in time order, page by page. Fails when the video is
    /// unknown, or a time, the limit or the cursor cannot be meant.
    pub async fn entries(&self, request: &EntriesRequest) -> Result<Entries> {
        let mut answers = self.entries_of(std::slice::from_ref(request)).await;
        answers.pop().unwrap_or_else(|| Err(Error::invalid("nothing was asked for")))
    }

    /// The answers to several requests, in their order: what is missing in the cache for any of
    /// them is asked of the store at once. At most 1000 requests.
    pub async fn entries_of(&self, requests: &[EntriesRequest]) -> Vec<Result<Entries>> {
        let began = Instant::now();
        let asked = join_all(requests.iter().map(|request| self.asked(request))).await;
        let asks: Vec<Ask> = asked.iter().flatten().map(|(ask, _)| ask.clone()).collect();
        let mut pages = self.pages(&asks).await.into_iter();
        let mut answers = Vec::with_capacity(requests.len());
        for (request, asked) in requests.iter().zip(asked) {
            answers.push(match asked {
                Ok((ask, tier)) => match pages.next() {
                    Some(Ok(page)) => self.answered(&ask, request.total, page, tier, began).await,
                    Some(Err(error)) => Err(error),
                    None => Err(Error::invalid("nothing was asked for")),
                },
                Err(error) => Err(error),
            });
        }
        answers
    }

    async fn asked(&self, request: &EntriesRequest) -> Result<(Ask, Tier)> {
        let video = self.resolve(&request.video).await?;
        let query = query(&video.value.id, request)?;
        Ok((Ask { video: video.value, query }, video.tier))
    }

    async fn answered(
        &self,
        ask: &Ask,
        total: Total,
        page: From<Page<Arc<Entry>>>,
        tier: Tier,
        began: Instant,
    ) -> Result<Entries> {
        let Ask { video, query } = ask;
        let known = self.known(&video.id).await?;
        let total = self.total(total, video, query, &known.value).await?;
        let next = page.value.next.map(|place| cursor::write(place, &question(query)));
        let tier = tier.max(page.tier).max(known.tier);
        Ok(Entries {
            items: page.value.items,
            next,
            total,
            never_computed: never_computed(&query.kinds, &known.value),
            served: self.inner.meter.note(tier, began),
        })
    }

    /// A page of entries.
    pub(crate) async fn page(
        &self,
        video: &Video,
        query: EntryQuery,
    ) -> Result<From<Page<Arc<Entry>>>> {
        let ask = Ask { video: Arc::new(video.clone()), query };
        let page = self.pages(std::slice::from_ref(&ask)).await.pop();
        page.unwrap_or_else(|| Err(Error::invalid("nothing was asked for")))
    }

    /// Pages of entries: from the segments of their timelines, else by queries of their own.
    async fn pages(&self, asks: &[Ask]) -> Vec<Result<From<Page<Arc<Entry>>>>> {
        // Turning a page is no move over the timeline.
        let moves = asks.iter().filter(|ask| ask.query.after.is_none());
        moves.for_each(|ask| self.note_read(&ask.video, &ask.query));
        let assembled = match self.assembled(asks).await {
            Ok(assembled) => assembled,
            Err(error) => return asks.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut pages = Vec::with_capacity(asks.len());
        for (ask, assembled) in asks.iter().zip(assembled) {
            pages.push(match assembled {
                Some(page) => Ok(page),
                None => self.page_as_asked(&ask.query).await,
            });
        }
        pages
    }

    async fn page_as_asked(&self, query: &EntryQuery) -> Result<From<Page<Arc<Entry>>>> {
        let store = self.inner.store.clone();
        let scopes = Scopes::of_kinds(&query.video, &query.kinds);
        let query = query.clone();
        let page: From<Arc<SharedPage>> = self
            .records(format!("video/{}/page/{query:?}", query.video), &scopes, move || async move {
                let Page { items, next } = store.entries(&query).await?;
                Ok(SharedPage { items: items.into_iter().map(Arc::new).collect(), next })
            })
            .await?;
        let SharedPage { items, next } = page.value.as_ref();
        Ok(From { value: Page { items: items.clone(), next: *next }, tier: page.tier })
    }
}

/// A page whose entries are shared by all who are answered from memory.
#[derive(Serialize, Deserialize)]
struct SharedPage {
    #[serde(with = "crate::read::shared::each")]
    items: Vec<Arc<Entry>>,
    next: Option<rushes_store::Cursor>,
}

fn query(video: &VideoId, request: &EntriesRequest) -> Result<EntryQuery> {
    let kinds = kinds(&request.kinds)?;
    let window = Window::new(request.from, request.to)?;
    let limit = limit(request.limit, USUAL, MOST)?;
    let model = request.model.clone();
    let mut query = EntryQuery { video: video.clone(), kinds, window, model, limit, after: None };
    if let Some(text) = &request.cursor {
        query.after = Some(cursor::read(text, &question(&query))?);
    }
    Ok(query)
}

/// What a cursor belongs to: the question without its page.
fn question(query: &EntryQuery) -> String {
    let EntryQuery { video, kinds, window, model, .. } = query;
    format!("{video} {kinds:?} {window:?} {model:?}")
}

/// Kinds as a caller named them, each once.
pub(crate) fn kinds(names: &[String]) -> Result<Vec<Kind>> {
    if names.len() > 32 {
        return Err(Error::invalid("at most 32 kinds can be asked for at once"));
    }
    let mut kinds = names.iter().map(|name| Ok(Kind::new(name)?)).collect::<Result<Vec<_>>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

/// A limit as a caller gave it.
pub(crate) fn limit(given: Option<usize>, usual: usize, most: usize) -> Result<usize> {
    match given.unwrap_or(usual) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        limit => Err(Error::invalid(format!("limit must be 1 to {most}, not {limit}"))),
    }
}

/// Of the asked kinds (none: the built-in ones), those that no run computed for the video.
pub(crate) fn never_computed(asked: &[Kind], known: &[Timeline]) -> Vec<String> {
    let built_in = [Kind::FRAME, Kind::CAPTION, Kind::TRANSCRIPT, Kind::OBJECT];
    let asked: Vec<&str> =
        if asked.is_empty() { built_in.into() } else { asked.iter().map(Kind::as_str).collect() };
    asked
        .into_iter()
        .filter(|kind| !known.iter().any(|timeline| timeline.kind.as_str() == *kind))
        .map(str::to_owned)
        .collect()
}
