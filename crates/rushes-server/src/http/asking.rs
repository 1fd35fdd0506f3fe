//! What handlers take: paths, queries and bodies whose refusals are problems.

use axum::extract::{FromRequest, FromRequestParts};
use serde::{Deserialize, Deserializer};

use super::problem::Problem;
use crate::words;

/// Parts of the path.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(super) struct Path<T>(pub(super) T);

/// The query.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(super) struct Query<T>(pub(super) T);

/// A JSON body.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub(super) struct Json<T>(pub(super) T);

/// Reads a list that was written with commas.
pub(super) fn list<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    Ok(words::list(&String::deserialize(input)?))
}

/// Reads a list of times that was written with commas.
pub(super) fn times<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<f64>, D::Error> {
    let parts = words::list(&String::deserialize(input)?);
    let times = parts.iter().map(|part| part.parse::<words::Seconds>().map(|time| time.0));
    times.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

/// Reads a width: `overview`, `detail`, `full` or pixels.
pub(super) fn width<'de, D>(input: D) -> Result<rushes::answer::Width, D::Error>
where
    D: Deserializer<'de>,
{
    words::width(&String::deserialize(input)?).map_err(serde::de::Error::custom)
}

/// Reads a length of time: `500ms`, `1s` or seconds.
pub(super) fn step<'de, D: Deserializer<'de>>(input: D) -> Result<Option<f64>, D::Error> {
    words::step(&String::deserialize(input)?).map(Some).map_err(serde::de::Error::custom)
}
