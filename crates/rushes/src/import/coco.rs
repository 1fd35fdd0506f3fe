//! COCO: results (a list of detections, keypoints or captions), or a data set with its images,
//! categories and annotations.

use std::collections::HashMap;
use std::sync::Arc;

use rushes_store::{Kind, NewEntry};
use serde_json::{Map, Value, json};

use super::classes;
use super::context::Context;
use super::fault::{Entries, Fault, Parsed, TOO_LARGE, json_fault};
use super::lines::Text;
use super::outline::{Cut, Outline, Piece};

/// What a data set says of its images and categories; empty for results.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Frame numbers by the ids of images.
    frames: HashMap<u64, u64>,
    /// Names of categories by their ids.
    names: HashMap<u64, String>,
}

/// Reads the images and categories of a data set. They may follow the annotations, so this takes
/// a pass of its own.
pub(super) fn facts(text: Text) -> Result<Facts, Fault> {
    let mut facts = Facts::default();
    for piece in Outline::new(text, &["images", "categories", "annotations"]) {
        let Piece::Element(array, cut) = piece? else { continue };
        let value =
            || serde_json::from_slice::<Value>(cut.bytes.as_deref().unwrap_or_default()).ok();
        match array {
            "" => break,
            "images" => facts.frames.extend(value().as_ref().and_then(image)),
            "categories" => facts.names.extend(value().as_ref().and_then(category)),
            _ => {}
        }
    }
    Ok(facts)
}

/// The frame that an image is: by a member that says so, by the number in its file's name, or by
/// its id.
fn image(image: &Value) -> Option<(u64, u64)> {
    let id = image.get("id")?.as_u64()?;
    let told = ["frame_id", "frame_index", "frame_number"]
        .iter()
        .find_map(|name| image.get(*name)?.as_u64());
    let named = || super::yolo::number_in(image.get("file_name")?.as_str()?);
    Some((id, told.or_else(named).unwrap_or(id)))
}

fn category(category: &Value) -> Option<(u64, String)> {
    Some((category.get("id")?.as_u64()?, category.get("name")?.as_str()?.to_owned()))
}

/// Yields an object or caption entry a result.
pub(super) fn entries(text: Text, facts: Facts, context: Arc<Context>) -> Entries {
    let outline = Outline::new(text, &["images", "categories", "annotations"]);
    Box::new(outline.filter_map(move |piece| match piece {
        Ok(Piece::Element("" | "annotations", cut)) => Some(result(&cut, &facts, &context)),
        Ok(_) => None,
        Err(fault) => Some(Err(fault)),
    }))
}

fn result(cut: &Cut, facts: &Facts, context: &Context) -> Parsed {
    let bytes = cut.bytes.as_deref().ok_or_else(|| Fault::element(cut, TOO_LARGE))?;
    serde_json::from_slice::<Map<String, Value>>(bytes)
        .map_err(json_fault)
        .and_then(|result| entry(result, facts, context))
        .map_err(|why| Fault::element(cut, why))
}

fn entry(
    mut result: Map<String, Value>,
    facts: &Facts,
    context: &Context,
) -> Result<NewEntry, String> {
    let image = result.shift_remove("image_id").and_then(|id| id.as_u64());
    let image = image.ok_or("expected `image_id`: the number of a frame")?;
    let frame = facts.frames.get(&image).copied().unwrap_or(image);
    let span = context.frames.at(frame, 0)?;
    let mut data = Map::new();
    let usual = match result.shift_remove("caption") {
        Some(caption) => {
            let caption = caption.as_str().ok_or("caption must be a text")?.trim();
            data.insert("text".to_owned(), caption.into());
            Kind::CAPTION
        }
        None => {
            detection(&mut result, &mut data, facts)?;
            Kind::OBJECT
        }
    };
    data.insert("frame".to_owned(), frame.into());
    data.extend(result);
    context.entry(context.kind_or(usual)?, span, data)
}

/// Moves what a detection says into the members that every object has.
fn detection(
    result: &mut Map<String, Value>,
    data: &mut Map<String, Value>,
    facts: &Facts,
) -> Result<(), String> {
    let category = result.get("category_id").and_then(Value::as_u64);
    let category =
        category.ok_or("expected `category_id` and `bbox` or `keypoints`, or `caption`")?;
    data.insert("label".to_owned(), label(category, result, facts).into());
    if let Some(score) = result.shift_remove("score") {
        data.insert("score".to_owned(), score);
    }
    let area = result.shift_remove("bbox").or_else(|| result.get("keypoints").and_then(extent));
    match area {
        Some(area) => data.insert("box".to_owned(), area),
        None if result.contains_key("segmentation") => None,
        None => return Err("expected `bbox`, `keypoints` or `segmentation`".to_owned()),
    };
    if let Some(track) = result.shift_remove("track_id") {
        data.insert("track".to_owned(), track);
    }
    Ok(())
}

fn label(category: u64, result: &Map<String, Value>, facts: &Facts) -> String {
    let told = result.get("category_name").and_then(Value::as_str);
    let listed = || facts.names.get(&category).map(String::as_str);
    let known = || classes::coco(category).filter(|_| facts.names.is_empty());
    let name = told.or_else(listed).or_else(known);
    name.map_or_else(|| format!("category {category}"), str::to_owned)
}

/// The box around keypoints `x, y, visibility`, as COCO's own tools draw it: around all of them.
fn extent(keypoints: &Value) -> Option<Value> {
    let points: Vec<f64> = keypoints.as_array()?.iter().filter_map(Value::as_f64).collect();
    let mut points =
        points.chunks_exact(3).filter_map(|point| Some((*point.first()?, *point.get(1)?)));
    let (x, y) = points.next()?;
    let (mut left, mut top, mut right, mut bottom) = (x, y, x, y);
    for (x, y) in points {
        (left, right) = (left.min(x), right.max(x));
        (top, bottom) = (top.min(y), bottom.max(y));
    }
    Some(json!([left, top, right - left, bottom - top]))
}
