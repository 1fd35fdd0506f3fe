//! How many entries a question finds on all its pages: counted, or estimated from what is known
//! kind by kind.

use rushes_store::{EntryQuery, Timeline, Video};
use serde::{Deserialize, Serialize};

use super::fetch::From;
use super::key::Scopes;
use crate::engine::Rushes;
use crate::error::Result;

/// Whether an answer says how many entries there are on all its pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Total {
    /// It does not.
    #[default]
    None,
    /// Counted: one more query the first time.
    Exact,
    /// From the number of entries of the kinds, as if these lay evenly over the video: no query.
    Estimated,
}

/// How many entries there are on all pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// Whether they were counted; otherwise this is an estimate.
    pub exact: bool,
}

impl Rushes {
    /// The total that was asked for, if one was.
    pub(super) async fn total(
        &self,
        total: Total,
        video: &Video,
        query: &EntryQuery,
        known: &[Timeline],
    ) -> Result<Option<Counted>> {
        Ok(match total {
            Total::None => None,
            Total::Exact => Some(Counted { count: self.counted(query).await?, exact: true }),
            Total::Estimated => {
                Some(Counted { count: estimated(video, query, known), exact: false })
            }
        })
    }

    async fn counted(&self, query: &EntryQuery) -> Result<u64> {
        let store = self.inner.store.clone();
        let scopes = Scopes::of_kinds(&query.video, &query.kinds);
        let query = EntryQuery { limit: 0, after: None, ..query.clone() };
        let count: From<std::sync::Arc<u64>> = self
            .records(
                format!("video/{}/count/{query:?}", query.video),
                &scopes,
                move || async move { Ok(store.count(&query).await?) },
            )
            .await?;
        Ok(*count.value)
    }
}

/// The number of entries of the kinds, times the share of the video that the window covers.
fn estimated(video: &Video, query: &EntryQuery, known: &[Timeline]) -> u64 {
    let of_model = |timeline: &&Timeline| match &query.model {
        Some(model) => timeline.recipes.iter().any(|recipe| recipe.model == *model),
        None => true,
    };
    let asked = known
        .iter()
        .filter(|timeline| query.kinds.is_empty() || query.kinds.contains(&timeline.kind))
        .filter(of_model);
    let all: u64 = asked.map(|timeline| timeline.count).sum();
    let end = video.start + video.duration;
    let covered = query.window.to.min(end) - query.window.from.max(video.start);
    let share = if video.duration > 0.0 { (covered / video.duration).clamp(0.0, 1.0) } else { 1.0 };
    (all as f64 * share).round() as u64
}
