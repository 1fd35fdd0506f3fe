//! How a file is named to ffmpeg: as that file and nothing else.

use std::ffi::OsString;
use std::path::Path;

use super::child::name;
use super::limits::Limits;
use crate::error::{Error, Kind, Result};

/// Containers that are read. Not among them: whatever opens further files or addresses (playlists,
/// concat lists, image sequences) or makes pictures from nothing.
const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,\
     hevc,vvc,ivf,obu,av1,flv,asf,ogg,gif,apng,webp_anim,mxf,gxf,nut,dv,rm,wtv,y4m,yuv4mpegpipe,\
     mjpeg,vc1,mp3,wav,flac,aac";

/// Arguments up to and with the input: nothing but this file is opened, only known containers,
/// and no frame greater than allowed is decoded. `before` are further options of the input.
pub(super) fn input(path: &Path, before: &[OsString], limits: &Limits) -> Result<Vec<OsString>> {
    let mut all = words(["-max_pixels", &limits.pixels.to_string()]);
    all.extend(described_input(path, before)?);
    Ok(all)
}

/// The same for a look at the file's headers: it decodes next to nothing and is to tell the size
/// of frames that are too great.
pub(super) fn described_input(path: &Path, before: &[OsString]) -> Result<Vec<OsString>> {
    let absolute = std::path::absolute(path).map_err(|error| {
        Error::caused(Kind::Invalid, format!("{}: not a path: {error}", name(path)), error)
    })?;
    // The prefix keeps names like `-y`, `http:...` and `%d` from meaning anything.
    let mut url = OsString::from("file:");
    url.push(absolute);
    let mut all = words(["-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS]);
    all.extend_from_slice(before);
    all.extend([OsString::from("-i"), url]);
    Ok(all)
}

/// Words of a command line.
pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.into_iter().map(OsString::from).collect()
}

/// Refuses what is no file with bytes in it before a child is started.
pub(super) fn check(path: &Path) -> Result<u64> {
    let file = name(path);
    let data = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::not_found(format!("{file}: no such file")),
        _ => Error::caused(Kind::Invalid, format!("{file}: cannot be opened: {error}"), error),
    })?;
    let refuse =
        |why: &str| Err(Error::new(Kind::Unsupported, format!("{file}: not a video: {why}")));
    match data.len() {
        _ if !data.is_file() => refuse("it is not a regular file"),
        0 => refuse("the file is empty"),
        bytes => Ok(bytes),
    }
}
