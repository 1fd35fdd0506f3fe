//! An embedded subtitle stream as text.

use std::path::Path;

use super::child::{Child, Program, name};
use super::input::{check, input, words};
use super::limits::Limits;
use crate::error::{Error, Kind, Result};

/// Most bytes of one subtitle stream's text.
const MOST: usize = 32 << 20;

/// The text subtitle stream of this index as WebVTT; its times are the file's own media time.
///
/// # Errors
/// `Unsupported` when the file has no such stream or it is made of pictures.
pub(crate) async fn subtitle(path: &Path, stream: u32, limits: &Limits) -> Result<String> {
    check(path)?;
    let mut arguments = words(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+error"]);
    // Without it, times would count from the file's start.
    arguments.push("-copyts".into());
    arguments.extend(input(path, &[], limits)?);
    arguments.extend(words(["-map", &format!("0:{stream}"), "-c:s", "webvtt", "-f", "webvtt"]));
    arguments.push("pipe:1".into());
    let mut child = Child::start(Program::Ffmpeg, arguments, path, limits).await?;
    let text = child.all(MOST).await?;
    child.finish().await?;
    String::from_utf8(text).map_err(|error| {
        let text = format!("{}: subtitle stream {stream} is not text", name(path));
        Error::caused(Kind::Unsupported, text, error)
    })
}
