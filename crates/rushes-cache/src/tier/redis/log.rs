//! Listens to the log of invalidations, from where it left off.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{RedisResult, cmd};
use tokio::sync::watch;
use tokio::time::Instant;

use super::event::{Event, Gone};
use super::link::{Link, failed};
use super::names::Name;
use super::servers::Servers;
use crate::hearer::Hearer;
use crate::tier::TierError;
use crate::token::Position;

/// How long the server waits for a line before it says that there is none: the sign of life.
const BLOCK: Duration = Duration::from_millis(200);
/// After how long without any answer the connection is given up.
const SILENCE: Duration = Duration::from_secs(1);
/// How long after a failure the next attempt is made.
const PAUSE: Duration = Duration::from_millis(20);
/// Lines read at once.
const LINES: usize = 512;

/// How far this process has written and heard.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    written: Mutex<Option<Position>>,
    heard: watch::Sender<Position>,
}

impl Cursor {
    /// This process wrote a line.
    pub(super) fn wrote(&self, at: Position) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        *written = (*written).max(Some(at));
    }

    /// The latest line of this process.
    pub(super) fn latest_written(&self) -> Option<Position> {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything up to a line was heard.
    pub(super) async fn reached(&self, at: Position) {
        // The sender lives as long as `self`.
        drop(self.heard.subscribe().wait_for(|heard| *heard >= at).await);
    }

    fn heard(&self, at: Position) {
        self.heard.send_replace(at);
    }
}

/// Up to where a log was heard, and in which life of its server.
#[derive(Clone, Copy, Debug)]
struct Known {
    life: u64,
    at: Position,
}

/// One line: where it stands, and what it says if that can be read.
type Line = (Position, Option<Event>);

/// Hears what other processes invalidate.
pub(super) struct Listener {
    pub(super) servers: Arc<Servers>,
    pub(super) log: Name,
    pub(super) origin: u64,
    pub(super) cursor: Arc<Cursor>,
    pub(super) hearer: Hearer,
    pub(super) deaf: Option<Duration>,
}

/// When the log was last heard, and whether that is too long ago.
struct Ears {
    heard: watch::Sender<Instant>,
    deaf: AtomicBool,
}

impl Listener {
    /// Listens until the cache is gone.
    pub(super) async fn listen(self) {
        let ears = Ears { heard: watch::Sender::new(Instant::now()), deaf: AtomicBool::new(false) };
        tokio::select! {
            () = self.follow(&ears) => {}
            () = self.notice_silence(&ears) => {}
        }
    }

    async fn follow(&self, ears: &Ears) {
        let mut known = None;
        while !self.hearer.is_alone() {
            let Err(error) = self.session(&mut known, ears).await;
            tracing::debug!(%error, "the log of invalidations is not heard");
            self.servers.suspect();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Tells when nothing was heard for too long.
    async fn notice_silence(&self, ears: &Ears) {
        let Some(bound) = self.deaf else { return std::future::pending().await };
        let mut heard = ears.heard.subscribe();
        loop {
            let until = *heard.borrow_and_update() + bound;
            if Instant::now() < until {
                tokio::time::sleep_until(until).await;
                continue;
            }
            ears.deaf.store(true, Ordering::SeqCst);
            self.hearer.hears_nothing(bound);
            if heard.changed().await.is_err() {
                return;
            }
        }
    }

    /// Listens over one connection until something is wrong with it.
    async fn session(
        &self,
        known: &mut Option<Known>,
        ears: &Ears,
    ) -> Result<Infallible, TierError> {
        let map = self.servers.up().await?;
        // A connection of its own: a waiting command keeps all behind it waiting.
        let link = self.servers.another(map.link(&self.log)?).await?;
        let mut at = self.resume(&link, known).await?;
        let mut caught_up = false;
        loop {
            let lines = read(&link, &self.log, at, caught_up).await?;
            let quiet = lines.is_empty();
            for line in lines {
                at = self.hear(at, line).await;
                *known = Some(Known { life: link.life, at });
                self.cursor.heard(at);
            }
            if quiet && caught_up {
                at = self.resume(&link, known).await?;
            }
            ears.heard.send_replace(Instant::now());
            if quiet && (!caught_up || ears.deaf.load(Ordering::SeqCst)) {
                ears.deaf.store(false, Ordering::SeqCst);
                self.hearer.hears_again().await;
            }
            caught_up |= quiet;
            if !Arc::ptr_eq(&map, &self.servers.up().await?) {
                return Err(TierError::Other("the servers have changed".to_owned()));
            }
        }
    }

    /// Where to go on: where it was left off when the log still leads there, else at its end, and
    /// everything from before is suspect.
    async fn resume(&self, link: &Link, known: &mut Option<Known>) -> Result<Position, TierError> {
        let end = end(link, &self.log).await?;
        if let Some(known) = known
            && known.life == link.life
            && known.at.epoch == end.epoch
            && known.at <= end
        {
            return Ok(known.at);
        }
        self.hearer.missed().await;
        *known = Some(Known { life: link.life, at: end });
        self.cursor.heard(end);
        Ok(end)
    }

    /// Does what a line says; answers its place.
    async fn hear(&self, before: Position, (at, event): Line) -> Position {
        let follows = match before {
            Position { epoch: 0, .. } => at.sequence == 1,
            Position { epoch, sequence } => (epoch, sequence + 1) == (at.epoch, at.sequence),
        };
        match event.filter(|_| follows) {
            Some(event) if event.origin == self.origin => {}
            Some(event) => self.apply(event).await,
            None => self.hearer.missed().await,
        }
        at
    }

    async fn apply(&self, event: Event) {
        let mut scopes = Vec::new();
        for gone in event.gone {
            match gone {
                Gone::Scope(scope) => scopes.push(scope),
                Gone::Key(key) => self.hearer.key(key).await,
            }
        }
        if !scopes.is_empty() {
            self.hearer.scopes(scopes).await;
        }
    }
}

/// The place of the last line.
async fn end(link: &Link, log: &Name) -> Result<Position, TierError> {
    type Lines = Vec<(String, redis::Value)>;
    let mut question = cmd("XREVRANGE");
    question.arg(&log.text).arg("+").arg("-").arg("COUNT").arg(1);
    let mut connection = link.connection();
    let lines: Lines = answer(link, question.query_async(&mut connection)).await?;
    let Some((id, _)) = lines.first() else { return Ok(Position::default()) };
    position(id)
}

/// The lines after a place; when there are none, `wait`s a while for one.
async fn read(link: &Link, log: &Name, at: Position, wait: bool) -> Result<Vec<Line>, TierError> {
    type Fields = Vec<Vec<u8>>;
    type Streams = Option<Vec<(String, Vec<(String, Fields)>)>>;
    let mut question = cmd("XREAD");
    question.arg("COUNT").arg(LINES);
    if wait {
        question.arg("BLOCK").arg(BLOCK.as_millis() as u64);
    }
    question.arg("STREAMS").arg(&log.text).arg(at.to_string());
    let mut connection = link.connection();
    let streams: Streams = answer(link, question.query_async(&mut connection)).await?;
    let lines = streams.into_iter().flatten().flat_map(|(_, lines)| lines);
    let line = |(id, fields): (String, Fields)| {
        let event = fields.get(1).and_then(|bytes| Event::decode(bytes));
        Ok((position(&id)?, event))
    };
    lines.map(line).collect()
}

fn position(id: &str) -> Result<Position, TierError> {
    id.parse().map_err(|_| TierError::Other(format!("{id:?} is no place in a log")))
}

async fn answer<T>(
    link: &Link,
    asked: impl Future<Output = RedisResult<T>>,
) -> Result<T, TierError> {
    let answer = tokio::time::timeout(SILENCE, asked).await;
    let answer = answer.map_err(|_| TierError::Slow(SILENCE))?;
    answer.map_err(|error| failed(&link.address, &error))
}
