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

type Frames = mpsc::Sender<Result<RawFrame>>;

async fn take(
    source: Source<'_>,
    sampling: &Sampling,
    from: Option<f64>,
    frames: &Frames,
) -> Result<()> {
    let done = plan::resume_stamp(source.timing, from);
    let key = done.and_then(|(number, _)| source.timing.key_before(number)).filter(|&key| key > 0);
    let after = done.map(|(_, stamp)| stamp);
    match sampling {
        Sampling::Scene(threshold) => {
            let select = Some(select::scenes(*threshold, after));
            let key = key.filter(|_| !source.timing.counted);
            pour(source, Order { key, select, ..Order::default() }, frames).await
        }
        Sampling::Keyframes if !source.timing.counted => {
            let select = after.map(select::after);
            pour(source, Order { key, select, keys_only: true, ..Order::default() }, frames).await
        }
        _ => {
            let numbers = plan::numbers(sampling, source.timing, from).unwrap_or_default();
            fetch(source, &numbers, frames).await
        }
    }
}

/// All frames of a run.
async fn pour(source: Source<'_>, order: Order, frames: &Frames) -> Result<()> {
    let mut decoder = Decoder::start(source, &order).await?;
    while let Some(frame) = decoder.next().await? {
        if frames.send(Ok(frame)).await.is_err() {
            return Ok(());
        }
    }
    decoder.finish().await.map(|_| ())
}

/// The frames of these numbers, through seeks where that is quicker; and without any from the
/// moment on when one proves wrong.
async fn fetch(source: Source<'_>, numbers: &[u64], frames: &Frames) -> Result<()> {
    let mut next = 0;
    for run in plan::runs(numbers, source.timing, true) {
        let (sent, whole) = fetch_run(source, &run, frames).await?;
        next += sent;
        if !whole {
            break;
        }
    }
    for run in plan::runs(numbers.get(next..).unwrap_or_default(), source.timing, false) {
        fetch_run(source, &run, frames).await?;
    }
    Ok(())
}

/// Sends a run's frames; tells how many of its numbers are settled, and whether all are.
///
/// After a seek, nothing is sent that the decoder complained about or that is not in turn: the
/// keyframe mark was wrong or the seek landed late.
async fn fetch_run(source: Source<'_>, run: &Run, frames: &Frames) -> Result<(usize, bool)> {
    let stamps: Vec<i64> =
        run.numbers.iter().filter_map(|&number| source.timing.stamp(number)).collect();
    let order = Order {
        key: run.key,
        select: Some(select::these(&stamps)),
        most: Some(stamps.len()),
        ..Order::default()
    };
    let mut decoder = Decoder::start(source, &order).await?;
    let mut settled = 0;
    while let Some(wanted) = run.numbers.get(settled).copied() {
        let Some(frame) = decoder.next().await? else {
            decoder.finish().await?;
            break;
        };
        let in_turn = frame.number == wanted;
        if run.key.is_some() && (decoder.complained || !in_turn) {
            return Ok((settled, false));
        }
        settled = run.numbers.partition_point(|&number| number <= frame.number);
        if run.numbers.binary_search(&frame.number).is_ok() && frames.send(Ok(frame)).await.is_err()
        {
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
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let work = async {
        let result = fetch(source, numbers, &sender).await;
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
    let frames = frames?;
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
