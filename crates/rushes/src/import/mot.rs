//! MOT challenge (`frame,id,left,top,width,height,confidence,...`) and VATIC
//! (`track left top right bottom frame lost occluded generated "label" "attribute"...`).

use std::sync::Arc;

use rushes_store::{Kind, NewEntry};
use serde_json::{Map, Value, json};

use super::classes;
use super::context::Context;
use super::fault::{Entries, Fault, Parsed, TOO_LARGE};
use super::lines::{Line, Lines, Text};

/// Yields an object entry a row. VATIC rows of an object that is out of view say nothing and
/// yield none.
pub(super) fn entries(text: Text, context: Arc<Context>) -> Entries {
    let mut lines = Lines::new(text);
    Box::new(std::iter::from_fn(move || next(&mut lines, &context)))
}

fn next(lines: &mut Lines, context: &Context) -> Option<Parsed> {
    loop {
        let line = match lines.next() {
            Ok(line) => line?,
            Err(error) => return Some(Err(Fault::io(error))),
        };
        match row(&line, context) {
            Ok(None) => {}
            Ok(Some(entry)) => return Some(Ok(entry)),
            Err(fault) => return Some(Err(fault)),
        }
    }
}

fn row(line: &Line<'_>, context: &Context) -> Result<Option<NewEntry>, Fault> {
    let bytes = line.bytes.ok_or_else(|| Fault::line(line.number, TOO_LARGE))?;
    let read = || -> Result<_, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?.trim();
        match text {
            "" => Ok(None),
            text if text.contains(',') => mot(text, context).map(Some),
            text => vatic(text, context),
        }
    };
    read().map_err(|why| Fault::line(line.number, why))
}

const MOT: &str = "expected frame,id,left,top,width,height,confidence as numbers";

fn mot(row: &str, context: &Context) -> Result<NewEntry, String> {
    let cells: Vec<&str> = row.split(',').map(str::trim).collect();
    let numbers: Option<Vec<f64>> = cells.iter().map(|cell| finite(cell)).collect();
    let numbers = numbers.ok_or(MOT)?;
    let [frame, track, left, top, width, height, rest @ ..] = numbers.as_slice() else {
        return Err(MOT.to_owned());
    };
    let frame = whole(*frame).ok_or(MOT)?;
    let span = context.frames.at(frame, 1)?;
    let mut data = Map::new();
    // Nine columns end in a class and how much is visible; ten in a place in the world.
    let class = rest.get(1).filter(|_| numbers.len() == 9).and_then(|class| whole(*class));
    data.insert("label".to_owned(), label(class).into());
    if let Some(score) = rest.first().filter(|score| **score >= 0.0) {
        data.insert("score".to_owned(), plain(*score));
    }
    data.insert("box".to_owned(), [left, top, width, height].map(|n| plain(*n)).to_vec().into());
    if *track >= 0.0 {
        data.insert("track".to_owned(), plain(*track));
    }
    data.insert("frame".to_owned(), frame.into());
    data.extend(last_columns(class, rest));
    context.entry(context.kind_or(Kind::OBJECT)?, span, data)
}

/// What follows the confidence and the class, if it says anything.
fn last_columns(class: Option<u64>, rest: &[f64]) -> Option<(String, Value)> {
    match rest {
        [_, _, visible] if class.is_some() => Some(("visible".to_owned(), plain(*visible))),
        [_, x, y, z] if [x, y, z].iter().any(|at| **at != -1.0) => {
            Some(("world".to_owned(), [x, y, z].map(|n| plain(*n)).to_vec().into()))
        }
        _ => None,
    }
}

/// The benchmark is about people; only its later editions say the class.
fn label(class: Option<u64>) -> String {
    let Some(class) = class else { return "person".to_owned() };
    classes::mot(class).map_or_else(|| format!("class {class}"), str::to_owned)
}

const VATIC: &str = "expected MOT rows, or VATIC: track left top right bottom frame lost occluded generated \"label\"";

fn vatic(row: &str, context: &Context) -> Result<Option<NewEntry>, String> {
    let (numbers, names) = row.split_once('"').ok_or(VATIC)?;
    let numbers: Option<Vec<f64>> = numbers.split_whitespace().map(finite).collect();
    let numbers = numbers.ok_or(VATIC)?;
    let [track, left, top, right, bottom, frame, lost, occluded, _generated] = numbers.as_slice()
    else {
        return Err(VATIC.to_owned());
    };
    if *lost == 1.0 {
        return Ok(None);
    }
    let frame = whole(*frame).ok_or(VATIC)?;
    let mut names = names.split('"').step_by(2);
    let span = context.frames.at(frame, 0)?;
    let area = [*left, *top, right - left, bottom - top].map(plain);
    let mut data = Map::new();
    data.insert("label".to_owned(), names.next().unwrap_or_default().into());
    data.insert("box".to_owned(), area.to_vec().into());
    data.insert("track".to_owned(), plain(*track));
    data.insert("frame".to_owned(), frame.into());
    if *occluded == 1.0 {
        data.insert("occluded".to_owned(), true.into());
    }
    let attributes: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    if !attributes.is_empty() {
        data.insert("attributes".to_owned(), json!(attributes));
    }
    context.entry(context.kind_or(Kind::OBJECT)?, span, data).map(Some)
}

pub(super) fn finite(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A number that has to be whole.
pub(super) fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then_some(number as u64)
}

/// A number as JSON, whole ones without a decimal point.
pub(super) fn plain(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => (number as i64).into(),
        false => number.into(),
    }
}
