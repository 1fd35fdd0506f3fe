//! Native frames of a short window, evenly chosen.

use std::sync::Arc;

use futures::future::try_join_all;
use rushes_store::Video;
use serde::{Deserialize, Serialize};

use super::frame::{FrameImage, Shot, Width, Wish, suffices};
use super::native;
use super::picture::evenly;
use super::sheet::ImageFormat;
use super::spot::Spot;
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::ffmpeg::Timing;
use crate::read::Watch;

/// The longest window, in seconds.
const LONGEST: f64 = 60.0;
/// Frames, when the request does not say, and at most.
const USUAL: usize = 8;
const MOST: usize = 100;
/// Frames that are decoded together: bounds the raw pictures in memory.
const TOGETHER: usize = 12;

/// Asks for native frames of a short window, evenly chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["video", "from", "to"])))]
#[serde(default, deny_unknown_fields)]
pub struct BurstRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// From this second of media time, included.
    pub from: f64,
    /// To this second, excluded; at most 60 seconds later.
    pub to: f64,
    /// How many frames, 1 to 100; 8 when not given. All of the window's if it has fewer.
    pub count: Option<usize>,
    /// How wide.
    pub width: Width,
    /// WebP when not given.
    pub format: Option<ImageFormat>,
    /// State sizes and cost, send no images.
    pub dry_run: bool,
}

impl Rushes {
    /// Native frames of a short window, evenly chosen, each with its true timestamp: the first at or
    /// after `from`, then as many steps as fit. A window between two frames gives the one on screen.
    ///
    /// Fails with [`ErrorKind::Invalid`] for arguments out of bounds, [`ErrorKind::TooLarge`] for a
    /// window over 60 seconds, and [`ErrorKind::Gone`] when a frame that is not stored is wanted and
    /// the video's file is gone.
    pub async fn burst(&self, request: &BurstRequest) -> Result<Vec<FrameImage>> {
        let mut watch = Watch::start();
        let count = checked(request)?;
        let wish = Wish::read(request.width, request.format, request.dry_run)?;
        let video = watch.note(self.resolve(&request.video).await?);
        let timing = self.timing(&video).await?.ok_or_else(|| {
            let message =
                format!("{:?} has no timing index; run `rushes ingest` again", video.name);
            Error::new(ErrorKind::Unsupported, message)
        })?;
        let numbers = chosen(&timing, request.from, request.to, count);
        if numbers.is_empty() {
            let end = timing.seconds(timing.end);
            let message = format!("{:?} ends at {end:.3} s, before the window", video.name);
            return Err(Error::not_found(message));
        }
        let mut shots = Vec::with_capacity(numbers.len());
        for together in numbers.chunks(TOGETHER) {
            shots.extend(self.shots(&video, &timing, together, wish, &mut watch).await?);
        }
        let served = watch.served(&self.inner.meter);
        let framed =
            |(spot, shot): (Spot, Shot)| self.framed(&video, &spot, shot, wish.format, served);
        Ok(shots.into_iter().map(framed).collect())
    }

    /// The images of some frames; those that are not stored are decoded in one go.
    async fn shots(
        &self,
        video: &Video,
        timing: &Arc<Timing>,
        numbers: &[u64],
        wish: Wish,
        watch: &mut Watch,
    ) -> Result<Vec<(Spot, Shot)>> {
        let mut spots = Vec::with_capacity(numbers.len());
        for number in numbers {
            spots.push(self.numbered(video, timing, *number, watch).await?);
        }
        let stored = |spot: &Spot| spot.stored.is_some() && suffices(video, spot, wish.width);
        let missing: Vec<u64> =
            spots.iter().filter(|spot| !stored(spot)).filter_map(|spot| spot.number).collect();
        let mut native = self.native_shots(video, timing, missing, wish, watch).await?.into_iter();
        let mut shots = Vec::with_capacity(spots.len());
        for spot in spots {
            let shot = match stored(&spot) {
                true => Some(self.stored_shot(video, &spot, wish, watch).await?),
                false => native.next(),
            };
            shots.extend(shot.map(|shot| (spot, shot)));
        }
        Ok(shots)
    }

    async fn native_shots(
        &self,
        video: &Video,
        timing: &Arc<Timing>,
        numbers: Vec<u64>,
        wish: Wish,
        watch: &mut Watch,
    ) -> Result<Vec<Shot>> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let size = native::size(timing, wish.width);
        if wish.dry_run {
            self.source(video).await?;
            let dry = |_| Shot { image: bytes::Bytes::new(), size };
            return Ok(numbers.into_iter().map(dry).collect());
        }
        let batch = self.batch(video, Arc::clone(timing), numbers.clone(), size).await?;
        let images =
            numbers.iter().map(|number| self.native(video, &batch, *number, size, wish.format));
        let images = try_join_all(images).await?;
        Ok(images.into_iter().map(|image| Shot { image: watch.note(image), size }).collect())
    }
}

/// Checks a request; how many frames it wants.
fn checked(request: &BurstRequest) -> Result<usize> {
    let BurstRequest { from, to, .. } = *request;
    if !(from.is_finite() && to.is_finite() && 0.0 <= from && from < to) {
        let message = format!("a burst needs 0 <= from < to in seconds, not {from} and {to}");
        return Err(Error::invalid(message));
    }
    if to - from > LONGEST {
        let message = format!(
            "a burst spans at most {LONGEST} seconds, not {:.3}; to={} would fit, or ask for a sheet",
            to - from,
            from + LONGEST
        );
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    match request.count.unwrap_or(USUAL) {
        count if (1..=MOST).contains(&count) => Ok(count),
        count => Err(Error::invalid(format!("count must be 1 to {MOST} frames, not {count}"))),
    }
}

/// The numbers of the frames: an even choice among those that begin in the window.
fn chosen(timing: &Timing, from: f64, to: f64, count: usize) -> Vec<u64> {
    let place = |at: f64| timing.frames.partition_point(|frame| timing.seconds(frame.pts) < at);
    let (first, last) = (place(from), place(to));
    if first == last {
        return timing.on_screen_at(from).map(|number| number as u64).into_iter().collect();
    }
    evenly(last - first, count).into_iter().map(|n| (first + n) as u64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(from: f64, to: f64, count: Option<usize>) -> BurstRequest {
        BurstRequest { from, to, count, ..Default::default() }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_would_fit() {
        for (from, to) in
            [(1.0, 1.0), (2.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)]
        {
            assert_eq!(checked(&request(from, to, None)).unwrap_err().kind(), ErrorKind::Invalid);
        }
        let long = checked(&request(10.0, 100.0, None)).unwrap_err();
        assert_eq!(long.kind(), ErrorKind::TooLarge);
        assert!(long.to_string().contains("to=70"), "{long}");
        for count in [0, 101] {
            assert!(checked(&request(0.0, 1.0, Some(count))).is_err());
        }
        assert_eq!(checked(&request(0.0, 1.0, None)).unwrap(), USUAL);
    }
}
