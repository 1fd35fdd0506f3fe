//! Which frame is meant: by time, number or entry, with what the library has of it.

use rushes_store::{Entry, Kind, Video, Window};

use super::clock;
use super::frame::FrameRequest;
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::ffmpeg::Timing;
use crate::read::Watch;

/// The one way in which a request names its frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// On screen at this second.
    At(f64),
    /// Of this number, from 0.
    Number(u64),
    /// Of this entry.
    Entry(i64),
}

impl Place {
    /// Reads the one of the three that was given.
    pub(super) fn of(request: &FrameRequest) -> Result<Self> {
        match (request.at, request.number, request.entry) {
            (Some(at), None, None) if at.is_finite() && at >= 0.0 => Ok(Self::At(at)),
            (Some(at), None, None) => {
                Err(Error::invalid(format!("at must be 0 or more seconds, not {at}")))
            }
            (None, Some(number), None) => Ok(Self::Number(number)),
            (None, None, Some(entry)) => Ok(Self::Entry(entry)),
            _ => Err(Error::invalid("name a frame by exactly one of at, number and entry")),
        }
    }
}

/// One frame of a video.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// Its number, where the video has a timing index.
    pub(super) number: Option<u64>,
    /// Its timestamp, seconds.
    pub(super) at: f64,
    /// Whether the timestamp was estimated.
    pub(super) estimated: bool,
    /// Whether it is the very frame asked for.
    pub(super) exact: bool,
    /// The frame as stored, with its picture.
    pub(super) stored: Option<Entry>,
}

impl Spot {
    /// The spot of a stored frame.
    pub(super) fn stored(entry: Entry, exact: bool) -> Self {
        Self {
            number: number(&entry),
            at: entry.start,
            estimated: entry.estimated,
            exact,
            stored: Some(entry),
        }
    }

    /// The stored picture's size, as its entry says.
    pub(super) fn stored_size(&self) -> Option<(u32, u32)> {
        size(self.stored.as_ref()?)
    }
}

fn number(entry: &Entry) -> Option<u64> {
    entry.data.get("number")?.as_u64()
}

/// The size of a stored frame in pixels, as its entry says.
pub(super) fn size(entry: &Entry) -> Option<(u32, u32)> {
    sides(&entry.data)
}

/// The size of a video as displayed, in pixels.
pub(super) fn display_size(video: &Video) -> Option<(u32, u32)> {
    sides(&video.probe)
}

fn sides(data: &serde_json::Value) -> Option<(u32, u32)> {
    let side = |name| u32::try_from(data.get(name)?.as_u64()?).ok().filter(|side| *side > 0);
    Some((side("width")?, side("height")?))
}

impl Rushes {
    /// The frame that a request means.
    pub(super) async fn spot(
        &self,
        video: &Video,
        place: Place,
        watch: &mut Watch,
    ) -> Result<Spot> {
        let timing = self.timing(video).await?;
        match (place, timing) {
            (Place::Entry(id), _) => self.entered(video, id, watch).await,
            (Place::Number(number), Some(timing)) => {
                self.numbered(video, &timing, number, watch).await
            }
            (Place::At(at), Some(timing)) => {
                let number = timing.on_screen_at(at).ok_or_else(|| past_the_end(video, at))?;
                self.numbered(video, &timing, number as u64, watch).await
            }
            (Place::At(at), None) => self.last_stored(video, at, watch).await,
            (Place::Number(_), None) => Err(Error::not_found(format!(
                "{:?} has no timing index, so frames have no numbers; ask by time or run \
                 `rushes ingest` again",
                video.name
            ))),
        }
    }

    async fn entered(&self, video: &Video, id: i64, watch: &mut Watch) -> Result<Spot> {
        let entry = watch.note(self.entry(&video.id, id).await?);
        if entry.kind.as_str() != Kind::FRAME {
            let message = format!("entry {id} is a {}, not a frame", entry.kind);
            return Err(Error::not_found(message));
        }
        Ok(Spot::stored(Entry::clone(&entry), true))
    }

    /// The frame of a number, stored or not.
    pub(super) async fn numbered(
        &self,
        video: &Video,
        timing: &Timing,
        wanted: u64,
        watch: &mut Watch,
    ) -> Result<Spot> {
        let frame = usize::try_from(wanted).ok().and_then(|wanted| timing.frames.get(wanted));
        let frame = frame.ok_or_else(|| {
            let count = timing.frames.len();
            Error::not_found(format!("frame {wanted} is past the last; there are {count}, from 0"))
        })?;
        let at = timing.seconds(frame.pts);
        // Stored times went through text or arithmetic once: a look just beside finds them.
        let window = Window { from: at - 5e-4, to: at + 5e-4 };
        let near = watch.note(self.window(video, &[Kind::frame()], window, 64).await?);
        let stored = near
            .iter()
            .filter(|entry| entry.blob.is_some() && number(entry) == Some(wanted))
            .max_by_key(|entry| size(entry));
        Ok(Spot {
            number: Some(wanted),
            at,
            estimated: timing.estimated,
            exact: true,
            stored: stored.map(|entry| Entry::clone(entry)),
        })
    }

    /// The last stored frame at or before `at`: what stands in when the file itself cannot be read.
    pub(super) async fn last_stored(
        &self,
        video: &Video,
        at: f64,
        watch: &mut Watch,
    ) -> Result<Spot> {
        if at >= video.start + video.duration {
            return Err(past_the_end(video, at));
        }
        let last = watch.note(self.last_at(&video.id, &Kind::frame(), at).await?);
        match last.as_ref() {
            Some(entry) if entry.blob.is_some() => Ok(Spot::stored(entry.clone(), false)),
            _ => Err(self.no_frames(video, watch).await),
        }
    }

    /// Says why there is no stored frame: none here, or never computed.
    pub(super) async fn no_frames(&self, video: &Video, watch: &mut Watch) -> Error {
        let known = match self.known(&video.id).await {
            Ok(known) => watch.note(known),
            Err(error) => return error,
        };
        let computed = known.iter().any(|timeline| timeline.kind.as_str() == Kind::FRAME);
        let why = if computed {
            "no frame is stored there; ask for another time, or ingest with a shorter interval"
        } else {
            "frames were never computed: run `rushes ingest`"
        };
        Error::new(ErrorKind::NotFound, format!("{:?}: {why}", video.name))
    }
}

fn past_the_end(video: &Video, at: f64) -> Error {
    let end = video.start + video.duration;
    Error::not_found(format!(
        "{:?} ends at {} ({end:.3} s); nothing is on screen at {at} s",
        video.name,
        clock::full(end)
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::answer::words::tests::entry;

    #[test]
    fn a_frame_is_named_in_exactly_one_way() {
        let place = |at, number, entry| {
            Place::of(&FrameRequest { at, number, entry, ..Default::default() })
        };
        assert_eq!(place(Some(1.5), None, None).unwrap(), Place::At(1.5));
        assert_eq!(place(None, Some(3), None).unwrap(), Place::Number(3));
        assert_eq!(place(None, None, Some(8)).unwrap(), Place::Entry(8));
        for (at, number, entry) in [
            (None, None, None),
            (Some(1.0), Some(1), None),
            (Some(-1.0), None, None),
            (Some(f64::NAN), None, None),
        ] {
            assert_eq!(place(at, number, entry).unwrap_err().kind(), ErrorKind::Invalid);
        }
    }

    #[test]
    fn sizes_of_a_wrong_shape_are_no_sizes() {
        let frame = |data| entry(1, "frame", 0.0, 0.0, data);
        assert_eq!(size(&frame(json!({"width": 4, "height": 3}))), Some((4, 3)));
        for data in
            [json!({}), json!({"width": 0, "height": 3}), json!({"width": "4", "height": 3})]
        {
            assert_eq!(size(&frame(data)), None);
        }
    }
}
