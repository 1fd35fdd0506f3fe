//! Fewer bytes, same meaning: pure functions, no I/O, no async.
//!
//! A frame comes from a decoder as a [`Yuv420`](image::Yuv420) picture. Its [`Look`](phash::Look)
//! says whether it is new or nearly the frame that was kept last; a new one becomes WebP without a
//! detour over RGB. Pictures that come back are decoded to [`Rgb`](image::Rgb), under
//! [`Limits`](image::Limits) that are held against the header before anything is allocated, then
//! resized and encoded again for whoever asked. Rows become compressed [`json`], and whatever is
//! put away where it might rot travels in an [`envelope`] that finds every flipped bit.
//!
//! Every function takes bytes from outside as a guess: what is cut off, damaged, larger than it
//! says or larger than allowed gives an [`Error`], not a panic and not a large allocation.
//!
//! ```
//! use rushes_codec::image::{self, Format, Limits, Yuv420};
//! use rushes_codec::phash::{DEFAULT_SIMILARITY, Look};
//!
//! # fn main() -> rushes_codec::Result<()> {
//! let grey = |level| Yuv420 { width: 64, height: 48, data: vec![level; Yuv420::bytes(64, 48)] };
//! let (kept, next, later) = (grey(100), grey(101), grey(150));
//!
//! // Near-duplicates of the frame kept last are not stored again.
//! let look = Look::of_yuv(&kept)?;
//! assert!(look.same_as(&Look::of_yuv(&next)?, DEFAULT_SIMILARITY));
//! assert!(!look.same_as(&Look::of_yuv(&later)?, DEFAULT_SIMILARITY));
//!
//! // What is new becomes WebP, and a small JPEG for who asks.
//! let webp = image::webp_from_yuv(&kept, 85.0)?;
//! let picture = image::decode(&webp, Limits::default())?;
//! let small = image::encode(&image::resize(&picture, 32, 24)?, Format::Jpeg, 85.0)?;
//! assert_eq!(image::header(&small)?, (Format::Jpeg, 32, 24));
//! # Ok(())
//! # }
//! ```

pub mod dedup;
pub mod encoding;
pub mod envelope;
mod error;
pub mod image;
pub mod json;
pub mod phash;
mod webp;
mod yuv;

pub use error::{Error, Result};
