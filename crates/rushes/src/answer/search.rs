//! Search over what was said and seen.

use std::collections::BTreeSet;
use std::sync::Arc;

use rushes_store::{Hit, Kind, SearchQuery, Timeline, VideoId, Window};
use serde::{Deserialize, Serialize};

use super::cite::Reference;
use super::words;
use crate::engine::Rushes;
use crate::error::{Error, Result};
use crate::read::{self, Served, Watch};

/// Results, when the request does not say, and at most.
const USUAL: usize = 20;
const MOST: usize = 100;
/// Results that can be passed over.
const DEEPEST: usize = 10_000;
/// Bytes of the words and of a class.
const LONGEST: usize = 1000;
/// Videos that one search can be narrowed to.
const VIDEOS: usize = 100;
/// Videos whose computed kinds are looked at when all are searched.
const LOOKED_AT: usize = 200;

/// Asks for entries by their words, or by the class of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SearchRequest {
    /// Words to find; not a query language.
    pub text: Option<String>,
    /// The class of a detected object, as `person`.
    pub label: Option<String>,
    /// Only in these videos (id, prefix or name); empty means all.
    pub videos: Vec<String>,
    /// Only these kinds; empty means all.
    pub kinds: Vec<String>,
    /// From this second of media time.
    pub from: Option<f64>,
    /// To this second.
    pub to: Option<f64>,
    /// Results in the answer, 1 to 100; 20 when not given.
    pub limit: Option<usize>,
    /// Results to pass over, at most 10000.
    pub offset: Option<usize>,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Found {
    /// The video's id.
    pub video: String,
    /// The video's name.
    pub name: String,
    /// The kind.
    pub kind: String,
    /// Start, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
    /// The text around the match; matched words stand between `**`.
    pub snippet: String,
    /// A stable reference.
    pub reference: String,
    /// Better is larger.
    pub score: f64,
}

/// What was found, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SearchResults {
    /// The results.
    pub items: Vec<Found>,
    /// Whether more follow.
    pub more: bool,
    /// Of the asked kinds (when none: captions and transcripts, or objects for a class), those
    /// computed for none of the searched videos. Stays empty for a search through more than 200
    /// videos at once, where it would cost more than the search.
    pub never_computed: Vec<String>,
    /// Who answered.
    #[serde(skip_serializing_if = "Served::is_told_apart")]
    pub served: Served,
}

impl Rushes {
    /// Entries by their words (no query language: quotes and operators are just text) or by the
    /// class of an object, best first, with the matched words marked in a snippet.
    ///
    /// Fails when neither words nor a class are given, when one is empty or over 1,000 bytes, or
    /// when a limit, an offset, a time or a video cannot be meant.
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchResults> {
        let mut watch = Watch::start();
        let limit = read::limit(request.limit, USUAL, MOST)?;
        let mut query = query(request, limit)?;
        for name in &request.videos {
            query.videos.push(watch.note(self.resolve(name).await?).id.clone());
        }
        let (videos, kinds) = (query.videos.clone(), expected(&query));
        let hits = watch.note(self.found(query).await?);
        let mut items = Vec::with_capacity(limit);
        for hit in hits.iter().take(limit) {
            items.push(self.item(hit, &mut watch).await?);
        }
        Ok(SearchResults {
            items,
            more: hits.len() > limit,
            never_computed: self.computed_for_none(&videos, kinds, &hits, &mut watch).await?,
            served: watch.served(&self.inner.meter),
        })
    }

    async fn item(&self, hit: &Hit, watch: &mut Watch) -> Result<Found> {
        let entry = &hit.entry;
        let video = watch.note(self.resolve(entry.video.as_str()).await?);
        Ok(Found {
            video: entry.video.to_string(),
            name: video.name.clone(),
            kind: entry.kind.to_string(),
            start: entry.start,
            end: entry.end,
            snippet: snippet(hit),
            reference: Reference::of(entry).to_string(),
            score: hit.score,
        })
    }

    /// Of these kinds, those that no searched video (none given: all) has a timeline of.
    async fn computed_for_none(
        &self,
        videos: &[VideoId],
        mut kinds: BTreeSet<Kind>,
        hits: &[Hit],
        watch: &mut Watch,
    ) -> Result<Vec<String>> {
        kinds.retain(|kind| hits.iter().all(|hit| hit.entry.kind != *kind));
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let searched = match videos {
            [] => {
                let page = self.videos(LOOKED_AT, None).await?;
                if page.next.is_some() {
                    return Ok(Vec::new());
                }
                page.items.iter().map(|video| video.id.clone()).collect()
            }
            some => some.to_vec(),
        };
        for video in searched {
            let known: Arc<Vec<Timeline>> = watch.note(self.known(&video).await?);
            kinds.retain(|kind| known.iter().all(|timeline| timeline.kind != *kind));
            if kinds.is_empty() {
                break;
            }
        }
        Ok(kinds.into_iter().map(String::from).collect())
    }
}

/// Checks a request; asks for one result more than its limit, which tells whether more follow.
fn query(request: &SearchRequest, limit: usize) -> Result<SearchQuery> {
    let (text, label) = (words("text", &request.text)?, words("label", &request.label)?);
    if text.is_none() && label.is_none() {
        return Err(Error::invalid(
            "a search needs text (words to find) or label (an object class)",
        ));
    }
    if request.videos.len() > VIDEOS {
        return Err(Error::invalid(format!("a search is narrowed to at most {VIDEOS} videos")));
    }
    let offset = request.offset.unwrap_or(0);
    if offset > DEEPEST {
        return Err(Error::invalid(format!("offset must be 0 to {DEEPEST}, not {offset}")));
    }
    Ok(SearchQuery {
        text,
        label,
        videos: Vec::new(),
        kinds: read::kinds(&request.kinds)?,
        window: Window::new(request.from, request.to)?,
        limit: limit + 1,
        offset,
    })
}

fn words(name: &str, given: &Option<String>) -> Result<Option<String>> {
    let Some(text) = given.as_deref().map(str::trim) else { return Ok(None) };
    if text.is_empty() || text.len() > LONGEST {
        return Err(Error::invalid(format!("{name} must be 1 to {LONGEST} bytes, not blank")));
    }
    Ok(Some(text.to_owned()))
}

/// The kinds in which the answer could have been.
fn expected(query: &SearchQuery) -> BTreeSet<Kind> {
    if !query.kinds.is_empty() {
        return query.kinds.iter().cloned().collect();
    }
    let usual: &[&str] = match query.text {
        Some(_) => &[Kind::CAPTION, Kind::TRANSCRIPT],
        None => &[Kind::OBJECT],
    };
    usual.iter().filter_map(|name| Kind::new(name).ok()).collect()
}

/// The store marks matched words by control characters that no text has; people and models read
/// `**`.
fn snippet(hit: &Hit) -> String {
    let marked = hit.snippet.replace(['\u{2}', '\u{3}'], "**");
    match words::one_line(&marked) {
        empty if empty.is_empty() => words::of(&hit.entry),
        snippet => snippet,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::answer::words::tests::entry;

    fn request(text: &str) -> SearchRequest {
        SearchRequest { text: Some(text.into()), ..Default::default() }
    }

    #[test]
    fn matched_words_stand_between_stars() {
        let hit = |snippet: &str| Hit {
            entry: entry(1, "caption", 0.0, 1.0, json!({"text": "a red car"})),
            score: 1.0,
            snippet: snippet.into(),
        };
        assert_eq!(snippet(&hit("a \u{2}red\u{3} car\n")), "a **red** car");
        assert_eq!(snippet(&hit("")), "a red car");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in [
            SearchRequest::default(),
            request("  "),
            request(&"x".repeat(1001)),
            SearchRequest { offset: Some(10_001), ..request("a") },
            SearchRequest { from: Some(2.0), to: Some(1.0), ..request("a") },
            SearchRequest { kinds: vec!["No Kind".into()], ..request("a") },
            SearchRequest { videos: vec!["v".into(); 101], ..request("a") },
        ] {
            assert!(query(&bad, USUAL).is_err(), "{bad:?}");
        }
        assert_eq!(query(&request(" a \" OR b "), USUAL).unwrap().text.unwrap(), "a \" OR b");
    }

    #[test]
    fn an_answer_is_expected_where_words_or_objects_are() {
        let names = |request: SearchRequest| {
            let kinds = expected(&query(&request, USUAL).unwrap());
            kinds.into_iter().map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(names(request("a")), ["caption", "transcript"]);
        let class = SearchRequest { label: Some("car".into()), ..Default::default() };
        assert_eq!(names(class), ["object"]);
        assert_eq!(names(SearchRequest { kinds: vec!["ocr".into()], ..request("a") }), ["ocr"]);
    }
}
