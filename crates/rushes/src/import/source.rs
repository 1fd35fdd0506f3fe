//! Where the bytes of an import come from, and how they become text. Some formats need two
//! passes, so a source can be opened again.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use encoding_rs::Encoding;
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::lines::Text;
use crate::error::{Error, Kind, Result};

/// A stream up to this size is kept in memory, a larger one in a temporary file, bytes.
const IN_MEMORY: u64 = 4 << 20;

/// Bytes that can be read more than once.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file.
    File(PathBuf),
    /// A folder of label files.
    Folder(PathBuf),
    /// A stream that was short.
    Bytes(Bytes),
    /// A stream that was long.
    Spooled(File),
}

impl Source {
    /// What lies at `path`. A pipe is read to its end first.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        let cannot = |error: io::Error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Invalid,
            };
            Error::caused(kind, format!("{}: {error}", path.display()), error)
        };
        let found = std::fs::metadata(path).map_err(cannot)?;
        if found.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        if found.is_file() {
            return Ok(Self::File(path.to_owned()));
        }
        Self::spool(File::open(path).map_err(cannot)?)
    }

    /// The file's or folder's own name.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::File(path) | Self::Folder(path) => {
                path.file_name().map(|name| name.to_string_lossy().into_owned())
            }
            Self::Bytes(_) | Self::Spooled(_) => None,
        }
    }

    /// Reads a stream to its end and keeps it. A slow sender holds nobody up this way: the video
    /// is locked for writing only afterwards.
    fn spool(mut stream: impl Read) -> Result<Self> {
        let cannot = |error: io::Error| {
            Error::caused(Kind::Internal, format!("the stream cannot be kept: {error}"), error)
        };
        let mut head = Vec::new();
        stream.by_ref().take(IN_MEMORY).read_to_end(&mut head).map_err(cannot)?;
        if (head.len() as u64) < IN_MEMORY {
            return Ok(Self::Bytes(head.into()));
        }
        let mut file = tempfile::tempfile().map_err(cannot)?;
        io::copy(&mut head.as_slice().chain(stream), &mut file).map_err(cannot)?;
        Ok(Self::Spooled(file))
    }

    /// Reads it from the start as text.
    pub(super) fn open(&self, encoding: Option<&'static Encoding>) -> io::Result<Text> {
        match self {
            Self::File(path) => open(path, encoding),
            Self::Folder(_) => Err(io::Error::other("it is a folder")),
            Self::Bytes(bytes) => Ok(text(Cursor::new(bytes.clone()), encoding)),
            Self::Spooled(file) => {
                let mut file = file.try_clone()?;
                file.rewind()?;
                Ok(text(file, encoding))
            }
        }
    }
}

/// Opens a file as text.
pub(super) fn open(path: &Path, encoding: Option<&'static Encoding>) -> io::Result<Text> {
    Ok(text(File::open(path)?, encoding))
}

/// A byte-order mark decides; else `encoding`; else the bytes pass as they are and are checked to
/// be UTF-8 record by record, so that one bad record costs only itself.
fn text(bytes: impl Read + Send + 'static, encoding: Option<&'static Encoding>) -> Text {
    let decoder = DecodeReaderBytesBuilder::new()
        .encoding(encoding)
        .bom_override(true)
        .strip_bom(true)
        .utf8_passthru(true)
        .build(bytes);
    Box::new(BufReader::with_capacity(64 << 10, decoder))
}

/// The encoding of this name, as the web knows it.
pub(super) fn encoding(name: &str) -> Result<&'static Encoding> {
    Encoding::for_label(name.as_bytes()).ok_or_else(|| {
        Error::invalid(format!("no encoding {name:?}; try utf-8, utf-16le, windows-1252 or gbk"))
    })
}
