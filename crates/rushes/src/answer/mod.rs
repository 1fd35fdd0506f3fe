//! What an agent asks for, made of reads.

mod cite;
mod clip;
mod context;
mod frame;
mod search;
mod sheet;
mod tokens;

pub use cite::{Cited, Reference};
pub use clip::{Clip, ClipFormat, ClipRequest};
pub use context::{Context, ContextLine, ContextRequest};
pub use frame::{BurstRequest, FrameImage, FrameRequest, Width};
pub use search::{Found, SearchRequest, SearchResults};
pub use sheet::{Cell, ImageFormat, Labels, Sheet, SheetRequest};
pub use tokens::{ImageTokens, Tokenizer};
