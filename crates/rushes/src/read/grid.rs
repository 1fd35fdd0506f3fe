//! How a timeline is cut into segments: aligned stretches of time that overlapping requests share.
//!
//! The length follows the density of the timeline, so that a segment holds some dozens of entries:
//! a few KB to some tens of KB. Lengths are powers of eight, so that an import that changes the
//! density a little does not cut everything anew, and so that the few lengths there are can all be
//! named when a commit says which span of time it touched. What lies before the video's first
//! frame or after its last (a caption that runs over, say) is in two segments of its own without
//! an outer bound.

use rushes_store::{Timeline, Video, Window};

/// Lengths that segments may have, seconds.
pub(super) const LENGTHS: [f64; 5] = [1.0, 8.0, 64.0, 512.0, 4096.0];

/// A segment holds at most about so many entries, where lengths allow.
const USUAL: f64 = 128.0;

/// The cut of one timeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    /// Seconds.
    pub(super) length: f64,
    /// The segment of the first frame, and that of the last.
    first: i64,
    last: i64,
    /// Entries in a segment, on average.
    pub(super) density: f64,
}

impl Grid {
    pub(super) fn of(video: &Video, timeline: &Timeline) -> Self {
        let duration = video.duration.clamp(1.0, 1e9);
        let rate = timeline.count as f64 / duration;
        let fits = |length: &&f64| **length * rate <= USUAL;
        let length = LENGTHS.iter().rev().find(fits).copied().unwrap_or(LENGTHS[0]);
        let (start, end) = (video.start.clamp(-1e9, 1e9), video.start.clamp(-1e9, 1e9) + duration);
        Self { length, first: slot(start, length), last: slot(end, length), density: length * rate }
    }

    /// The segments that a window touches, in order.
    pub(super) fn touched(&self, window: Window) -> std::ops::RangeInclusive<i64> {
        let from = self.slot(window.from);
        let last = self.slot(window.to);
        // The window ends before its last second.
        let excluded = last > from && self.window(last).from >= window.to;
        from..=last - i64::from(excluded)
    }

    /// The segment that a second lies in; those outside the video count as one on each side.
    pub(super) fn slot(&self, second: f64) -> i64 {
        slot(second, self.length).clamp(self.first - 1, self.last + 1)
    }

    /// What a segment covers.
    pub(super) fn window(&self, slot: i64) -> Window {
        let from = if slot < self.first { f64::MIN } else { slot as f64 * self.length };
        let to = if slot > self.last { f64::MAX } else { (slot + 1) as f64 * self.length };
        Window { from, to }
    }

    /// Whether the segment has both bounds.
    pub(super) fn is_inner(&self, slot: i64) -> bool {
        (self.first..=self.last).contains(&slot)
    }
}

/// Which multiple of the length a second lies at or after.
pub(super) fn slot(second: f64, length: f64) -> i64 {
    // Lengths are powers of two, so the quotient is exact; `as` keeps what is too great in range.
    (second / length).floor() as i64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use rushes_store::{BlobHash, Kind, VideoId};

    pub(crate) fn video(start: f64, duration: f64) -> Video {
        Video {
            id: VideoId::parse("00112233aabbccdd").unwrap(),
            hash: BlobHash([0; 32]),
            name: "a.mp4".to_owned(),
            path: None,
            media: None,
            size: 1,
            start,
            duration,
            probe: serde_json::json!({}),
            thumbnail: None,
            timing: None,
            added: 0.0,
        }
    }

    fn grid(start: f64, duration: f64, count: u64) -> Grid {
        let kind = Kind::new("caption").unwrap();
        Grid::of(&video(start, duration), &Timeline { kind, count, recipes: vec![] })
    }

    #[test]
    fn the_length_follows_the_density() {
        assert_eq!(grid(0.0, 600.0, 60).length, 512.0);
        assert_eq!(grid(0.0, 600.0, 6_000).length, 8.0);
        assert_eq!(grid(0.0, 600.0, 6_000_000).length, 1.0);
        assert_eq!(grid(0.0, 36_000.0, 3).length, 4096.0);
        assert_eq!(grid(0.0, 0.0, 0).length, 4096.0);
    }

    #[test]
    fn what_lies_outside_the_video_is_in_a_segment_on_its_side() {
        let grid = grid(10.0, 20.0, 1000);
        assert_eq!(grid.length, 1.0);
        assert_eq!(grid.window(grid.slot(-5.0)), Window { from: f64::MIN, to: 10.0 });
        assert_eq!(grid.window(grid.slot(1e12)), Window { from: 31.0, to: f64::MAX });
        assert_eq!(grid.touched(Window::ALL), 9..=31);
    }

    proptest! {
        /// Segments cover all time once, and a window's segments are those it shares time with.
        #[test]
        fn segments_tile_time(
            start in 0.0..100_000.0f64, duration in 0.0..100_000.0f64, count in 0u64..1_000_000,
            from in -1e5..3e5f64, span in 0.0..1e4f64, second in -1e5..3e5f64,
        ) {
            let grid = grid(start, duration, count);
            let holds = |slot: i64| {
                let window = grid.window(slot);
                window.from <= second && second < window.to
            };
            prop_assert!(holds(grid.slot(second)));
            let window = Window { from, to: from + span };
            let touched = grid.touched(window);
            prop_assert!(touched.contains(&grid.slot(from)));
            if (from..from + span).contains(&second) {
                prop_assert!(touched.contains(&grid.slot(second)));
            }
            let (low, high) = (grid.window(*touched.start()), grid.window(*touched.end()));
            prop_assert!(low.from <= from && (high.from < window.to || span == 0.0));
        }
    }
}
