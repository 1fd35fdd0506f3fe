//! Which files of a folder are pictures.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rushes_codec::image::Format;

use crate::error::{Error, Kind, Result};

/// The pictures that `sources` mean, in order of path, each once: as named, and what looks like a
/// picture, by its first bytes, in the folders named and below. Links are not followed.
pub(super) fn pictures(sources: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = Vec::new();
    for source in sources {
        let facts = std::fs::metadata(source).map_err(|error| unreadable(source, error))?;
        if facts.is_dir() {
            folders.push(source.clone());
        } else {
            found.insert(source.clone());
        }
    }
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
            let item = item.map_err(|error| unreadable(&folder, error))?;
            let kind = item.file_type().map_err(|error| unreadable(&item.path(), error))?;
            if kind.is_dir() {
                folders.push(item.path());
            } else if kind.is_file() && is_picture(&item.path()) {
                found.insert(item.path());
            }
        }
    }
    Ok(found)
}

fn is_picture(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(32).read_to_end(&mut head));
    read.is_ok() && Format::sniff(&head).is_some()
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => Kind::NotFound,
        _ => Kind::Invalid,
    };
    Error::caused(kind, format!("cannot read {}: {error}", path.display()), error)
}
