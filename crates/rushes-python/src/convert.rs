//! Answers as Python's own dictionaries and lists, by way of JSON.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error;

/// A Python object with the same meaning as the answer.
pub(crate) fn to_python<'py>(
    py: Python<'py>,
    answer: &impl Serialize,
) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(answer).map_err(error::internal)?;
    py.import("json")?.call_method1("loads", (text,))
}

/// A request made of keyword arguments; those that are `None` count as not given.
pub(crate) fn from_python<T: DeserializeOwned + Default>(
    arguments: Option<&Bound<'_, PyDict>>,
) -> PyResult<T> {
    let Some(arguments) = arguments else { return Ok(T::default()) };
    let given = PyDict::new(arguments.py());
    for (name, value) in arguments {
        if !value.is_none() {
            given.set_item(name, value)?;
        }
    }
    let options = PyDict::new(arguments.py());
    options.set_item("allow_nan", false)?;
    let json = arguments.py().import("json")?;
    let text: String = json.call_method("dumps", (given,), Some(&options))?.extract()?;
    serde_json::from_str(&text).map_err(error::invalid)
}
