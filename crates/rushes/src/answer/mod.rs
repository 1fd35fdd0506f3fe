//! What an agent asks for, made of reads.
//!
//! A model has a window of tokens, not a video: each answer here states its cost and points back to
//! what it shows. [`crate::Rushes::context`] packs what is known around a moment into a budget,
//! [`crate::Rushes::sheet`] shows a window in one image, [`crate::Rushes::frame`] and
//! [`crate::Rushes::burst`] look closer, and every line and cell carries a [`Reference`] that
//! [`crate::Rushes::cite`] resolves to exactly that entry, or says that it is gone.

mod burst;
mod cite;
mod clip;
mod clock;
mod context;
pub mod families;
mod fold;
mod frame;
mod grid;
mod label;
mod native;
mod pack;
mod picture;
mod search;
mod sheet;
mod spot;
mod tokens;
mod words;

pub use burst::BurstRequest;
pub use cite::{Cited, Reference};
pub use clip::{Clip, ClipFormat, ClipRequest};
pub use context::{Context, ContextLine, ContextRequest};
pub use families::ModelFamily;
pub use frame::{FrameImage, FrameRequest, Width};
pub use search::{Found, SearchRequest, SearchResults};
pub use sheet::{Cell, ImageFormat, Labels, Sheet, SheetRequest};
pub use tokens::{ImageTokens, Tokenizer};
