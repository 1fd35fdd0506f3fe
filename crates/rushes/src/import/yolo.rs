//! YOLO label files: a folder with one a frame, whose number is in its name; a row an object:
//! `class x y width height [confidence] [track]`, centre and size as shares of the picture.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rushes_store::{Kind, NewEntry};
use serde_json::{Map, Value};

use super::context::Context;
use super::fault::{Entries, Fault, Parsed};
use super::lines::{Line, Lines};
use super::mot::{finite, plain, whole};
use super::options::Rejected;
use crate::error::{Error, Kind as ErrorKind, Result};

/// One label file and the number of its frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LabelFile {
    frame: u64,
    path: PathBuf,
}

impl LabelFile {
    /// The label file at `path`.
    pub(super) fn at(path: &Path) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        match number_in(&name) {
            Some(frame) => Ok(Self { frame, path: path.to_owned() }),
            None => Err(Error::new(
                ErrorKind::Unsupported,
                format!("{name}: a label file is named by the number of its frame, as clip_12.txt"),
            )),
        }
    }
}

/// The label files of a folder by the numbers of their frames. Files of other names are no labels.
pub(super) fn label_files(folder: &Path) -> Result<Vec<LabelFile>> {
    let cannot = |error| {
        let message = format!("{}: cannot be read", folder.display());
        Error::caused(ErrorKind::NotFound, message, error)
    };
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder).map_err(cannot)? {
        let path = file.map_err(cannot)?.path();
        let is_text = path.extension().is_some_and(|extension| extension == "txt");
        if is_text && let Ok(file) = LabelFile::at(&path) {
            files.push(file);
        }
    }
    if files.is_empty() {
        let why = "no label files (named by frame, as clip_12.txt) in this folder";
        return Err(Error::new(ErrorKind::Unsupported, format!("{}: {why}", folder.display())));
    }
    files.sort_by(|a, b| (a.frame, &a.path).cmp(&(b.frame, &b.path)));
    Ok(files)
}

/// The last number in a file's name, its extension aside.
pub(super) fn number_in(name: &str) -> Option<u64> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let end = stem.rfind(|c: char| c.is_ascii_digit())? + 1;
    let digits = stem.get(..end)?;
    let begin = digits.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| {
        at + digits.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    });
    digits.get(begin..)?.parse().ok()
}

/// Yields an object entry a row, file by file. Trackers number frames from 1; a file numbered 0
/// says that this folder does not.
pub(super) fn entries(files: Vec<LabelFile>, context: Arc<Context>) -> Entries {
    let usual = u64::from(files.first().is_none_or(|file| file.frame > 0));
    let rows =
        move |file: LabelFile| Rows { lines: None, file, usual, context: Arc::clone(&context) };
    Box::new(files.into_iter().flat_map(rows))
}

struct Rows {
    /// Opened when the first row is asked for: only one file is open at a time.
    lines: Option<Lines>,
    file: LabelFile,
    usual: u64,
    context: Arc<Context>,
}

impl Iterator for Rows {
    type Item = Parsed;

    fn next(&mut self) -> Option<Parsed> {
        loop {
            let lines = match &mut self.lines {
                Some(lines) => lines,
                none => match super::source::open(&self.file.path, None) {
                    Ok(text) => none.insert(Lines::new(text)),
                    Err(error) => return Some(Err(named(&self.file, Fault::io(error)))),
                },
            };
            let line = match lines.next() {
                Ok(line) => line?,
                Err(error) => return Some(Err(named(&self.file, Fault::io(error)))),
            };
            if line.bytes.is_some_and(|bytes| bytes.trim_ascii().is_empty()) {
                continue;
            }
            let entry = row(&line, self.file.frame, self.usual, &self.context);
            return Some(entry.map_err(|why| named(&self.file, Fault::line(line.number, why))));
        }
    }
}

/// Says which of the files a fault is in.
fn named(file: &LabelFile, fault: Fault) -> Fault {
    let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match fault {
        Fault::Record(rejected) => {
            let why = format!("of {name}: {}", rejected.why);
            Fault::Record(Rejected { why, ..rejected })
        }
        Fault::File(why) => Fault::File(format!("{name}: {why}")),
    }
}

const ROW: &str = "expected class x y width height [confidence] [track] as numbers";

fn row(
    line: &Line<'_>,
    frame: u64,
    usual: u64,
    context: &Context,
) -> std::result::Result<NewEntry, String> {
    let text = line.bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or(ROW)?;
    let cells: Vec<&str> = text.split_whitespace().collect();
    let [class, place @ ..] = cells.as_slice() else { return Err(ROW.to_owned()) };
    if place.len() > 6 {
        return Err("outlines (segmentation labels) are not read, only boxes".to_owned());
    }
    let class = finite(class).and_then(whole).ok_or(ROW)?;
    let numbers: Option<Vec<f64>> = place.iter().map(|cell| finite(cell)).collect();
    let numbers = numbers.ok_or(ROW)?;
    let [x, y, width, height, ..] = numbers.as_slice() else { return Err(ROW.to_owned()) };
    if [x, y, width, height].iter().any(|share| !(-0.5..=1.5).contains(*share)) {
        return Err("x y width height must be shares of the picture, 0 to 1".to_owned());
    }
    let (score, track) = score_and_track(place.get(4..).unwrap_or_default());
    let area =
        [x - width / 2.0, y - height / 2.0, *width, *height].map(|n| plain(to_millionths(n)));
    let mut data = Map::new();
    data.insert("label".to_owned(), context.classes.name(class).into());
    data.extend(score.map(|score| ("score".to_owned(), score)));
    data.insert("box".to_owned(), area.to_vec().into());
    data.insert("box_unit".to_owned(), "relative".into());
    data.extend(track.map(|track| ("track".to_owned(), track)));
    data.insert("frame".to_owned(), frame.into());
    context.entry(context.kind_or(Kind::OBJECT)?, context.frames.at(frame, usual)?, data)
}

/// What the columns after the box say: of two the first is the confidence; one alone is the track
/// when written as a whole number, since confidences are written with their decimals.
fn score_and_track(cells: &[&str]) -> (Option<Value>, Option<Value>) {
    let number = |cell: &str| finite(cell).map(plain);
    match cells {
        [score, track] => (number(score), number(track)),
        [one] if one.contains('.') => (number(one), None),
        [one] => (None, number(one)),
        _ => (None, None),
    }
}

fn to_millionths(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}
