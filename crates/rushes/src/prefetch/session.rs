//! Who asks: moves are learned session by session, since those of several agents mixed are noise.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use rushes_store::VideoId;

use super::moves::Trail;

tokio::task_local! {
    static SESSION: u64;
}

/// Runs `work` as part of the session of this name: what it reads is what that session reads.
/// Names are only compared; any text will do.
pub async fn in_session<T>(name: &str, work: impl Future<Output = T>) -> T {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    SESSION.scope(hasher.finish(), work).await
}

/// The session that the task belongs to.
pub(super) fn of_task() -> Option<u64> {
    SESSION.try_with(|session| *session).ok()
}

/// A session of its own.
pub(crate) fn next() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// Sessions that are remembered are between so many and twice as many.
const REMEMBERED: usize = 2048;

/// Where each session is.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    young: HashMap<u64, Place>,
    /// Those that were not seen since `young` began.
    old: HashMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    video: VideoId,
    trail: Trail,
}

impl Sessions {
    /// The trail of a session on a video; a new one when it was on another.
    pub(super) fn trail(&mut self, session: u64, video: &VideoId) -> &mut Trail {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        let place = self.young.entry(session).or_insert_with(|| {
            let known = self.old.remove(&session);
            known.unwrap_or_else(|| Place { video: video.clone(), trail: Trail::default() })
        });
        if place.video != *video {
            *place = Place { video: video.clone(), trail: Trail::default() };
        }
        &mut place.trail
    }

    /// The trails of the sessions that are on a video.
    pub(super) fn on(&self, video: &VideoId) -> impl Iterator<Item = (u64, &Trail)> {
        let places = self.young.iter().chain(&self.old);
        let here = places.filter(move |(_, place)| place.video == *video);
        here.map(|(session, place)| (*session, &place.trail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefetch::moves::{Access, Moves};

    #[test]
    fn sessions_are_bounded_and_each_has_its_own_trail() {
        let video = VideoId::parse("00112233aabbccdd").unwrap();
        let (mut sessions, mut moves) = (Sessions::default(), Moves::new(16));
        let access = Access { kind: 0, first: 3, last: 3 };
        moves.learn(sessions.trail(7, &video), access);
        assert_eq!(sessions.trail(7, &video).at(), Some(access));
        assert_eq!(sessions.trail(8, &video).at(), None);
        for session in 100..100_000 {
            sessions.trail(session, &video);
        }
        assert!(sessions.young.len() + sessions.old.len() <= 2 * REMEMBERED);
        assert_eq!(sessions.trail(7, &video).at(), None, "long forgotten");
        let other = VideoId::parse("ffff2233aabbccdd").unwrap();
        moves.learn(sessions.trail(9, &video), access);
        assert_eq!(sessions.trail(9, &other).at(), None, "another video is another trail");
    }

    #[tokio::test]
    async fn a_task_is_of_the_session_that_it_runs_in() {
        assert_eq!(of_task(), None);
        let one = in_session("one", async { of_task() }).await;
        assert_ne!(one, in_session("two", async { of_task() }).await);
        assert_eq!(one, in_session("one", async { of_task() }).await);
    }
}
