//! Which files a batch means: those named, and the videos below the folders named.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rushes::{Error, ErrorKind, Result};

/// Endings of the files that are taken from folders. Files named one by one need none of them.
const ENDINGS: &[&str] = &[
    "3gp", "asf", "avi", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts",
    "mxf", "ogm", "ogv", "ts", "vob", "webm", "wmv",
];

/// The files that `sources` mean: as named, each folder replaced by its videos in order of path.
pub(super) fn find(sources: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for source in sources {
        if !source.is_dir() {
            files.push(source.clone());
            continue;
        }
        let found = videos_below(source)?;
        if found.is_empty() {
            let why = format!("no video file in {} (by ending)", source.display());
            return Err(Error::not_found(why));
        }
        files.extend(found);
    }
    Ok(files)
}

/// Links to folders are not followed: they may lead back up.
fn videos_below(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
            let item = item.map_err(|error| unreadable(&folder, error))?;
            let kind = item.file_type().map_err(|error| unreadable(&item.path(), error))?;
            if kind.is_dir() {
                folders.push(item.path());
            } else if is_video(&item.path()) && item.path().is_file() {
                found.insert(item.path());
            }
        }
    }
    Ok(found)
}

fn is_video(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.to_lowercase().as_str()))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::caused(ErrorKind::Invalid, format!("cannot read {}: {error}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_videos_in_order_and_files_stay_as_named() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("b");
        std::fs::create_dir(&inner).unwrap();
        for name in ["c.MP4", "a.mkv", "notes.txt", "b/z.webm"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = find(&[folder.path().to_owned(), "x.bin".into()]).unwrap();
        let names = ["a.mkv", "b/z.webm", "c.MP4"].map(|name| folder.path().join(name));
        assert_eq!(found[..3], names);
        assert_eq!(found[3..], [PathBuf::from("x.bin")]);
    }

    #[test]
    fn a_folder_without_videos_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = find(&[folder.path().to_owned()]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
