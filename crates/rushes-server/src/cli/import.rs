//! `rushes import`: what models produced joins a video.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use rushes::import::{Format, ImportOptions, Imported};
use rushes::store::Kind;
use rushes::{Error, Result, Rushes};
use serde::Serialize;
use serde_json::Value;

use super::globals::Globals;
use super::output::Output;
use crate::words;
use crate::written::Written;

/// Import captions, transcripts, detections and other entries that models produced
///
/// Reads JSON and JSONL of our own, SRT, WebVTT, Whisper and WhisperX, COCO results, YOLO labels
/// (a folder), MOT challenge and VATIC files. Importing the same again changes nothing; a changed
/// file of the same name takes the place of what it gave before. What other files, tools or models
/// gave stands beside it, unless --replace is given. A file called - is standard input.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The video
    video: String,
    /// A file of captions; may be repeated
    #[arg(long, value_name = "FILE")]
    captions: Vec<PathBuf>,
    /// A file of what was said; may be repeated
    #[arg(long, value_name = "FILE")]
    transcript: Vec<PathBuf>,
    /// A file or folder of detected objects; may be repeated
    #[arg(long, value_name = "FILE|DIR")]
    objects: Vec<PathBuf>,
    /// A file of entries of any other kind, as ocr or shot; may be repeated
    #[arg(long, num_args = 2, value_names = ["NAME", "FILE"])]
    kind: Vec<String>,
    /// A file whose records name their kinds themselves; may be repeated
    #[arg(long, value_name = "FILE")]
    entries: Vec<PathBuf>,
    #[command(flatten)]
    maker: Maker,
    /// The format, when looking at the file is not enough: json, jsonl, srt, webvtt, whisper,
    /// coco, yolo or mot (VATIC rows too)
    #[arg(long, value_parser = words::choice::<Format>)]
    format: Option<Format>,
    /// Write nothing if any record of any file is bad; otherwise bad ones are passed over and counted
    #[arg(long)]
    strict: bool,
    /// Keep what an earlier import of the same file gave, too
    #[arg(long, conflicts_with = "replace")]
    add: bool,
    /// Remove all other entries of the same kind, whatever file, tool or model gave them
    #[arg(long)]
    replace: bool,
    /// Times count from the start of the audio stream: add its start
    #[arg(long)]
    audio_time: bool,
    /// Frames a second, for formats that count frames; times are flagged as estimated
    #[arg(long)]
    fps: Option<f64>,
    /// The number that the file gives the video's first frame
    #[arg(long, value_name = "N")]
    first_frame: Option<u64>,
    /// The text's encoding, as windows-1252 [default: UTF-8]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// A file with a JSON Schema that each record's data must satisfy
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
}

/// What made the entries; kept with each of them.
#[derive(Debug, Args)]
struct Maker {
    /// The model that made the entries
    #[arg(long)]
    model: Option<String>,
    /// The tool that made them
    #[arg(long)]
    tool: Option<String>,
    /// The tool's version
    #[arg(long)]
    tool_version: Option<String>,
    /// Its parameters
    #[arg(long, value_name = "JSON", value_parser = json)]
    params: Option<Value>,
}

fn json(text: &str) -> std::result::Result<Value, String> {
    match serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))? {
        parameters @ Value::Object(_) => Ok(parameters),
        _ => Err("parameters are a JSON object, as {\"threshold\": 0.5}".to_owned()),
    }
}

/// What one file gave.
#[derive(Serialize)]
struct FromFile {
    file: String,
    #[serde(flatten)]
    imported: Written<Imported>,
}

impl Import {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let files = self.files();
        if files.is_empty() {
            return Err(Error::invalid(
                "nothing to import: give --captions, --transcript, --objects, --kind or --entries",
            ));
        }
        if self.replace && !self.entries.is_empty() && files.len() > 1 {
            return Err(Error::invalid(
                "--replace with --entries is for one file at a time: its records may replace what \
                 the other files give",
            ));
        }
        let from_stdin = files.iter().filter(|(_, path)| is_stdin(path)).count();
        if from_stdin > 1 || (from_stdin == 1 && self.strict && files.len() > 1) {
            return Err(Error::invalid(
                "standard input can be read once: give it alone with --strict, and for one kind",
            ));
        }
        let options = self.options()?;
        let engine = globals.open().await?;
        // All files are looked at before the first is written.
        for (kind, path) in files.iter().filter(|_| self.strict && files.len() > 1) {
            let options = ImportOptions { kind: kind.clone(), ..options.clone() };
            engine.check_file(&self.video, path, options).await?;
        }
        let mut done: Vec<FromFile> = Vec::new();
        let imported = self.import(&engine, files, &options, &mut done).await;
        // What was imported is told, whatever became of the rest.
        if imported.is_ok() || !done.is_empty() {
            out.answer(&done, |done| done.iter().map(human).collect())?;
        }
        imported
    }

    async fn import(
        &self,
        engine: &Rushes,
        files: Vec<(Option<String>, &Path)>,
        options: &ImportOptions,
        done: &mut Vec<FromFile>,
    ) -> Result<()> {
        let mut replaced = BTreeSet::new();
        for (kind, path) in files {
            let file = path.display().to_string();
            // The second file of a kind stands beside the first.
            let replace = self.replace && replaced.insert(kind.clone());
            let options = ImportOptions { kind, replace, ..options.clone() };
            let imported = import_one(engine, &self.video, path, options).await?;
            done.push(FromFile { file, imported: Written::by(engine, imported).await? });
        }
        Ok(())
    }

    /// Each file and the kind that the flag before it means.
    fn files(&self) -> Vec<(Option<String>, &Path)> {
        let named = [
            (Some(Kind::CAPTION), &self.captions),
            (Some(Kind::TRANSCRIPT), &self.transcript),
            (Some(Kind::OBJECT), &self.objects),
            (None, &self.entries),
        ];
        let named = named.into_iter().flat_map(|(kind, files)| {
            files.iter().map(move |file| (kind.map(str::to_owned), file.as_path()))
        });
        let open = self.kind.chunks_exact(2).filter_map(|pair| match pair {
            [kind, file] => Some((Some(kind.clone()), Path::new(file))),
            _ => None,
        });
        named.chain(open).collect()
    }

    fn options(&self) -> Result<ImportOptions> {
        Ok(ImportOptions {
            format: self.format,
            tool: self.maker.tool.clone().unwrap_or_default(),
            version: self.maker.tool_version.clone().unwrap_or_default(),
            model: self.maker.model.clone().unwrap_or_default(),
            params: self.maker.params.clone().unwrap_or_default(),
            strict: self.strict,
            add: self.add,
            audio_time: self.audio_time,
            fps: self.fps,
            first_frame: self.first_frame,
            encoding: self.encoding.clone(),
            schema: self.schema.as_deref().map(schema).transpose()?,
            ..ImportOptions::default()
        })
    }
}

async fn import_one(
    engine: &Rushes,
    video: &str,
    path: &Path,
    options: ImportOptions,
) -> Result<Imported> {
    if !is_stdin(path) {
        return engine.import_file(video, path, options).await;
    }
    let spooled = engine.spool(tokio::io::stdin(), u64::MAX).await?;
    engine.import_spooled(video, &spooled, options).await
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn schema(path: &Path) -> Result<Value> {
    let wrong = |why: String| Error::invalid(format!("{}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| wrong(format!("not JSON: {error}")))
}

fn human(done: &FromFile) -> String {
    let FromFile { file, imported: Written { done: imported, .. } } = done;
    let added: Vec<String> =
        imported.added.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let added = if added.is_empty() { "nothing new".to_owned() } else { added.join(", ") };
    let mut text = format!("{file}: {added}");
    for (count, what) in [
        (imported.unchanged, "there already"),
        (imported.removed, "older removed"),
        (imported.rejected, "passed over"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    for rejected in &imported.rejections {
        text += &format!("\n  {rejected}");
    }
    text + "\n"
}
