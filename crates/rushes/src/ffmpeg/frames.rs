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
    // ffmpeg's decoder of Theora takes each frame that it is told to skip for an error.
    let skips = probe.facts.get("codec").and_then(|codec| codec.as_str()) != Some("theora");
    tokio::spawn(async move {
        let work = async {
            let build = Build::installed().await?;
            let source = Source { path: &path, timing: &timing, edge, limits: &limits, build };
            match take(source, &sampling, from, skips, &frames).await? {
                // The description of a damaged file may be whole though no picture is.
                Taken { asked: true, sent: 0 } if from.is_none() => {
                    let file = super::child::name(&path);
                    let text = format!("{file}: none of its frames can be decoded");
                    Err(Error::new(Kind::Unsupported, text))
                }
                _ => Ok(()),
            }
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

/// What a sampling came to.
struct Taken {
    /// There were frames to take.
    asked: bool,
    /// Frames that were.
    sent: u64,
}

async fn take(
    source: Source<'_>,
    sampling: &Sampling,
    from: Option<f64>,
    skips: bool,
    frames: &Frames,
) -> Result<Taken> {
    let timing = source.timing;
    let done = plan::resume_number(timing, from);
    let after = done.and_then(|number| timing.stamp(number));
    let seekable = |key: &u64| *key > 0 && !timing.counted;
    let key = done.and_then(|number| timing.key_before(number)).filter(seekable);
    let order = match sampling {
        Sampling::Scene(threshold) => {
            Order { key, select: Some(select::scenes(*threshold, after)), ..Order::default() }
        }
        Sampling::Keyframes if skips && !timing.counted => {
            let select = after.map(select::after);
            Order { key, select, keys_only: true, ..Order::default() }
        }
        _ => {
            let numbers = plan::numbers(sampling, timing, from).unwrap_or_default();
            let sent = fetch(source, &numbers, plan::worth_a_seek(timing), frames).await?;
            return Ok(Taken { asked: !numbers.is_empty(), sent });
        }
    };
    let sent = pour(source, order, done, frames).await?;
    Ok(Taken { asked: true, sent })
}

/// Sends all frames of an order after the number `done`; if a seek proves wrong, what is left of
/// them from the start.
async fn pour(source: Source<'_>, order: Order, done: Option<u64>, frames: &Frames) -> Result<u64> {
    let mut poured = Poured { done, sent: 0, whole: true };
    poured.run(source, &order, frames).await?;
    if !poured.whole {
        poured.run(source, &Order { key: None, ..order }, frames).await?;
    }
    Ok(poured.sent)
}

/// How far frames were sent.
struct Poured {
    done: Option<u64>,
    sent: u64,
    whole: bool,
}

impl Poured {
    async fn run(&mut self, source: Source<'_>, order: &Order, frames: &Frames) -> Result<()> {
        let mut decoder = Decoder::start(source, order).await?;
        let mut landed = false;
        while let Some(frame) = decoder.next().await? {
            let is_new = self.done.is_none_or(|done| frame.number > done);
            let late = is_new && !landed;
            landed = true;
            if order.key.is_some() && (decoder.complained || late) {
                self.whole = false;
                return Ok(());
            }
            if !is_new {
                continue;
            }
            self.done = Some(frame.number);
            self.sent += 1;
            if frames.send(Ok(frame)).await.is_err() {
                return Ok(());
            }
        }
        decoder.finish().await.map(|_| ())
    }
}

/// Sends the frames of these numbers, through seeks where that is quicker; without any from the
/// moment on when one proves wrong. Tells how many could be decoded.
async fn fetch(source: Source<'_>, numbers: &[u64], far: u64, frames: &Frames) -> Result<u64> {
    let (mut settled, mut sent) = (0, 0);
    for run in plan::runs(numbers, source.timing, Some(far)) {
        let fetched = fetch_run(source, &run, frames).await?;
        settled += fetched.settled;
        sent += fetched.sent;
        if !fetched.whole {
            break;
        }
    }
    for run in plan::runs(numbers.get(settled..).unwrap_or_default(), source.timing, None) {
        sent += fetch_run(source, &run, frames).await?.sent;
    }
    Ok(sent)
}

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Leading numbers of the run that were sent or cannot be decoded.
    pub(super) settled: usize,
    /// Frames that were sent.
    pub(super) sent: u64,
    /// Nothing is left to do.
    pub(super) whole: bool,
}

/// Sends a run's frames.
///
/// After a seek, nothing is sent that the decoder complained about, and nothing may be missing:
/// else the keyframe mark was wrong or the seek landed late.
pub(super) async fn fetch_run(source: Source<'_>, run: &Run, frames: &Frames) -> Result<Fetched> {
    let mut decoder = Decoder::start(source, &order(source.timing, run)).await?;
    let mut fetched = Fetched::default();
    while let Some(wanted) = run.numbers.get(fetched.settled).copied() {
        let Some(frame) = decoder.next().await? else {
            decoder.finish().await?;
            fetched.whole = run.key.is_none();
            return Ok(fetched);
        };
        if run.key.is_some() && (decoder.complained || frame.number > wanted) {
            return Ok(fetched);
        }
        fetched.settled = run.numbers.partition_point(|&number| number <= frame.number);
        if run.numbers.binary_search(&frame.number).is_ok() {
            fetched.sent += 1;
            if frames.send(Ok(frame)).await.is_err() {
                break;
            }
        }
    }
    fetched.whole = true;
    Ok(fetched)
}

fn order(timing: &Timing, run: &Run) -> Order {
    let stamps: Vec<i64> = run.numbers.iter().filter_map(|&number| timing.stamp(number)).collect();
    Order {
        key: run.key,
        select: Some(select::these(&stamps)),
        // One more, for where a seek landed.
        most: Some(stamps.len() + usize::from(run.key.is_some())),
        keys_only: false,
        short: run.is_short(),
    }
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
