//! The handle that Python holds: each method lets other Python threads run while it waits.

use std::future::Future;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rushes::Rushes;
use rushes::answer::{ContextRequest, FrameRequest, SearchRequest, SheetRequest};
use rushes::config::Settings;
use rushes::import::ImportOptions;
use rushes::ingest::{IngestOptions, Sampling, Source};
use rushes::read::EntriesRequest;
use tokio::runtime::Runtime;

use crate::convert::{from_python, to_python};
use crate::error;

/// An open library.
#[pyclass(frozen)]
pub(crate) struct Library {
    runtime: Runtime,
    rushes: Rushes,
}

impl Library {
    fn wait<T: Send>(
        &self,
        py: Python<'_>,
        work: impl Future<Output = rushes::Result<T>> + Send,
    ) -> PyResult<T> {
        py.detach(|| self.runtime.block_on(work)).map_err(|error| error::raised(&error))
    }
}

#[pymethods]
#[allow(clippy::needless_pass_by_value, reason = "Python hands arguments over by value")]
impl Library {
    /// Opens the library in this folder, making it if it is not there; settings as by environment.
    #[new]
    #[pyo3(signature = (folder = None, **settings))]
    fn open(
        py: Python<'_>,
        folder: Option<PathBuf>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut flags = Vec::new();
        for (key, value) in settings.into_iter().flatten() {
            flags.push((key.extract::<String>()?, value.str()?.to_string()));
        }
        let named: Vec<_> = flags.iter().map(|(key, text)| (key.as_str(), text.clone())).collect();
        let mut settings = Settings::load(None, &named).map_err(|error| error::raised(&error))?;
        if let Some(folder) = folder {
            settings.library = folder;
        }
        let runtime = Runtime::new().map_err(error::internal)?;
        let rushes = py
            .detach(|| runtime.block_on(Rushes::open(settings)))
            .map_err(|error| error::raised(&error))?;
        Ok(Self { runtime, rushes })
    }

    /// Takes a video in, a frame each `every` seconds.
    #[pyo3(signature = (file, every = 1.0, name = None))]
    fn ingest<'py>(
        &self,
        py: Python<'py>,
        file: PathBuf,
        every: f64,
        name: Option<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options =
            IngestOptions { sampling: Sampling::Every(every), name, ..IngestOptions::default() };
        let done = self.wait(py, self.rushes.ingest(Source::File(file), options, None))?;
        to_python(py, &done)
    }

    /// Imports what a model produced; options as of `rushes import`.
    #[pyo3(signature = (video, file, **options))]
    fn import_file<'py>(
        &self,
        py: Python<'py>,
        video: &str,
        file: PathBuf,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options: ImportOptions = from_python(options)?;
        let done = self.wait(py, self.rushes.import_file(video, &file, options))?;
        to_python(py, &done)
    }

    /// Videos, newest first.
    #[pyo3(signature = (limit = 100, cursor = None))]
    fn videos<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
        cursor: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.wait(py, self.rushes.videos(limit, cursor))?)
    }

    /// Entries in a window: keyword arguments are the fields of an entries request.
    #[pyo3(signature = (**request))]
    fn entries<'py>(
        &self,
        py: Python<'py>,
        request: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: EntriesRequest = from_python(request)?;
        to_python(py, &self.wait(py, self.rushes.entries(&request))?)
    }

    /// Everything known around a moment, within a token budget.
    #[pyo3(signature = (**request))]
    fn context<'py>(
        &self,
        py: Python<'py>,
        request: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: ContextRequest = from_python(request)?;
        to_python(py, &self.wait(py, self.rushes.context(&request))?)
    }

    /// Search over text and object classes.
    #[pyo3(signature = (**request))]
    fn search<'py>(
        &self,
        py: Python<'py>,
        request: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: SearchRequest = from_python(request)?;
        to_python(py, &self.wait(py, self.rushes.search(&request))?)
    }

    /// One frame's image: the bytes, and a dictionary of what is true of it.
    #[pyo3(signature = (**request))]
    fn frame<'py>(
        &self,
        py: Python<'py>,
        request: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyAny>)> {
        let request: FrameRequest = from_python(request)?;
        let frame = self.wait(py, self.rushes.frame(&request))?;
        let facts = serde_json::json!({
            "video": frame.video, "media_type": frame.media_type, "width": frame.width,
            "height": frame.height, "at": frame.at, "number": frame.number,
            "exact": frame.exact, "reference": frame.reference, "etag": frame.etag,
            "tokens": frame.tokens, "served": frame.served,
        });
        Ok((PyBytes::new(py, &frame.image), to_python(py, &facts)?))
    }

    /// A contact sheet: the bytes, and a dictionary of what is true of it.
    #[pyo3(signature = (**request))]
    fn sheet<'py>(
        &self,
        py: Python<'py>,
        request: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyAny>)> {
        let request: SheetRequest = from_python(request)?;
        let sheet = self.wait(py, self.rushes.sheet(&request))?;
        let facts = serde_json::json!({
            "video": sheet.video, "media_type": sheet.media_type, "width": sheet.width,
            "height": sheet.height, "cells": sheet.cells, "text": sheet.text,
            "tokens": sheet.tokens, "etag": sheet.etag, "served": sheet.served,
        });
        Ok((PyBytes::new(py, &sheet.image), to_python(py, &facts)?))
    }

    /// What a reference stands for.
    fn cite<'py>(&self, py: Python<'py>, reference: &str) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.wait(py, self.rushes.cite(reference))?)
    }

    /// Deletes a video.
    fn remove<'py>(&self, py: Python<'py>, video: &str) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.wait(py, self.rushes.remove(video))?)
    }

    /// Figures about cache, store and reads.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.wait(py, self.rushes.stats())?)
    }
}
