//! Doors that are not open yet.

use std::path::Path;

use crate::answer::{
    BurstRequest, Cited, Clip, ClipRequest, Context, ContextRequest, FrameImage, FrameRequest,
    SearchRequest, SearchResults, Sheet, SheetRequest,
};
use crate::engine::Rushes;
use crate::error::{Error, Result};
use crate::import::{ImportOptions, Imported};

macro_rules! later {
    () => {
        Err(Error::new(crate::error::Kind::Unsupported, "not built yet"))
    };
}

impl Rushes {
    /// Imports what a model produced from a file or, for label files one a frame, a folder.
    pub async fn import_file(
        &self,
        _video: &str,
        _path: &Path,
        _options: ImportOptions,
    ) -> Result<Imported> {
        later!()
    }

    /// One frame's image.
    pub async fn frame(&self, _request: &FrameRequest) -> Result<FrameImage> {
        later!()
    }

    /// Native frames of a short window.
    pub async fn burst(&self, _request: &BurstRequest) -> Result<Vec<FrameImage>> {
        later!()
    }

    /// Everything known around a moment, within a token budget.
    pub async fn context(&self, _request: &ContextRequest) -> Result<Context> {
        later!()
    }

    /// Search over text and object classes.
    pub async fn search(&self, _request: &SearchRequest) -> Result<SearchResults> {
        later!()
    }

    /// A contact sheet.
    pub async fn sheet(&self, _request: &SheetRequest) -> Result<Sheet> {
        later!()
    }

    /// A clip.
    pub async fn clip(&self, _request: &ClipRequest) -> Result<Clip> {
        later!()
    }

    /// What a reference stands for.
    pub async fn cite(&self, _reference: &str) -> Result<Cited> {
        later!()
    }

    /// The small picture of a video: bytes, media type and entity tag.
    pub async fn thumbnail(&self, _video: &str) -> Result<FrameImage> {
        later!()
    }
}
