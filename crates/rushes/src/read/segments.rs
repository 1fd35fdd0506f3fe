//! Windows put together from segments.
//!
//! Requests of agents overlap (10 to 60 s, then 30 to 45 s, then around 0:42); cached by their
//! exact bounds they would share nothing. So a timeline is cached in the segments of its
//! [`Grid`](super::grid), and a window is assembled from them: what is in memory is taken from
//! there, and all segments that are missing are loaded by one call to the store. An entry that
//! spans segments is in each of them and is given once. What comes out is exactly what the
//! database would say.

use std::cmp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::try_join_all;
use rushes_cache::{Fetched, Key, LoadError, Loaded, Wanted};
use rushes_store::{Cursor, Entry, EntryQuery, Kind, Page, Timeline, Video, VideoId, Window};
use serde::{Deserialize, Serialize};

use super::fetch::{self, From, namespace};
use super::grid::Grid;
use super::key::Scopes;
use super::served::Tier;
use crate::engine::Rushes;
use crate::error::Result;

/// Segments that one answer is made of at most; a window that needs more is one query.
const MOST: usize = 64;
/// Entries in a segment at most; a timeline that is denser somewhere is queried there.
const DENSEST: usize = if cfg!(test) { 200 } else { 4000 };
/// How often a window is read anew because a commit came between its segments.
const ATTEMPTS: usize = 3;

/// A stretch of a timeline as it is cached.
#[derive(Serialize, Deserialize)]
struct Segment {
    /// In time order; nothing where there are too many.
    #[serde(with = "super::shared::each")]
    entries: Vec<Arc<Entry>>,
    /// There are too many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    too_dense: bool,
}

/// A window of a video that somebody asks for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) video: Arc<Video>,
    pub(super) query: EntryQuery,
}

/// What came of an ask: nothing where a query of its own is cheaper.
type Assembled = Option<From<Page<Arc<Entry>>>>;

/// What a read of a window found so far in one kind.
struct Reader {
    /// Which ask it reads for.
    ask: usize,
    kind: Kind,
    grid: Grid,
    /// The next segment to look into, and the last.
    next: i64,
    last: i64,
    found: Vec<Arc<Entry>>,
}

/// How far an ask is.
struct Progress {
    tier: Tier,
    /// Segments that were looked into.
    looked: usize,
    /// Too many segments are needed, or one of them is too dense.
    given_up: bool,
}

/// Why segments are read.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// Somebody waits for them.
    Demand,
    /// Somebody may ask for them; bytes that were loaded are added up.
    Ahead(&'a AtomicU64),
}

/// One segment of a round.
struct Piece {
    reader: usize,
    slot: i64,
    key: Key,
}

impl Rushes {
    /// The pages that are asked for, from segments where that is cheaper than a query of its own;
    /// what is missing for any of them is loaded at once.
    pub(super) async fn assembled(&self, asks: &[Ask]) -> Result<Vec<Assembled>> {
        for _ in 0..ATTEMPTS {
            self.freshen().await?;
            let before = self.inner.freshness.applied();
            let pages = self.assemble(asks, Purpose::Demand).await?;
            if pages.iter().flatten().any(|page| page.tier > Tier::Memory) {
                // Another process may have left a segment there that is newer than those in memory.
                self.catch_up().await?;
            }
            // Segments from before and after a commit must not stand in one answer.
            if self.inner.freshness.applied() == before {
                return Ok(pages);
            }
        }
        Ok(asks.iter().map(|_| None).collect())
    }

    /// Brings the segments of a window that are missing into the cache, and tells how many bytes
    /// they have.
    pub(crate) async fn read_ahead(&self, video: Arc<Video>, query: EntryQuery) -> Result<u64> {
        self.freshen().await?;
        let brought = AtomicU64::new(0);
        self.assemble(&[Ask { video, query }], Purpose::Ahead(&brought)).await?;
        Ok(brought.into_inner())
    }

    async fn assemble(&self, asks: &[Ask], purpose: Purpose<'_>) -> Result<Vec<Assembled>> {
        let known = try_join_all(asks.iter().map(|ask| self.known(&ask.video.id))).await?;
        let begin = |known: &From<_>| Progress { tier: known.tier, looked: 0, given_up: false };
        let mut progress: Vec<Progress> = known.iter().map(begin).collect();
        let known = known.iter().map(|known| known.value.as_slice());
        let mut readers: Vec<Reader> = asks
            .iter()
            .zip(known)
            .enumerate()
            .flat_map(|(n, (ask, known))| ask.readers(n, known))
            .collect();
        loop {
            let round = round(&readers, asks, &mut progress);
            if round.is_empty() {
                break;
            }
            let segments = self.segments(asks, &readers, &round, purpose).await?;
            for (piece, segment) in round.iter().zip(segments) {
                let Some(reader) = readers.get_mut(piece.reader) else { continue };
                let (Some(ask), Some(so_far)) =
                    (asks.get(reader.ask), progress.get_mut(reader.ask))
                else {
                    continue;
                };
                so_far.tier = so_far.tier.max(segment.tier);
                so_far.given_up |= segment.value.too_dense;
                reader.take(piece.slot, &segment.value.entries, &ask.query);
            }
        }
        Ok(pages(asks, readers, &progress))
    }

    /// The segments of a round, in its order: those in memory, and the others by one load.
    async fn segments(
        &self,
        asks: &[Ask],
        readers: &[Reader],
        round: &[Piece],
        purpose: Purpose<'_>,
    ) -> Result<Vec<From<Arc<Segment>>>> {
        let mut found: Vec<Option<Fetched>> =
            round.iter().map(|piece| self.inner.cache.peek(&piece.key)).collect();
        let missing: Vec<&Piece> =
            round.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(p, _)| p).collect();
        let prefetch = &self.inner.prefetch;
        if let Purpose::Demand = purpose {
            let hits = round.iter().zip(&found).filter(|(_, found)| found.is_some());
            hits.for_each(|(piece, _)| prefetch.ledger.wanted(&piece.key));
        }
        if !missing.is_empty() {
            let _demanding = matches!(purpose, Purpose::Demand).then(|| {
                prefetch.ledger.missed(missing.len());
                prefetch.demand.begin()
            });
            let loaded = self.load(asks, readers, &missing).await?;
            if let Purpose::Ahead(brought) = purpose {
                self.note_brought(&missing, &loaded, brought);
            }
            let mut loaded = loaded.into_iter();
            found.iter_mut().filter(|found| found.is_none()).for_each(|gap| *gap = loaded.next());
        }
        found.into_iter().flatten().map(segment).collect()
    }

    fn note_brought(&self, missing: &[&Piece], loaded: &[Fetched], brought: &AtomicU64) {
        for (piece, loaded) in missing.iter().zip(loaded) {
            let bytes = loaded.value.as_ref().map_or(0, |value| value.bytes().len() as u64);
            brought.fetch_add(bytes, Ordering::Relaxed);
            self.inner.prefetch.ledger.brought(piece.key.clone(), bytes);
        }
    }

    async fn load(
        &self,
        asks: &[Ask],
        readers: &[Reader],
        missing: &[&Piece],
    ) -> Result<Vec<Fetched>> {
        let mut wanted = Vec::with_capacity(missing.len());
        let mut stretches = Vec::with_capacity(missing.len());
        for piece in missing {
            let Some(Reader { ask, kind, grid, .. }) = readers.get(piece.reader) else { continue };
            let Some(Ask { video, .. }) = asks.get(*ask) else { continue };
            let scopes = Scopes::of_segment(&video.id, kind, grid, piece.slot);
            wanted.push(Wanted { key: piece.key.clone(), scopes });
            let (video, kind, window) = (video.id.clone(), kind.clone(), grid.window(piece.slot));
            stretches.push((piece.key.clone(), Stretch { video, kind, window }));
        }
        let (engine, ttl) = (self.clone(), Some(self.inner.settings.ttl));
        let stretches = Arc::new(stretches);
        let load = move |keys: Vec<Key>| {
            let (engine, stretches) = (engine.clone(), Arc::clone(&stretches));
            async move {
                let due = stretches.iter().filter(|(key, _)| keys.contains(key));
                let due: Vec<_> = due.map(|(_, stretch)| stretch.clone()).collect();
                let loaded = engine.query_segments(&due).await;
                let loaded = loaded.map_err(|error| Arc::new(error) as LoadError)?;
                Ok(loaded.into_iter().map(|bytes| Loaded { bytes: Some(bytes), ttl }).collect())
            }
        };
        let answers = self.inner.cache.get_or_load_many(&wanted, load).await;
        answers.into_iter().map(|answer| answer.map_err(|error| fetch::failed(&error))).collect()
    }

    /// What the store holds in each of the stretches, encoded.
    async fn query_segments(&self, stretches: &[Stretch]) -> Result<Vec<bytes::Bytes>> {
        let hulls: Vec<&[Stretch]> = stretches.chunk_by(Stretch::is_before).collect();
        let queries: Vec<EntryQuery> = hulls.iter().filter_map(|hull| whole(hull)).collect();
        let pages = self.inner.store.entries_of(&queries).await?;
        // If another process committed meanwhile, segments that lie in memory are older than these.
        self.catch_up().await?;
        let mut segments = Vec::with_capacity(stretches.len());
        for (hull, page) in hulls.into_iter().zip(pages) {
            let entries: Vec<Arc<Entry>> = page.items.into_iter().map(Arc::new).collect();
            for stretch in hull {
                segments.push(cut(stretch.window, &entries, page.next)?);
            }
        }
        Ok(segments)
    }
}

/// What a segment covers.
#[derive(Clone)]
struct Stretch {
    video: VideoId,
    kind: Kind,
    window: Window,
}

impl Stretch {
    /// Whether the other goes on where this one ends.
    fn is_before(&self, other: &Self) -> bool {
        self.kind == other.kind && self.video == other.video && self.window.to == other.window.from
    }
}

impl Ask {
    /// A reader for each timeline that the ask is about.
    fn readers(&self, number: usize, known: &[Timeline]) -> Vec<Reader> {
        let Self { video, query } = self;
        let asked = |kind: &Kind| query.kinds.is_empty() || query.kinds.contains(kind);
        let timelines = known.iter().filter(|known| known.count > 0 && asked(&known.kind));
        let reader = |timeline: &Timeline| {
            Reader::new(number, timeline.kind.clone(), Grid::of(video, timeline), query)
        };
        timelines.map(reader).collect()
    }
}

impl Reader {
    fn new(ask: usize, kind: Kind, grid: Grid, query: &EntryQuery) -> Self {
        let touched = grid.touched(query.window);
        let resume = query.after.map_or(i64::MIN, |cursor| grid.slot(cursor.start));
        let next = resume.max(*touched.start());
        Self { ask, kind, grid, next, last: *touched.end(), found: Vec::new() }
    }

    /// How many segments to look into next: as many as should fill the page.
    fn step(&self, limit: usize) -> i64 {
        let due = (limit + 1).saturating_sub(self.found.len());
        let segments = (due as f64 / self.grid.density.max(0.1)).ceil() as i64;
        let left = self.last.saturating_sub(self.next).saturating_add(1);
        if due == 0 { 0 } else { segments.clamp(1, MOST as i64).min(left).max(0) }
    }

    /// Takes from a segment what belongs to the page. An entry that began in an earlier segment
    /// was found there, unless this is the window's first.
    fn take(&mut self, slot: i64, entries: &[Arc<Entry>], query: &EntryQuery) {
        let begins = self.grid.window(slot).from;
        let is_first = slot == *self.grid.touched(query.window).start();
        let wanted = entries.iter().filter(|entry| {
            (is_first || entry.start >= begins)
                && query.window.holds(entry.start, entry.end)
                && query.after.is_none_or(|after| is_after(entry, after))
                && query.model.as_ref().is_none_or(|model| *model == entry.recipe.model)
        });
        self.found.extend(wanted.cloned());
        self.next = slot + 1;
    }
}

/// The segments to look into next: none for asks whose page is full, whose window is at its end,
/// or that would need too many.
fn round(readers: &[Reader], asks: &[Ask], progress: &mut [Progress]) -> Vec<Piece> {
    let mut round = Vec::new();
    for (number, reader) in readers.iter().enumerate() {
        let (Some(ask), Some(so_far)) = (asks.get(reader.ask), progress.get_mut(reader.ask)) else {
            continue;
        };
        let step = reader.step(ask.query.limit);
        so_far.looked += usize::try_from(step).unwrap_or(0);
        so_far.given_up |= so_far.looked > MOST;
        if !so_far.given_up {
            let piece = |slot| Piece { reader: number, slot, key: key(&ask.video, reader, slot) };
            round.extend((reader.next..reader.next + step).map(piece));
        }
    }
    round
}

fn key(video: &Video, reader: &Reader, slot: i64) -> Key {
    let Reader { kind, grid, .. } = reader;
    Key::new(namespace::SEGMENTS, format!("video/{}/{kind}/{}/{slot}", video.id, grid.length))
}

/// A page for each ask that was not given up.
fn pages(asks: &[Ask], readers: Vec<Reader>, progress: &[Progress]) -> Vec<Assembled> {
    let mut found: Vec<Vec<Reader>> = asks.iter().map(|_| Vec::new()).collect();
    for reader in readers {
        if let Some(found) = found.get_mut(reader.ask) {
            found.push(reader);
        }
    }
    let page = |((ask, readers), so_far): ((&Ask, Vec<Reader>), &Progress)| {
        let Progress { tier, given_up, .. } = *so_far;
        (!given_up).then(|| From { value: merged(readers, ask.query.limit), tier })
    };
    asks.iter().zip(found).zip(progress).map(page).collect()
}

/// All kinds in one order, and where the next page begins.
fn merged(readers: Vec<Reader>, limit: usize) -> Page<Arc<Entry>> {
    let several = readers.len() > 1;
    let mut items: Vec<Arc<Entry>> = readers.into_iter().flat_map(|reader| reader.found).collect();
    if several {
        items.sort_by(|a, b| order(a, b));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more);
    let next = next.map(|entry| Cursor { start: entry.start, id: entry.id });
    Page { items, next }
}

fn order(a: &Entry, b: &Entry) -> cmp::Ordering {
    a.start.total_cmp(&b.start).then(a.id.cmp(&b.id))
}

fn is_after(entry: &Entry, place: Cursor) -> bool {
    entry.start.total_cmp(&place.start).then(entry.id.cmp(&place.id)) == cmp::Ordering::Greater
}

/// One query for neighbouring stretches of a timeline.
fn whole(hull: &[Stretch]) -> Option<EntryQuery> {
    let (first, last) = (hull.first()?, hull.last()?);
    Some(EntryQuery {
        video: first.video.clone(),
        kinds: vec![first.kind.clone()],
        window: Window { from: first.window.from, to: last.window.to },
        model: None,
        limit: DENSEST * hull.len(),
        after: None,
    })
}

/// A segment out of the entries of its hull; `cut_at` is where these end before the hull does.
fn cut(window: Window, entries: &[Arc<Entry>], cut_at: Option<Cursor>) -> Result<bytes::Bytes> {
    let touching = entries.iter().filter(|entry| window.holds(entry.start, entry.end));
    let entries: Vec<Arc<Entry>> = touching.cloned().collect();
    let is_whole = cut_at.is_none_or(|place| window.to <= place.start);
    let too_dense = !is_whole || entries.len() > DENSEST;
    let entries = if too_dense { Vec::new() } else { entries };
    fetch::encode(&Segment { entries, too_dense })
}

fn segment(fetched: Fetched) -> Result<From<Arc<Segment>>> {
    let tier = fetch::served_by(fetched.origin, Tier::Store);
    let value = fetched.value.ok_or_else(fetch::absent)?;
    Ok(From { value: value.decoded(fetch::decode::<Segment>)?, tier })
}
