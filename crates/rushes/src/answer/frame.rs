//! One frame, or a burst of native ones, as images.

use bytes::Bytes;
use rushes_codec::image::{self, Format};
use rushes_store::{BlobHash, Video};
use serde::{Deserialize, Serialize};

use super::cite::Reference;
use super::families;
use super::native;
use super::picture::{apart, decoded, encoded};
use super::sheet::ImageFormat;
use super::spot::{Place, Spot, display_size};
use super::tokens::ImageTokens;
use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::read::{From, Served, Tier, Watch};

/// How wide an image is wanted. Images are never enlarged; the height follows the shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Width {
    /// 448 pixels.
    Overview,
    /// 896 pixels.
    Detail,
    /// As stored; frames that are not stored come as large as stored ones are by default, 1280
    /// pixels on the longer edge.
    #[default]
    Full,
    /// This many pixels, 16 to 4096.
    #[serde(untagged)]
    Pixels(u32),
}

/// Asks for one frame: by number, by entry id or by time (exactly one of the three).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["video"])))]
#[serde(default, deny_unknown_fields)]
pub struct FrameRequest {
    /// The video: id, unique prefix of an id, or name.
    pub video: String,
    /// The frame on screen at this second of media time.
    pub at: Option<f64>,
    /// The frame of this number, counted from 0 as decoded.
    pub number: Option<u64>,
    /// The frame entry of this id.
    pub entry: Option<i64>,
    /// How wide.
    pub width: Width,
    /// WebP when not given (as stored, if the width allows).
    pub format: Option<ImageFormat>,
    /// State size and cost, send no image.
    pub dry_run: bool,
}

/// One frame's image and what is true of it.
#[derive(Clone, Debug)]
pub struct FrameImage {
    /// The video's id.
    pub video: String,
    /// The encoded image; empty on a dry run.
    pub image: Bytes,
    /// Its media type, as `image/webp`.
    pub media_type: &'static str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Its presentation timestamp, seconds.
    pub at: f64,
    /// Its number, counted from 0; unknown for sources without a timing index.
    pub number: Option<u64>,
    /// Whether the timestamp was estimated.
    pub estimated: bool,
    /// Whether this is the very frame asked for; `false` when the source is gone and the last
    /// stored frame before it stands in.
    pub exact: bool,
    /// A stable reference, when the frame is stored.
    pub reference: Option<String>,
    /// A strong entity tag: the BLAKE3 hash of the image; empty on a dry run.
    pub etag: String,
    /// What it costs, by model family.
    pub tokens: ImageTokens,
    /// Who answered.
    pub served: Served,
}

/// How an image is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) width: Width,
    pub(super) format: Format,
    pub(super) dry_run: bool,
}

impl Wish {
    /// Checks what a request asks for.
    pub(super) fn read(width: Width, format: Option<ImageFormat>, dry_run: bool) -> Result<Self> {
        let format = format.unwrap_or(ImageFormat::Webp).codec();
        Ok(Self { width: width.check()?, format, dry_run })
    }
}

/// An encoded image and its size; without bytes on a dry run.
pub(super) struct Shot {
    pub(super) image: Bytes,
    pub(super) size: (u32, u32),
}

impl Rushes {
    /// One frame as an image: the one on screen at a time, of a number, or of a frame entry.
    ///
    /// A stored picture is used where it is large enough; other frames are decoded from the video's
    /// file. When the file is gone, the last stored frame before the time stands in, and the answer
    /// says `exact: false`.
    ///
    /// Fails with [`ErrorKind::Invalid`] for arguments out of bounds and [`ErrorKind::NotFound`] for
    /// an unknown video, a time from the end of the video on or a number past the last frame.
    pub async fn frame(&self, request: &FrameRequest) -> Result<FrameImage> {
        let mut watch = Watch::start();
        let place = Place::of(request)?;
        let wish = Wish::read(request.width, request.format, request.dry_run)?;
        let video = watch.note(self.resolve(&request.video).await?);
        let spot = self.spot(&video, place, &mut watch).await?;
        let (spot, shot) = self.shoot(&video, spot, wish, &mut watch).await?;
        let served = watch.served(&self.inner.meter);
        Ok(self.framed(&video, &spot, shot, wish.format, served))
    }

    /// The small picture of a video, made when it was ingested.
    ///
    /// Fails with [`ErrorKind::NotFound`] when the video is unknown or has none.
    pub async fn thumbnail(&self, video: &str) -> Result<FrameImage> {
        let mut watch = Watch::start();
        let video = watch.note(self.resolve(video).await?);
        let hash = video.thumbnail.ok_or_else(|| {
            Error::not_found(format!("{:?} has no thumbnail; run `rushes ingest`", video.name))
        })?;
        let image = watch.note(self.blob(&video.id, &hash).await?);
        let (format, width, height) = image::header(&image)?;
        let spot =
            Spot { number: None, at: video.start, estimated: true, exact: false, stored: None };
        let served = watch.served(&self.inner.meter);
        Ok(self.framed(&video, &spot, Shot { image, size: (width, height) }, format, served))
    }

    /// The image of a spot; where it cannot be had, that of the stored frame which stands in.
    async fn shoot(
        &self,
        video: &Video,
        spot: Spot,
        wish: Wish,
        watch: &mut Watch,
    ) -> Result<(Spot, Shot)> {
        if spot.stored.is_some() && suffices(video, &spot, wish.width) {
            let shot = self.stored_shot(video, &spot, wish, watch).await?;
            return Ok((spot, shot));
        }
        let error = match self.native_shot(video, &spot, wish, watch).await {
            Ok(shot) => return Ok((spot, shot)),
            Err(error) => error,
        };
        if error.kind() != ErrorKind::Gone {
            return Err(error);
        }
        let spot = match spot.stored {
            Some(_) => spot,
            None => self.last_stored(video, spot.at, watch).await?,
        };
        let shot = self.stored_shot(video, &spot, wish, watch).await?;
        Ok((spot, shot))
    }

    /// The image of a stored frame: its own bytes where size and format are as wished.
    pub(super) async fn stored_shot(
        &self,
        video: &Video,
        spot: &Spot,
        wish: Wish,
        watch: &mut Watch,
    ) -> Result<Shot> {
        let blob = spot
            .stored
            .as_ref()
            .and_then(|entry| entry.blob)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "a stored frame has no picture"))?;
        if let (true, Some(stored)) = (wish.dry_run, spot.stored_size()) {
            return Ok(Shot { image: Bytes::new(), size: wish.width.of(stored) });
        }
        let stored = watch.note(self.blob(&video.id, &blob).await?);
        let (format, width, height) = image::header(&stored)?;
        let size = wish.width.of((width, height));
        if wish.dry_run {
            return Ok(Shot { image: Bytes::new(), size });
        }
        if size == (width, height) && format == wish.format {
            return Ok(Shot { image: stored, size });
        }
        let image = watch.note(self.altered(video, blob, stored, size, wish.format).await?);
        Ok(Shot { image, size })
    }

    async fn altered(
        &self,
        video: &Video,
        blob: BlobHash,
        stored: Bytes,
        size: (u32, u32),
        format: Format,
    ) -> Result<From<Bytes>> {
        let key = format!("frame/{blob}/{}x{}/{format:?}", size.0, size.1);
        self.derived(&video.id, key, Tier::Store, move || {
            apart(move || encoded(&decoded(&stored)?, size, format))
        })
        .await
    }

    async fn native_shot(
        &self,
        video: &Video,
        spot: &Spot,
        wish: Wish,
        watch: &mut Watch,
    ) -> Result<Shot> {
        let (Some(number), Some(timing)) = (spot.number, self.timing(video).await?) else {
            let message =
                format!("{:?} has no timing index; run `rushes ingest` again", video.name);
            return Err(Error::new(ErrorKind::Gone, message));
        };
        let size = native::size(&timing, wish.width);
        if wish.dry_run {
            self.source(video).await?;
            return Ok(Shot { image: Bytes::new(), size });
        }
        let batch = self.batch(video, timing, vec![number], size).await?;
        let image = watch.note(self.native(video, &batch, number, size, wish.format).await?);
        Ok(Shot { image, size })
    }

    /// The answer about an image.
    pub(super) fn framed(
        &self,
        video: &Video,
        spot: &Spot,
        shot: Shot,
        format: Format,
        served: Served,
    ) -> FrameImage {
        let (width, height) = shot.size;
        FrameImage {
            video: video.id.to_string(),
            etag: tag(&shot.image),
            image: shot.image,
            media_type: format.media_type(),
            width,
            height,
            at: spot.at,
            number: spot.number,
            estimated: spot.estimated,
            exact: spot.exact,
            reference: spot.stored.as_ref().map(|entry| Reference::of(entry).to_string()),
            tokens: families::price(self.families(), width, height),
            served,
        }
    }
}

/// Whether the stored picture gives the wished width as well as the video's file would.
pub(super) fn suffices(video: &Video, spot: &Spot, width: Width) -> bool {
    let (Some(stored), Some(display)) = (spot.stored_size(), display_size(video)) else {
        return true;
    };
    width == Width::Full || width.of(stored).0 >= width.of(display).0
}

/// A strong entity tag of an image; empty for none.
pub(super) fn tag(image: &[u8]) -> String {
    match image {
        [] => String::new(),
        image => BlobHash::of(image).to_string(),
    }
}
