//! Rushes for Python: the engine in-process.
//!
//! This shell translates and decides nothing. `engine.rs` has the handle, `convert.rs` turns
//! answers into Python's own dictionaries and lists, `error.rs` turns each kind of failure into an
//! exception. What a Python developer sees is `python/rushes`, written in Python and typed.

mod convert;
mod engine;
mod error;

use pyo3::prelude::*;

/// The native half of the package `rushes`.
#[pymodule]
fn _rushes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<engine::Library>()?;
    error::add(module)
}
