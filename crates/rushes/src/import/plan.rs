//! What was asked, made ready: the format found, options checked, the recipe filled from the
//! file, and the entries waiting to be read.

use std::sync::Arc;

use encoding_rs::Encoding;
use rushes_store::{Kind, Recipe, Video};
use serde_json::{Map, Value};

use super::classes::Classes;
use super::context::{Context, Frames};
use super::fault::{Entries, Fault};
use super::options::{Format, ImportOptions};
use super::sniff::{Sniffed, sniff};
use super::source::{self, Source};
use super::yolo::{self, LabelFile};
use super::{coco, json, jsonl, mot, srt, webvtt, whisper};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::ffmpeg::Timing;

/// The video that entries are for.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The video.
    pub(crate) video: Video,
    /// Its frames' true times, if it has them.
    pub(crate) timing: Option<Arc<Timing>>,
}

#[cfg(any(test, fuzzing))]
impl Target {
    /// A video of twelve seconds from second 1 on, with sound from half a second on.
    pub(super) fn example(timing: Option<Arc<Timing>>) -> Self {
        let hash = rushes_store::BlobHash::of(b"video");
        let video = Video {
            id: rushes_store::VideoId::of(&hash),
            hash,
            name: "clip.mp4".to_owned(),
            path: None,
            media: None,
            size: 5,
            start: 1.0,
            duration: 12.0,
            probe: serde_json::json!({ "fps": 25.0, "audio_start": 0.5 }),
            thumbnail: None,
            timing: None,
            added: 0.0,
        };
        Self { video, timing }
    }
}

/// An import, ready to run.
pub(super) struct Plan {
    /// The file's name, for errors.
    pub(super) origin: String,
    /// What made the entries.
    pub(super) recipe: Recipe,
    /// Whether the recipe names the source, so that what it gave before can be told.
    pub(super) of_source: bool,
    /// The kind that was computed, with or without entries; `None` when only the records say.
    pub(super) kind: Option<Kind>,
    /// The entries.
    pub(super) entries: Entries,
}

impl Plan {
    /// Looks at the source and makes ready.
    pub(super) fn of(target: &Target, source: &Source, options: &ImportOptions) -> Result<Self> {
        let encoding = options.encoding.as_deref().map(source::encoding).transpose()?;
        let context = context(target, options)?;
        let called = options.source.clone().or_else(|| source.name());
        let origin = match options.origin.as_str() {
            "" => called.clone().unwrap_or_else(|| "what was sent".to_owned()),
            given => given.to_owned(),
        };
        let opened = Opened { source, encoding, origin };
        let format = match (options.format, source) {
            (None, Source::Folder(_)) => Format::Yolo,
            (Some(format), _) => format,
            (None, _) => opened.sniff()?,
        };
        let mut plan = opened.plan(format, context, options)?;
        plan.of_source = called.is_some_and(|name| name_source(&mut plan.recipe, &name));
        Ok(plan)
    }
}

/// A source, and how it is read.
struct Opened<'a> {
    source: &'a Source,
    encoding: Option<&'static Encoding>,
    origin: String,
}

impl Opened<'_> {
    fn text(&self) -> Result<super::lines::Text> {
        self.source.open(self.encoding).map_err(|error| {
            Error::caused(ErrorKind::Internal, format!("{}: {error}", self.origin), error)
        })
    }

    fn sniff(&self) -> Result<Format> {
        let found = sniff(|| self.source.open(self.encoding), &self.origin);
        match found.map_err(|error| self.unreadable(Fault::io(error)))? {
            Sniffed::Format(format) => Ok(format),
            Sniffed::Unclear(why) => Err(self.unreadable(Fault::File(format!(
                "cannot tell its format: {why}; say it (--format json, jsonl, srt, webvtt, whisper, \
                 coco, yolo or mot)"
            )))),
        }
    }

    fn plan(&self, format: Format, mut context: Context, options: &ImportOptions) -> Result<Plan> {
        let mut recipe = recipe(options);
        let usual = usual_kind(format);
        let asked = context.kind.clone();
        if format == Format::Yolo {
            return self.labels(context, recipe);
        }
        let mut shared = || Arc::new(std::mem::take(&mut context));
        let entries = match format {
            Format::Json => json::entries(self.text()?, shared()),
            Format::Jsonl => jsonl::entries(self.text()?, shared()),
            Format::Srt => srt::entries(self.text()?, shared()),
            Format::Webvtt => webvtt::entries(self.text()?, shared()),
            Format::Mot => mot::entries(self.text()?, shared()),
            Format::Coco => {
                let facts = coco::facts(self.text()?).map_err(|fault| self.unreadable(fault))?;
                coco::entries(self.text()?, facts, shared())
            }
            Format::Whisper | Format::Yolo => {
                let facts = whisper::facts(self.text()?).map_err(|fault| self.unreadable(fault))?;
                from_whisper(&mut recipe, &facts);
                whisper::entries(self.text()?, facts, shared())
            }
        };
        let kind = asked.or_else(|| usual.and_then(|name| Kind::new(name).ok()));
        Ok(Plan { origin: self.origin.clone(), recipe, of_source: false, kind, entries })
    }

    /// Label files: a folder of them, or one.
    fn labels(&self, mut context: Context, recipe: Recipe) -> Result<Plan> {
        let (folder, files) = match self.source {
            Source::Folder(folder) => (Some(folder.as_path()), yolo::label_files(folder)?),
            Source::File(path) => (path.parent(), vec![LabelFile::at(path)?]),
            _ => {
                let why = "YOLO labels are files named by their frames; import the folder";
                return Err(self.unreadable(Fault::File(why.to_owned())));
            }
        };
        if let Some(folder) = folder {
            context.classes = Classes::beside(folder)?;
        }
        let kind = context.kind_or(Kind::OBJECT).map_err(Error::invalid)?;
        let entries = yolo::entries(files, Arc::new(context));
        Ok(Plan {
            origin: self.origin.clone(),
            recipe,
            of_source: false,
            kind: Some(kind),
            entries,
        })
    }

    fn unreadable(&self, fault: Fault) -> Error {
        unreadable(&self.origin, fault)
    }
}

/// The error for a fault that ends an import.
pub(super) fn unreadable(origin: &str, fault: Fault) -> Error {
    let what = match fault {
        Fault::File(why) => why,
        Fault::Record(rejected) => rejected.to_string(),
    };
    Error::new(ErrorKind::Unsupported, format!("{origin}: {what}"))
}

fn context(target: &Target, options: &ImportOptions) -> Result<Context> {
    if options.fps.is_some_and(|fps| !fps.is_finite() || fps <= 0.0) {
        return Err(Error::invalid("fps must be more than 0 frames a second"));
    }
    let kind = options.kind.as_deref().map(Kind::new).transpose()?;
    if kind.as_ref().is_some_and(|kind| kind.as_str() == Kind::FRAME) {
        return Err(Error::invalid("frames are taken from the video by ingest, not imported"));
    }
    let schema = options.schema.as_ref().map(|schema| {
        jsonschema::validator_for(schema)
            .map_err(|error| Error::invalid(format!("the JSON Schema cannot be used: {error}")))
    });
    let mut frames = Frames::of(&target.video, target.timing.clone(), options.fps);
    frames.first = options.first_frame;
    let shift = if options.audio_time { audio_start(&target.video)? } else { 0.0 };
    Ok(Context { kind, shift, frames, classes: Classes::default(), schema: schema.transpose()? })
}

fn audio_start(video: &Video) -> Result<f64> {
    let start = video.probe.get("audio_start").and_then(Value::as_f64);
    start.ok_or_else(|| {
        Error::invalid(format!("{}: has no audio stream whose time could be meant", video.name))
    })
}

/// The kind that a format's entries are of, where their records don't say.
fn usual_kind(format: Format) -> Option<&'static str> {
    match format {
        Format::Json | Format::Jsonl | Format::Coco => None,
        Format::Srt | Format::Webvtt | Format::Whisper => Some(Kind::TRANSCRIPT),
        Format::Yolo | Format::Mot => Some(Kind::OBJECT),
    }
}

fn recipe(options: &ImportOptions) -> Recipe {
    let mut params = options.params.clone();
    params.sort_all_objects();
    Recipe {
        tool: options.tool.clone(),
        version: options.version.clone(),
        model: options.model.clone(),
        params,
    }
}

/// Fills what was not given from what the file says.
fn from_whisper(recipe: &mut Recipe, facts: &whisper::Facts) {
    if recipe.tool.is_empty() {
        "whisper".clone_into(&mut recipe.tool);
    }
    if let (true, Some(model)) = (recipe.model.is_empty(), &facts.model) {
        recipe.model.clone_from(model);
    }
    if let Some(language) = &facts.language {
        add_param(recipe, "language", language);
    }
}

/// Names the source in the recipe, unless its parameters do so already; false when they have no
/// room for it.
fn name_source(recipe: &mut Recipe, name: &str) -> bool {
    add_param(recipe, "source", name);
    recipe.params.is_object()
}

/// Adds a parameter that was not given.
fn add_param(recipe: &mut Recipe, name: &str, value: &str) {
    if recipe.params.is_null() {
        recipe.params = Value::Object(Map::new());
    }
    if let Some(params) = recipe.params.as_object_mut() {
        params.entry(name).or_insert_with(|| value.into());
        params.sort_keys();
    }
}
