//! A window cut out as a playable file.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rushes_store::Video;
use serde::{Deserialize, Serialize};

use super::families;
use super::tokens::ImageTokens;
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::ffmpeg::{CutClip, Timing, cut, planned};
use crate::read::{From, Served, Tier, Watch};

/// Clips expected to be at most this many bytes are cached.
const SMALL: f64 = 16.0 * 1024.0 * 1024.0;
/// The longest animated picture, in seconds: they grow many times faster than videos.
const LONGEST_ANIMATED: f64 = 60.0;

/// The longest clip, in seconds.
pub(super) const LONGEST: f64 = 600.0;

/// The file format of a clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ClipFormat {
    /// H.264 and AAC in MP4.
    #[default]
    Mp4,
    /// An animated GIF, without sound.
    Gif,
    /// An animated WebP, without sound.
    Webp,
}

/// Asks for a clip.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["video", "from", "to"])))]
#[serde(default, deny_unknown_fields)]
pub struct ClipRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// From this second of media time.
    pub from: f64,
    /// To this second; at most 600 seconds later.
    pub to: f64,
    /// The file format.
    pub format: ClipFormat,
    /// Copy the streams from the keyframe before `from` instead of encoding again (MP4 only).
    pub fast: bool,
    /// State times, size and cost, cut nothing.
    pub dry_run: bool,
}

/// A clip.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The video's id.
    pub video: String,
    /// The file; empty on a dry run.
    pub file: Bytes,
    /// Its media type.
    pub media_type: &'static str,
    /// The true first timestamp, seconds; before `from` when `fast`.
    pub from: f64,
    /// The true end, seconds.
    pub to: f64,
    /// Width of its pictures, pixels.
    pub width: u32,
    /// Height of its pictures, pixels.
    pub height: u32,
    /// What it costs a model that sees it as pictures, one for each second begun, by family.
    pub tokens: ImageTokens,
    /// Who answered.
    pub served: Served,
}

impl ClipFormat {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Mp4 => "video/mp4",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    fn longest(self) -> f64 {
        match self {
            Self::Mp4 => LONGEST,
            Self::Gif | Self::Webp => LONGEST_ANIMATED,
        }
    }
}

impl Rushes {
    /// A window cut out of the video's file, with its true times. Small clips are cached.
    ///
    /// Fails with [`ErrorKind::Invalid`] for times that cannot be meant, [`ErrorKind::TooLarge`] for
    /// more than 600 seconds (60 for animated pictures), [`ErrorKind::NotFound`] for a window past
    /// the end and [`ErrorKind::Gone`] when the file is gone or another.
    pub async fn clip(&self, request: &ClipRequest) -> Result<Clip> {
        let mut watch = Watch::start();
        check(request)?;
        let video = watch.note(self.resolve(&request.video).await?);
        let end = video.start + video.duration;
        if request.from >= end {
            let message = format!("{:?} ends at {end:.3} s, before {} s", video.name, request.from);
            return Err(Error::not_found(message));
        }
        let path = self.source(&video).await?;
        let timing = self.timing(&video).await?.ok_or_else(|| {
            let message =
                format!("{:?} has no timing index; run `rushes ingest` again", video.name);
            Error::new(ErrorKind::Unsupported, message)
        })?;
        let ClipRequest { from, to, format, fast, dry_run, .. } = *request;
        let plan = planned(&path, &timing, from, to, format, fast)?;
        let (width, height) = plan.size;
        let CutClip { file, from, to } = match dry_run {
            true => CutClip { file: Bytes::new(), from: plan.from, to: plan.to },
            false => watch.note(self.cut_out(&video, path, timing, request).await?),
        };
        Ok(Clip {
            video: video.id.to_string(),
            file,
            media_type: format.media_type(),
            from,
            to,
            width,
            height,
            tokens: self.each_second(width, height, to - from),
            served: watch.served(&self.inner.meter),
        })
    }

    /// What pictures of this size cost, one for each second begun, by family.
    fn each_second(&self, width: u32, height: u32, seconds: f64) -> ImageTokens {
        let pictures = seconds.ceil().max(1.0) as u64;
        let each = families::price(self.families(), width, height);
        each.into_iter().map(|(family, tokens)| (family, tokens * pictures)).collect()
    }

    async fn cut_out(
        &self,
        video: &Video,
        path: PathBuf,
        timing: Arc<Timing>,
        request: &ClipRequest,
    ) -> Result<From<CutClip>> {
        let ClipRequest { from, to, format, fast, .. } = *request;
        let limits = self.limits();
        let work = async move { cut(&path, &timing, from, to, format, fast, &limits).await };
        if expected_bytes(video, request) > SMALL {
            return Ok(From { value: work.await?, tier: Tier::Video });
        }
        let key = format!("clip/{from}-{to}/{format:?}/{fast}");
        let packed = self
            .derived(&video.id, key, Tier::Video, move || async move { Ok(packed(&work.await?)) })
            .await?;
        Ok(From { value: unpacked(packed.value)?, tier: packed.tier })
    }
}

fn check(request: &ClipRequest) -> Result<()> {
    let ClipRequest { from, to, format, fast, .. } = *request;
    if !(from.is_finite() && to.is_finite() && 0.0 <= from && from < to) {
        let message = format!("a clip needs 0 <= from < to in seconds, not {from} and {to}");
        return Err(Error::invalid(message));
    }
    if to - from > format.longest() {
        let message = format!(
            "a clip of this format is at most {} seconds, not {:.3}; to={} would fit",
            format.longest(),
            to - from,
            from + format.longest()
        );
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    if fast && format != ClipFormat::Mp4 {
        return Err(Error::invalid("fast copies streams, which only mp4 can hold"));
    }
    Ok(())
}

/// The clip's share of the file. Encoded again it may be larger, but then the cache's own bound
/// holds.
fn expected_bytes(video: &Video, request: &ClipRequest) -> f64 {
    video.size as f64 * ((request.to - request.from) / video.duration.max(1e-3)).min(1.0)
}

/// A clip as cached: its two times, then the file.
fn packed(clip: &CutClip) -> Bytes {
    let mut bytes = BytesMut::with_capacity(clip.file.len() + 16);
    bytes.put_f64_le(clip.from);
    bytes.put_f64_le(clip.to);
    bytes.put_slice(&clip.file);
    bytes.freeze()
}

fn unpacked(mut bytes: Bytes) -> Result<CutClip> {
    if bytes.len() < 16 {
        return Err(Error::new(ErrorKind::Corrupt, "a cached clip is damaged"));
    }
    let (from, to) = (bytes.get_f64_le(), bytes.get_f64_le());
    Ok(CutClip { file: bytes, from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(from: f64, to: f64) -> ClipRequest {
        ClipRequest { from, to, ..Default::default() }
    }

    #[test]
    fn what_cannot_be_cut_is_refused_with_what_would_fit() {
        for (from, to) in [(1.0, 1.0), (2.0, 1.0), (-1.0, 1.0), (0.0, f64::NAN)] {
            assert_eq!(check(&request(from, to)).unwrap_err().kind(), ErrorKind::Invalid);
        }
        let long = check(&request(5.0, 606.0)).unwrap_err();
        assert_eq!(long.kind(), ErrorKind::TooLarge);
        assert!(long.to_string().contains("to=605"), "{long}");
        let gif = ClipRequest { format: ClipFormat::Gif, ..request(0.0, 61.0) };
        assert_eq!(check(&gif).unwrap_err().kind(), ErrorKind::TooLarge);
        let fast = ClipRequest { format: ClipFormat::Gif, fast: true, ..request(0.0, 1.0) };
        assert_eq!(check(&fast).unwrap_err().kind(), ErrorKind::Invalid);
        assert!(check(&request(0.0, 600.0)).is_ok());
    }

    #[test]
    fn a_cached_clip_keeps_its_times() {
        let clip = CutClip { file: Bytes::from_static(b"file"), from: 1.25, to: 3.5 };
        let back = unpacked(packed(&clip)).unwrap();
        assert_eq!((back.file, back.from, back.to), (clip.file, 1.25, 3.5));
        assert!(unpacked(Bytes::from_static(b"short")).is_err());
    }
}
