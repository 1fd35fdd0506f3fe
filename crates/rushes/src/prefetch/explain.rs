//! Why something was read ahead, or why not.

use rushes_store::{Kind, VideoId};
use serde::{Deserialize, Serialize};

use super::diary::{Fate, Note};
use super::moves::{Outlook, TICK};
use super::{LEAST, Prefetch};
use crate::config::Prefetching;
use crate::engine::Rushes;
use crate::error::{Error, Result};

/// Asks why the entries of a kind at a moment were read ahead, or were not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// The kind.
    pub kind: String,
    /// The second.
    pub at: f64,
}

/// Why something was read ahead, or why not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The reason in a sentence.
    pub why: String,
    /// The strategy in use: `learned`, `related` or `off`.
    pub strategy: String,
    /// Whether it is off for a while, as too little of what it brought was used.
    pub paused: bool,
    /// How likely a read must be to be made ahead, 0 to 1.
    pub least: f32,
    /// Orders that covered the moment, the latest first: of the last 1,024 of the library.
    pub orders: Vec<OrderedAhead>,
    /// Sessions that are on this video, and what is expected of them.
    pub sessions: Vec<Expected>,
}

/// A read that was ordered ahead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OrderedAhead {
    /// How long ago.
    pub seconds_ago: f64,
    /// The session whose read led to it, as a number without meaning.
    pub session: u64,
    /// From this second, included.
    pub from: f64,
    /// To this second, excluded.
    pub to: f64,
    /// How likely it was, 0 to 1; absent where the table of related kinds ordered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// `waiting`, `read`, `queue full`, `demand` (reads on demand did not end in time), `budget`
    /// (it was spent) or `failed`.
    pub outcome: String,
    /// Bytes that it brought; 0 where all was in memory.
    pub bytes: u64,
}

/// What is expected of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Expected {
    /// The session, as a number without meaning.
    pub session: u64,
    /// The last moves that were looked at, 1 to 3; 0 when none were seen often enough.
    pub moves: usize,
    /// How often these moves were seen before, in any session on any video.
    pub seen: u32,
    /// How likely the moment is to be asked for next, 0 to 1.
    pub confidence: f32,
}

impl Rushes {
    /// Why the entries of a kind at a moment were read ahead, or were not. This process tells of
    /// itself: ask the one that serves the agents.
    ///
    /// # Errors
    /// When the video is unknown, or the kind or the second cannot be meant.
    pub async fn explain_prefetch(&self, request: &ExplainRequest) -> Result<Explanation> {
        if !request.at.is_finite() {
            return Err(Error::invalid("`at` must be a finite number of seconds"));
        }
        let kind = Kind::new(&request.kind)?;
        let video = self.resolve(&request.video).await?.value;
        Ok(self.inner.prefetch.explain(&video.id, &kind, request.at))
    }
}

impl Prefetch {
    fn explain(&self, video: &VideoId, kind: &Kind, at: f64) -> Explanation {
        let orders: Vec<OrderedAhead> =
            self.diary.about(video, kind, at).iter().map(OrderedAhead::from).collect();
        let sessions = match self.strategy {
            Prefetching::Learned => self.expected(video, kind, at),
            _ => Vec::new(),
        };
        let paused = !self.ledger.is_worth_it();
        Explanation {
            why: self.why(orders.first(), &sessions, paused),
            strategy: self.strategy.name().to_owned(),
            paused,
            least: LEAST,
            orders,
            sessions,
        }
    }

    fn expected(&self, video: &VideoId, kind: &Kind, at: f64) -> Vec<Expected> {
        let Ok(mind) = self.mind.lock() else { return Vec::new() };
        let number = mind.kinds.iter().position(|known| known == kind);
        let tick = (at / TICK).floor() as i64;
        let expected = |(session, trail)| {
            let outlook = mind.moves.outlook(trail).unwrap_or_default();
            let Outlook { order, seen, predictions } = outlook;
            let here = predictions
                .0
                .iter()
                .find(|next| Some(usize::from(next.kind)) == number && next.tick == tick);
            let confidence = here.map_or(0.0, |next| next.confidence);
            Expected { session, moves: order, seen, confidence }
        };
        let mut all: Vec<Expected> = mind.sessions.on(video).map(expected).collect();
        all.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        all
    }

    fn why(&self, order: Option<&OrderedAhead>, sessions: &[Expected], paused: bool) -> String {
        if let Some(order) = order {
            return order.text();
        }
        match (self.strategy, sessions.first()) {
            (Prefetching::Off, _) => "Prefetching is off: see the setting `prefetch`.".to_owned(),
            _ if paused => {
                "Prefetching pauses for a minute: too little of what it brought was used."
                    .to_owned()
            }
            (Prefetching::Related, _) => {
                "Nothing that brings it along by the table was read lately.".to_owned()
            }
            (_, None) => "No session has read a single kind of this video lately.".to_owned(),
            (_, Some(Expected { moves: 0, .. })) => {
                "What the sessions on this video did was not seen often enough before.".to_owned()
            }
            (_, Some(best)) => format!(
                "It is expected with {:.2} after what was seen {} times; {LEAST} is needed.",
                best.confidence, best.seen
            ),
        }
    }
}

impl OrderedAhead {
    fn text(&self) -> String {
        let likely = match self.confidence {
            Some(confidence) => format!("expected with {confidence:.2}"),
            None => "brought along by the table".to_owned(),
        };
        let became = match (self.outcome.as_str(), self.bytes) {
            ("read", 0) => "all of it was in memory already".to_owned(),
            ("read", bytes) => format!("it was read ahead, {bytes} bytes"),
            ("waiting", _) => "it waits for its turn".to_owned(),
            ("queue full", _) => "it was dropped, as too many orders waited".to_owned(),
            ("demand", _) => "it was dropped, as reads on demand went before".to_owned(),
            ("budget", _) => "it was dropped, as the budget was spent".to_owned(),
            _ => "the read failed".to_owned(),
        };
        format!("It was ordered {:.1} s ago ({likely}): {became}.", self.seconds_ago)
    }
}

impl From<&Note> for OrderedAhead {
    fn from(note: &Note) -> Self {
        let (outcome, bytes) = match note.fate {
            Fate::Waiting => ("waiting", 0),
            Fate::Read(bytes) => ("read", bytes),
            Fate::QueueFull => ("queue full", 0),
            Fate::Demand => ("demand", 0),
            Fate::Budget => ("budget", 0),
            Fate::Failed => ("failed", 0),
        };
        Self {
            seconds_ago: note.at.elapsed().as_secs_f64(),
            session: note.session,
            from: note.window.from,
            to: note.window.to,
            confidence: note.confidence,
            outcome: outcome.to_owned(),
            bytes,
        }
    }
}
