//! `rushes sheet`, `frame` and `burst`: pictures, and what they cost a model.

use std::path::{Path, PathBuf};

use clap::Args;
use rushes::answer::{
    BurstRequest, FrameImage, FrameRequest, ImageFormat, Labels, SheetRequest, Width,
};
use rushes::{Error, ErrorKind, Result};

use super::asking::WindowArgs;
use super::globals::Globals;
use super::output::Output;
use crate::facts::{FrameFacts, SheetFacts, cost};
use crate::words::{self, Bytes, Seconds, moment};

/// Put the frames of a window into one image, each with its time
#[derive(Debug, Args)]
pub(crate) struct SheetOf {
    /// The video
    video: String,
    #[command(flatten)]
    window: WindowArgs,
    /// Columns, 1 to 8 [default: 3]
    #[arg(long)]
    columns: Option<u32>,
    /// Rows, 1 to 8 [default: 3]
    #[arg(long)]
    rows: Option<u32>,
    /// Width of a cell in pixels, 64 to 1024 [default: 448]
    #[arg(long, value_name = "PIXELS")]
    cell: Option<u32>,
    /// Where the times stand: corner, strip or none
    #[arg(long, default_value = "corner", value_parser = words::choice::<Labels>)]
    labels: Labels,
    /// jpeg, webp or png [default: as the file is called, else jpeg]
    #[arg(long, value_parser = words::choice::<ImageFormat>)]
    format: Option<ImageFormat>,
    /// Allow more than 16 cells
    #[arg(long)]
    force: bool,
    /// State size, cells and token costs, make no image
    #[arg(long)]
    dry_run: bool,
    /// Write here; a pipe when not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl SheetOf {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        if !self.dry_run {
            out.check_room(self.output.as_deref())?;
        }
        let request = SheetRequest {
            video: self.video,
            from: self.window.from(),
            to: self.window.to(),
            columns: self.columns,
            rows: self.rows,
            cell: self.cell,
            labels: self.labels,
            format: words::format(self.format, self.output.as_deref())?,
            force: self.force,
            dry_run: self.dry_run,
        };
        let sheet = globals.open().await?.sheet(&request).await?;
        if !self.dry_run {
            out.file(&sheet.image, self.output.as_deref())?;
        }
        match self.dry_run || self.output.is_some() {
            true => out.answer(&SheetFacts::from(&sheet), sheet_text),
            false => Ok(()),
        }
    }
}

fn sheet_text(sheet: &SheetFacts) -> String {
    let size = match sheet.bytes {
        0 => String::new(),
        bytes => format!(" {}", Bytes(bytes as u64)),
    };
    let heading = format!("{}x{} {}{size}", sheet.width, sheet.height, sheet.media_type);
    format!("{}\n{heading} · {}", sheet.text.trim_end(), cost(&sheet.tokens))
}

/// Get one frame as an image, by time, number or entry
#[derive(Debug, Args)]
pub(crate) struct Frame {
    /// The video
    video: String,
    /// The frame on screen at this time
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    at: Option<Seconds>,
    /// The frame of this number, counted from 0
    #[arg(long)]
    number: Option<u64>,
    /// The frame entry of this id
    #[arg(long, value_name = "ID")]
    entry: Option<i64>,
    #[command(flatten)]
    shape: Shape,
    /// Write here; a pipe when not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How a frame's image is wanted.
#[derive(Clone, Copy, Debug, Args)]
struct Shape {
    /// overview (448 pixels), detail (896), full, or pixels
    #[arg(long, default_value = "full", value_parser = words::width)]
    width: Width,
    /// jpeg, webp or png [default: as the file is called, else webp]
    #[arg(long, value_parser = words::choice::<ImageFormat>)]
    format: Option<ImageFormat>,
    /// State size and token costs, make no image
    #[arg(long)]
    dry_run: bool,
}

impl Frame {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let Shape { width, format, dry_run } = self.shape;
        if !dry_run {
            out.check_room(self.output.as_deref())?;
        }
        let request = FrameRequest {
            video: self.video,
            at: words::seconds(self.at),
            number: self.number,
            entry: self.entry,
            width,
            format: words::format(format, self.output.as_deref())?,
            dry_run,
        };
        let frame = globals.open().await?.frame(&request).await?;
        if !dry_run {
            out.file(&frame.image, self.output.as_deref())?;
        }
        match dry_run || self.output.is_some() {
            true => out.answer(&FrameFacts::from(&frame), FrameFacts::line),
            false => Ok(()),
        }
    }
}

/// Get native frames of a short window as images, evenly chosen
#[derive(Debug, Args)]
pub(crate) struct Burst {
    /// The video
    video: String,
    /// From this time, included
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    from: Seconds,
    /// To this time, excluded; at most 60 seconds later
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    to: Seconds,
    /// Frames, 1 to 100 [default: 8]
    #[arg(long)]
    count: Option<usize>,
    #[command(flatten)]
    shape: Shape,
    /// Write the images into this folder
    #[arg(short, long, value_name = "DIR", required_unless_present = "dry_run")]
    output: Option<PathBuf>,
}

impl Burst {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let Shape { width, format, dry_run } = self.shape;
        let request = BurstRequest {
            video: self.video,
            from: self.from.0,
            to: self.to.0,
            count: self.count,
            width,
            format: format.or_else(|| words::by_ending(self.output.as_deref())),
            dry_run,
        };
        let frames = globals.open().await?.burst(&request).await?;
        if let (false, Some(folder)) = (dry_run, self.output.as_deref()) {
            write_all(&frames, folder, out)?;
        }
        let facts: Vec<FrameFacts> = frames.iter().map(FrameFacts::from).collect();
        out.answer(&facts, |facts| facts.iter().map(|frame| frame.line() + "\n").collect())
    }
}

fn write_all(frames: &[FrameImage], folder: &Path, out: &Output) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let why = format!("cannot make the folder {}: {error}", folder.display());
        Error::caused(ErrorKind::Invalid, why, error)
    })?;
    for (n, frame) in frames.iter().enumerate() {
        // Colons are not allowed in file names everywhere.
        let time = moment(frame.at).replace(':', "-");
        let ending = frame.media_type.rsplit('/').next().unwrap_or("webp");
        let name = format!("{:03}_{time}.{ending}", n + 1);
        out.file(&frame.image, Some(&folder.join(name)))?;
    }
    Ok(())
}
