//! What an agent asks for, made of reads.

mod cite;
mod clip;
#[allow(dead_code)] // until context says them
mod clock;
mod context;
#[allow(dead_code)] // until pictures are priced
pub mod families;
mod frame;
mod search;
mod sheet;
mod tokens;
#[allow(dead_code)] // until context says them
mod words;

pub use cite::{Cited, Reference};
pub use clip::{Clip, ClipFormat, ClipRequest};
pub use context::{Context, ContextLine, ContextRequest};
pub use families::ModelFamily;
pub use frame::{BurstRequest, FrameImage, FrameRequest, Width};
pub use search::{Found, SearchRequest, SearchResults};
pub use sheet::{Cell, ImageFormat, Labels, Sheet, SheetRequest};
pub use tokens::{ImageTokens, Tokenizer};
