//! The stages of an ingest, one after the other on one screen.

use futures::TryStreamExt;
use rushes_store::{BlobHash, BlobHold, Kind as EntryKind, Older, Recipe, Run, Video};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::batch::Batch;
use super::identify::{Identity, identify, now};
use super::options::{Event, IngestOptions, Ingested, Sampling, Source};
use super::shrink::shrink;
use super::thumbnail;
use crate::engine::Rushes;
use crate::error::{Error, Kind, Result};
use crate::ffmpeg::{self, Probe};

/// Where an ingest tells what it does; nobody need listen.
pub(super) struct Events(pub(super) Option<mpsc::Sender<Event>>);

impl Events {
    pub(super) async fn tell(&self, event: Event) {
        if let Some(listener) = &self.0 {
            let _ = listener.send(event).await; // a listener that left is no reason to stop
        }
    }

    /// Progress is told when there is room for it, so a slow listener does not slow the ingest.
    fn hint(&self, event: Event) {
        if let Some(listener) = &self.0 {
            let _ = listener.try_send(event);
        }
    }
}

impl Rushes {
    /// Takes a video in: identifies it by its bytes, takes frames as `options` say, and brings
    /// along embedded subtitles, chapters and files beside it. The same bytes by the same recipe
    /// again change nothing; another recipe adds its frames beside the others.
    ///
    /// Dropping the future does not corrupt anything: what is not finished is invisible and is
    /// resumed by the next ingest. Fails when the file is not a video that ffmpeg decodes, or when
    /// another ingest of it is under way ([`Kind::Busy`]).
    pub async fn ingest(
        &self,
        source: Source,
        options: IngestOptions,
        events: Option<mpsc::Sender<Event>>,
    ) -> Result<Ingested> {
        let options = options.checked()?;
        let events = Events(events);
        let identity = identify(&source, options.name.as_deref()).await?;
        let lock = self.lock(&identity.id).await?;
        let recipe = options.recipe();
        let (video, probe, mut ingested) = match self.finished(&identity, &recipe).await? {
            Some(video) => {
                let ingested = Ingested { unchanged: true, ..Ingested::of(&video) };
                (video, None, ingested)
            }
            None => self.take_in(&identity, &options, &recipe, &events).await?,
        };
        drop(lock);
        let beside = (!identity.owned).then_some(identity.file.as_path());
        self.bring_along(&video, beside, probe.as_ref(), &options, &events, &mut ingested).await?;
        Ok(ingested)
    }

    /// The video, when these bytes were ingested by this recipe before and its pictures are sound;
    /// otherwise they are made again. A new name of theirs is kept beside the first one.
    async fn finished(&self, identity: &Identity, recipe: &Recipe) -> Result<Option<Video>> {
        let store = &self.inner.store;
        let Some(known) = store.video_by_hash(&identity.hash).await? else { return Ok(None) };
        if !store.has_run(&known.id, recipe).await? || !self.damaged(&known).await?.is_empty() {
            return Ok(None);
        }
        let known = self.found_again(known, identity).await?;
        self.learn_name(&known, &identity.name).await?;
        Ok(Some(known))
    }

    /// Notes where the file is now, if it is no longer where it was.
    async fn found_again(&self, mut video: Video, identity: &Identity) -> Result<Video> {
        let lost = video.path.as_deref().is_some_and(|path| !std::path::Path::new(path).exists());
        let never_there = video.path.is_none() && video.media.is_none();
        if !identity.owned && (lost || never_there) {
            video.path = identity.file.to_str().map(str::to_owned);
            self.applied(&self.inner.store.put_video(&video).await?).await;
        }
        Ok(video)
    }

    /// A name that does not lead to the video yet becomes another name of it.
    async fn learn_name(&self, video: &Video, name: &str) -> Result<()> {
        let store = &self.inner.store;
        if store.find(name, 100).await?.iter().any(|found| found.id == video.id) {
            return Ok(());
        }
        let renamed = Video { name: name.to_owned(), ..video.clone() };
        self.applied(&store.put_video(&renamed).await?).await;
        self.applied(&store.put_video(video).await?).await;
        Ok(())
    }

    async fn take_in(
        &self,
        identity: &Identity,
        options: &IngestOptions,
        recipe: &Recipe,
        events: &Events,
    ) -> Result<(Video, Option<Probe>, Ingested)> {
        let store = &self.inner.store;
        let probe = ffmpeg::probe(&identity.file, &self.limits())
            .await
            .map_err(|error| error.about_file(&identity.file, &identity.name))?;
        all_within(identity, options, &probe)?;
        let mut video = self.describe(identity, &probe).await?;
        events
            .tell(Event::Probed {
                video: video.id.clone(),
                name: video.name.clone(),
                duration: probe.duration,
            })
            .await;
        let run = store.run_open(&video.id, recipe, true).await?;
        let mut ingested = Ingested { resumed: run.count, ..Ingested::of(&video) };
        let chosen = self.frames(identity, options, &probe, &run, &mut ingested, events).await;
        let chosen = match chosen {
            Ok(chosen) => chosen,
            Err(error) => return Err(self.given_up(&run, error).await?),
        };
        let _hold = self.put_files(identity, &mut video, &probe, chosen).await?;
        let kinds = [EntryKind::frame()];
        let finished = store.finish_ingest(&video, run.id, &kinds, Older::Keep).await?;
        self.applied(&finished.change).await;
        self.learn_name(&video, &identity.name).await?;
        ingested.frames = finished.added;
        Ok((video, Some(probe), ingested))
    }

    /// Drops a run that would fail again, and what it wrote; one that may go on later is kept.
    async fn given_up(&self, run: &Run, error: Error) -> Result<Error> {
        if matches!(error.kind(), Kind::Invalid | Kind::Unsupported | Kind::TooLarge) {
            let unused = self.inner.store.run_abort(run.id).await?;
            self.delete_blobs(unused).await?;
        }
        Ok(error)
    }

    /// The pipeline proper. Returns the picture that suits a thumbnail best.
    async fn frames(
        &self,
        identity: &Identity,
        options: &IngestOptions,
        probe: &Probe,
        run: &Run,
        ingested: &mut Ingested,
        events: &Events,
    ) -> Result<Option<BlobHash>> {
        let limits = self.limits();
        let raw = ffmpeg::sample(
            &identity.file,
            probe,
            &options.sampling,
            options.edge,
            run.last,
            &limits,
        );
        let workers = std::thread::available_parallelism().map_or(2, usize::from) + 1;
        let mut shrunk = std::pin::pin!(shrink(ReceiverStream::new(raw), options, workers));
        let mut batch = Batch::new(self.inner.store.as_ref(), self.inner.blobs.clone(), run.id);
        let mut choice = thumbnail::Choice::default();
        let mut taken = run.count;
        while let Some(frame) = shrunk
            .try_next()
            .await
            .map_err(|error| error.about_file(&identity.file, &identity.name))?
        {
            let done = frame.at - probe.start;
            taken += 1;
            ingested.duplicates += u64::from(frame.same_as.is_some());
            choice.consider(&frame, done, probe.duration);
            batch.add(frame, probe.timing.estimated).await?;
            events.hint(Event::Progress {
                done,
                duration: probe.duration,
                frames: taken,
                duplicates: ingested.duplicates,
            });
        }
        batch.write().await?;
        ingested.bytes = batch.stored;
        if taken == 0 {
            return Err(nothing_taken(identity));
        }
        Ok(choice.picture())
    }

    /// The video's row, but for the files that belong to it.
    async fn describe(&self, identity: &Identity, probe: &Probe) -> Result<Video> {
        let known = self.inner.store.video_by_hash(&identity.hash).await?;
        let path = (!identity.owned).then(|| identity.file.to_string_lossy().into_owned());
        let name = known.as_ref().map_or(&identity.name, |known| &known.name).clone();
        let (media, known_path, thumbnail) =
            known.map(|video| (video.media, video.path, video.thumbnail)).unwrap_or_default();
        Ok(Video {
            id: identity.id.clone(),
            hash: identity.hash,
            name,
            path: path.or(known_path),
            media,
            size: identity.size,
            start: probe.start,
            duration: probe.duration,
            probe: probe.facts.clone(),
            thumbnail,
            timing: None,
            added: now(),
        })
    }

    /// Stores the timing index, the thumbnail and, for an owned source, the bytes themselves. What
    /// is returned keeps them from being deleted until the video's row refers to them.
    async fn put_files(
        &self,
        identity: &Identity,
        video: &mut Video,
        probe: &Probe,
        chosen: Option<BlobHash>,
    ) -> Result<BlobHold> {
        let blobs = self.inner.blobs.clone();
        let owned = identity.owned.then(|| identity.file.clone());
        let hash = identity.hash;
        let timing = probe.timing.to_bytes();
        let known = video.thumbnail;
        let put = tokio::task::spawn_blocking(move || {
            let hold = blobs.hold()?;
            let timing = blobs.put(&timing)?.0;
            let sound = known.filter(|hash| matches!(blobs.get(hash), Ok(Some(_))));
            let picture = chosen.filter(|_| sound.is_none());
            let thumbnail = picture.map(|picture| thumbnail::make(&picture, &blobs)).transpose()?;
            if let Some(file) = owned {
                blobs.adopt(&file, &hash)?;
            }
            Ok::<_, Error>((hold, timing, thumbnail))
        });
        let (hold, timing, thumbnail) = put
            .await
            .map_err(|error| Error::caused(Kind::Internal, "storing was interrupted", error))??;
        video.timing = Some(timing);
        video.thumbnail = thumbnail.or(video.thumbnail);
        video.media = identity.owned.then_some(hash).or(video.media);
        Ok(hold)
    }
}

/// A time at which nothing is on screen is a mistake, and no frame would show it.
fn all_within(identity: &Identity, options: &IngestOptions, probe: &Probe) -> Result<()> {
    let Sampling::At(times) = &options.sampling else { return Ok(()) };
    let beyond = times.iter().find(|&&at| probe.timing.on_screen_at(at).is_none());
    beyond.map_or(Ok(()), |at| {
        let (name, start, end) = (&identity.name, probe.start, probe.start + probe.duration);
        let message = format!("{name}: runs from {start:.3} to {end:.3} s, so nothing is at {at}");
        Err(Error::new(Kind::Invalid, message))
    })
}

fn nothing_taken(identity: &Identity) -> Error {
    let name = &identity.name;
    Error::new(Kind::Unsupported, format!("{name}: not a single frame could be decoded"))
}

impl Ingested {
    fn of(video: &Video) -> Self {
        Self {
            video: video.id.to_string(),
            name: video.name.clone(),
            frames: 0,
            duplicates: 0,
            bytes: 0,
            entries: std::collections::BTreeMap::new(),
            unchanged: false,
            resumed: 0,
        }
    }
}

impl IngestOptions {
    /// What made the frames: everything that changes which frames there are or how they look.
    fn recipe(&self) -> Recipe {
        Recipe {
            tool: "rushes".to_owned(),
            version: "1".to_owned(),
            model: String::new(),
            params: json!({
                "edge": self.edge,
                "quality": self.quality,
                "sampling": self.sampling,
                "similarity": self.similarity,
            }),
        }
    }
}
