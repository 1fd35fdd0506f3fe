//! Work on anybody's folders of pictures; no library is needed.

mod alike;
mod files;
#[cfg(test)]
mod tests;

pub use alike::{Alike, AlikeOptions, Copy, Unreadable, alike};
