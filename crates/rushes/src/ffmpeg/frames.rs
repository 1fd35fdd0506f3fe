//! Frames out of a video, with their true times.

use std::path::Path;

use rushes_codec::image::Yuv420;
use tokio::sync::mpsc;

use super::build::Build;
use super::decode::{Decoder, Order, Source};
use super::limits::Limits;
use super::plan::{self, Run};
use super::probe::Probe;
use super::select;
use super::timing::Timing;
use crate::error::{Error, Kind, Result};
use crate::ingest::Sampling;

/// Decoded frames that wait for their reader.
const WAITING: usize = 4;

/// One decoded frame as displayed: rotated, square pixels, shrunk to the wanted edge.
#[derive(Debug)]
pub(crate) struct RawFrame {
    /// Its number in display order, from 0.
    pub(crate) number: u64,
    /// Its presentation timestamp, seconds.
    pub(crate) at: f64,
    /// Whether it is a keyframe.
    pub(crate) key: bool,
    /// The picture.
    pub(crate) picture: Yuv420,
}

/// Decodes the frames that the sampling asks for, in time order, into a bounded channel. `from`
/// (seconds) is the last frame that an interrupted run already has: what follows it is taken, as
/// the whole run would have.
///
/// A failure is the last value of the channel. Dropping the receiver ends the child. Frames that
/// the file's damage hides are passed over; times past the end are, too.
pub(crate) fn sample(
    path: &Path,
    probe: &Probe,
    sampling: &Sampling,
    edge: u32,
    from: Option<f64>,
    limits: &Limits,
) -> mpsc::Receiver<Result<RawFrame>> {
    let (frames, receiver) = mpsc::channel(WAITING);
    let (path, timing) = (path.to_owned(), probe.timing.clone());
    let (sampling, limits) = (sampling.clone(), *limits);
    tokio::spawn(async move {
        let work = async {
            let build = Build::installed().await?;
            let source = Source { path: &path, timing: &timing, edge, limits: &limits, build };
            take(source, &sampling, from, &frames).await
        };
        tokio::select! {
            // Nobody listens: the child ends with the work.
            () = frames.closed() => {}
            result = work => if let Err(error) = result {
                let _ = frames.send(Err(error)).await;
            }
        }
    });
    receiver
}

pub(super) type Frames = mpsc::Sender<Result<RawFrame>>;

async fn take(
    source: Source<'_>,
    sampling: &Sampling,
    from: Option<f64>,
    frames: &Frames,
) -> Result<()> {
    let timing = source.timing;
    let done = plan::resume_number(timing, from);
    let after = done.and_then(|number| timing.stamp(number));
    let seekable = |key: &u64| *key > 0 && !timing.counted;
    let key = done.and_then(|number| timing.key_before(number)).filter(seekable);
    match sampling {
        Sampling::Scene(threshold) => {
            let select = Some(select::scenes(*threshold, after));
            pour(source, Order { key, select, ..Order::default() }, done, frames).await
        }
        Sampling::Keyframes if !timing.counted => {
            let select = after.map(select::after);
            let order = Order { key, select, keys_only: true, ..Order::default() };
            pour(source, order, done, frames).await
        }
        _ => {
            let numbers = plan::numbers(sampling, timing, from).unwrap_or_default();
            fetch(source, &numbers, plan::worth_a_seek(timing), frames).await
        }
    }
}

/// All frames of a run after the number `done`; once more from the start if a seek proves wrong.
async fn pour(
    source: Source<'_>,
    order: Order,
    mut done: Option<u64>,
    frames: &Frames,
) -> Result<()> {
    let starts = order.key.map(Some).into_iter().chain([None]);
    for key in starts {
        let mut decoder = Decoder::start(source, &Order { key, ..order.clone() }).await?;
        let mut landed = false;
        let mut whole = true;
        while let Some(frame) = decoder.next().await? {
            let late = !landed && done.is_none_or(|done| frame.number > done);
            landed = true;
            if key.is_some() && (decoder.complained || late) {
                whole = false;
                break;
            }
            if done.is_some_and(|done| frame.number <= done) {
                continue;
            }
            done = Some(frame.number);
            if frames.send(Ok(frame)).await.is_err() {
                return Ok(());
            }
        }
        if whole {
            return decoder.finish().await.map(|_| ());
        }
    }
    Ok(())
}

/// The frames of these numbers, through seeks where that is quicker; and without any from the
/// moment on when one proves wrong.
async fn fetch(source: Source<'_>, numbers: &[u64], far: u64, frames: &Frames) -> Result<()> {
    let mut next = 0;
    for run in plan::runs(numbers, source.timing, Some(far)) {
        let (sent, whole) = fetch_run(source, &run, frames).await?;
        next += sent;
        if !whole {
            break;
        }
    }
    for run in plan::runs(numbers.get(next..).unwrap_or_default(), source.timing, None) {
        fetch_run(source, &run, frames).await?;
    }
    Ok(())
}

/// Sends a run's frames; tells how many of its numbers are settled, and whether all are.
///
/// After a seek, nothing is sent that the decoder complained about, and nothing may be missing:
/// else the keyframe mark was wrong or the seek landed late.
pub(super) async fn fetch_run(
    source: Source<'_>,
    run: &Run,
    frames: &Frames,
) -> Result<(usize, bool)> {
    let stamps: Vec<i64> =
        run.numbers.iter().filter_map(|&number| source.timing.stamp(number)).collect();
    let order = Order {
        key: run.key,
        select: Some(select::these(&stamps)),
        // One more, for where a seek landed.
        most: Some(stamps.len() + usize::from(run.key.is_some())),
        keys_only: false,
        short: run.is_short(),
    };
    let mut decoder = Decoder::start(source, &order).await?;
    let mut settled = 0;
    while let Some(wanted) = run.numbers.get(settled).copied() {
        let Some(frame) = decoder.next().await? else {
            decoder.finish().await?;
            break;
        };
        if run.key.is_some() && (decoder.complained || frame.number > wanted) {
            return Ok((settled, false));
        }
        settled = run.numbers.partition_point(|&number| number <= frame.number);
        let is_wanted = run.numbers.binary_search(&frame.number).is_ok();
        if is_wanted && frames.send(Ok(frame)).await.is_err() {
            return Ok((settled, true));
        }
    }
    Ok((settled, run.key.is_none() || settled == run.numbers.len()))
}

/// Decodes the frames of these numbers (ascending), seeking to the keyframe before each run of
/// them; exact also where keyframe marks are wrong.
///
/// # Errors
/// `Invalid` for a number that the video does not have, `Unsupported` when a frame cannot be
/// decoded.
pub(crate) async fn decode_numbers(
    path: &Path,
    timing: &Timing,
    numbers: &[u64],
    edge: u32,
    limits: &Limits,
) -> Result<Vec<RawFrame>> {
    let count = timing.frames.len();
    if let Some(number) = numbers.iter().find(|&&number| timing.frame(number).is_none()) {
        return Err(Error::invalid(format!("frame {number} is not one of the video's {count}")));
    }
    let build = Build::installed().await?;
    let source = Source { path, timing, edge, limits, build };
    let frames = gather(source, numbers, plan::worth_a_seek(timing)).await?;
    let missing = numbers.iter().find(|&&number| frames.iter().all(|frame| frame.number != number));
    match missing {
        None => Ok(frames),
        Some(number) => {
            let file = super::child::name(path);
            let text = format!("{file}: frame {number} cannot be decoded; the file is damaged");
            Err(Error::new(Kind::Unsupported, text))
        }
    }
}

/// The frames of these numbers that can be decoded; one more than `far` frames on is sought.
pub(super) async fn gather(source: Source<'_>, numbers: &[u64], far: u64) -> Result<Vec<RawFrame>> {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let work = async {
        let result = fetch(source, numbers, far, &sender).await;
        drop(sender);
        result
    };
    let gather = async {
        let mut frames = Vec::with_capacity(numbers.len());
        while let Some(frame) = receiver.recv().await {
            frames.push(frame?);
        }
        Ok::<_, Error>(frames)
    };
    let (worked, frames) = tokio::join!(work, gather);
    worked?;
    frames
}
