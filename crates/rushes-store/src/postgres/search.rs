//! Ranked search over text and over the classes of objects.
//!
//! The rank is that of FTS5: BM25 with k1 = 1.2 and b = 0.75 over the words of all texts of the
//! library, in the same order of operations, so that ties are ties there too.

use deadpool_postgres::{Client, Transaction};
use futures::future::try_join_all;
use tokio_postgres::IsolationLevel;

use super::ask::{self, number};
use super::entries;
use super::rows::unsigned;
use super::text::pack;
use super::words::{Phrase, Words};
use crate::error::{Error, Result};
use crate::model::{EntryId, Kind, VideoId};
use crate::prepare::fold;
use crate::query::{Hit, SearchQuery};
use crate::words::quoted_words;

pub(super) async fn search(
    db: &mut Client,
    words: &Words,
    query: &SearchQuery,
) -> Result<Vec<Hit>> {
    let snapshot =
        db.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let snapshot = snapshot.start().await?;
    let hits = match (&query.text, &query.label) {
        (Some(text), _) => by_text(&snapshot, words, query, text).await?,
        (None, Some(_)) => by_label(&snapshot, query).await?,
        (None, None) => return Err(Error::invalid("search needs words or an object class")),
    };
    snapshot.commit().await?;
    Ok(hits)
}

/// Entries that hold all words; where there are none, entries that hold any. People and models
/// ask in sentences, and one word that nobody wrote must not hide everything.
async fn by_text(
    snapshot: &Transaction<'_>,
    words: &Words,
    query: &SearchQuery,
    text: &str,
) -> Result<Vec<Hit>> {
    let quoted = quoted_words(text);
    let phrases = words.phrases(&quoted)?;
    let Some(search) = Search::new(snapshot, query, phrases).await? else { return Ok(Vec::new()) };
    let mut needed = Needed::All;
    let mut found = search.ranked(needed, query.limit, query.offset).await?;
    // Past the end of pages of such entries there is nothing, rather than others.
    let none_has_all = found.is_empty() && (query.offset == 0 || search.finds_none(needed).await?);
    if none_has_all {
        needed = Needed::Any;
        found = search.ranked(needed, query.limit, query.offset).await?;
    }
    let joined = quoted.join(if needed == Needed::All { " AND " } else { " OR " });
    let ids: Vec<EntryId> = found.iter().map(|(id, _)| *id).collect();
    let mut entries = entries::with_text(snapshot, &ids).await?;
    let mut hits = Vec::with_capacity(found.len());
    for (id, score) in found {
        let (entry, text) = entries.remove(&id).ok_or_else(|| gone(id))?;
        let snippet = words.snippet(&joined, &text.unwrap_or_default())?;
        hits.push(Hit { entry, score, snippet });
    }
    Ok(hits)
}

/// An entry that the same snapshot has just found.
fn gone(id: EntryId) -> Error {
    Error::Corrupt(format!("entry {id} was found, but is not there"))
}

/// Which of the words an entry must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    All,
    Any,
}

/// What every search leaves out, and what the query narrows it to: on `e`, `l` and `v`.
const NARROWED: &str = "l.run IS NULL AND v.ready
    AND ($1::text[] IS NULL OR v.id = ANY ($1)) AND ($2::text[] IS NULL OR l.kind = ANY ($2))
    AND e.starts < $4 AND (e.starts >= $3 OR e.ends > $3)";

/// The words of an entry, by their index.
const INDEXED: &str = "e.words IS NOT NULL AND string_to_array(btrim(e.words, '|'), '||')";

fn videos(query: &SearchQuery) -> Option<Vec<&str>> {
    let ids = || query.videos.iter().map(VideoId::as_str).collect();
    (!query.videos.is_empty()).then(ids)
}

fn kinds(query: &SearchQuery) -> Option<Vec<&str>> {
    let names = || query.kinds.iter().map(Kind::as_str).collect();
    (!query.kinds.is_empty()).then(names)
}

/// A search for phrases, with what their ranks need.
struct Search<'s> {
    snapshot: &'s Transaction<'s>,
    query: &'s SearchQuery,
    phrases: Vec<Phrase>,
    /// How much each phrase says: the rarer, the more.
    weights: Vec<f64>,
    /// Words of a text in the mean.
    mean: f64,
}

impl<'s> Search<'s> {
    /// Nothing where nothing can be found.
    async fn new(
        snapshot: &'s Transaction<'s>,
        query: &'s SearchQuery,
        phrases: Vec<Phrase>,
    ) -> Result<Option<Self>> {
        let sql = "SELECT coalesce(sum(texts), 0)::bigint, coalesce(sum(words), 0)::bigint
            FROM lanes";
        let row = ask::row(snapshot, sql, &[]).await?;
        let (texts, words) = (unsigned(row.try_get(0)?) as f64, unsigned(row.try_get(1)?) as f64);
        if phrases.is_empty() || texts == 0.0 {
            return Ok(None);
        }
        let weights = phrases.iter().map(async |phrase| {
            let holding = holding(snapshot, phrase).await?;
            let weight = ((texts - holding + 0.5) / (holding + 0.5)).ln();
            Ok::<_, Error>(if weight > 0.0 { weight } else { 1e-6 })
        });
        let weights = try_join_all(weights).await?;
        Ok(Some(Self { snapshot, query, phrases, weights, mean: words / texts }))
    }

    async fn finds_none(&self, needed: Needed) -> Result<bool> {
        Ok(self.ranked(needed, 1, 0).await?.is_empty())
    }

    /// Ids and scores, best first.
    async fn ranked(
        &self,
        needed: Needed,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<(EntryId, f64)>> {
        // What FTS5 finds no word in is in no text.
        if needed == Needed::All && self.phrases.iter().any(|phrase| phrase.words.is_empty()) {
            return Ok(Vec::new());
        }
        let (candidates, held) = match needed {
            Needed::All => ("@> $5", "s.fewest > 0"),
            Needed::Any => ("&& $5", "s.score > 0"),
        };
        let sql = format!(
            "SELECT e.id, s.score FROM entries e
             JOIN lanes l ON l.id = e.lane JOIN videos v ON v.row = l.video
             CROSS JOIN LATERAL (
                 SELECT min(n) AS fewest, sum(weight * ((n * (1.2::float8 + 1.0::float8))
                     / (n + 1.2::float8 * (1.0::float8 - 0.75::float8
                        + 0.75::float8 * e.length::float8 / $8)))) AS score
                 FROM (SELECT weight, ((octet_length(e.words)
                           - octet_length(replace(e.words, phrase, '')))
                           / octet_length(phrase))::float8 AS n
                       FROM unnest($6::text[], $7::float8[]) AS t (phrase, weight)) phrases
             ) s
             WHERE {INDEXED} {candidates} AND {held} AND {NARROWED}
             AND ($9::text IS NULL OR e.label = $9)
             ORDER BY s.score DESC, e.id LIMIT $10 OFFSET $11"
        );
        let known = || self.phrases.iter().zip(&self.weights).filter(|(p, _)| !p.words.is_empty());
        let words: Vec<&String> = known().flat_map(|(phrase, _)| &phrase.words).collect();
        let phrases: Vec<&str> = known().map(|(phrase, _)| phrase.folded.as_str()).collect();
        let weights: Vec<f64> = known().map(|(_, weight)| *weight).collect();
        let label = self.query.label.as_deref().map(fold);
        let found = ask::rows(
            self.snapshot,
            &sql,
            &[
                &videos(self.query),
                &kinds(self.query),
                &self.query.window.from,
                &self.query.window.to,
                &words,
                &phrases,
                &weights,
                &self.mean,
                &label.as_deref().map(pack),
                &number(limit),
                &number(offset),
            ],
        )
        .await?;
        found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

/// How many texts hold a phrase, open runs included: they are in FTS5's index, too.
async fn holding(snapshot: &Transaction<'_>, phrase: &Phrase) -> Result<f64> {
    if phrase.words.is_empty() {
        return Ok(0.0);
    }
    let sql = format!(
        "SELECT count(*) FROM entries e WHERE {INDEXED} @> $1
                       AND strpos(e.words, $2) > 0"
    );
    let count = ask::row(snapshot, &sql, &[&phrase.words, &phrase.folded]).await?;
    Ok(unsigned(count.try_get(0)?) as f64)
}

/// Objects of a class: the surest first, as far as their detector said how sure it was.
async fn by_label(snapshot: &Transaction<'_>, query: &SearchQuery) -> Result<Vec<Hit>> {
    let label = query.label.as_deref().map(fold).unwrap_or_default();
    let sql = format!(
        "SELECT e.id, coalesce(e.score, 0) AS score FROM entries e JOIN lanes l ON l.id = e.lane
         JOIN videos v ON v.row = l.video
         WHERE left(e.label, 128) = left($5, 128) AND e.label = $5 AND {NARROWED}
         ORDER BY score DESC, v.row, e.starts, e.id LIMIT $6 OFFSET $7"
    );
    let found = ask::rows(
        snapshot,
        &sql,
        &[
            &videos(query),
            &kinds(query),
            &query.window.from,
            &query.window.to,
            &pack(&label),
            &number(query.limit),
            &number(query.offset),
        ],
    )
    .await?;
    let ids: Vec<EntryId> =
        found.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>()?;
    let mut entries = entries::with_text(snapshot, &ids).await?;
    let mut hits = Vec::with_capacity(found.len());
    for row in &found {
        let id = row.try_get(0)?;
        let (entry, _) = entries.remove(&id).ok_or_else(|| gone(id))?;
        let written = entry.data.get("label").and_then(|label| label.as_str());
        let shown = written.filter(|written| fold(written) == label).unwrap_or(&label);
        let snippet = format!("\u{2}{shown}\u{3}");
        hits.push(Hit { entry, score: row.try_get(1)?, snippet });
    }
    Ok(hits)
}
