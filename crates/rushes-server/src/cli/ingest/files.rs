//! Which files a batch means: those named, and the videos below the folders named.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rushes::{Error, ErrorKind, Result};

/// Endings of the files that are taken from folders. Files named one by one need none of them.
const ENDINGS: &[&str] = &[
    "3gp", "asf", "avi", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts",
    "mxf", "ogm", "ogv", "ts", "vob", "webm", "wmv",
];

/// What a batch means.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files as named, each folder replaced by its videos in order of path.
    pub(super) files: Vec<PathBuf>,
    /// Folders that could not be read or hold no video, and why.
    pub(super) unread: Vec<(PathBuf, Error)>,
}

/// The files that `sources` mean.
pub(super) fn find(sources: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for source in sources {
        if source.is_dir() {
            found.search(source);
        } else {
            found.files.push(source.clone());
        }
    }
    found
}

impl Found {
    fn search(&mut self, top: &Path) {
        let mut videos = BTreeSet::new();
        let mut folders = vec![top.to_owned()];
        let before = self.unread.len();
        while let Some(folder) = folders.pop() {
            if let Err(error) = look_into(&folder, &mut videos, &mut folders) {
                self.unread.push((folder, error));
            }
        }
        if videos.is_empty() && self.unread.len() == before {
            let why = format!("no video file in {} (by ending)", top.display());
            self.unread.push((top.to_owned(), Error::not_found(why)));
        }
        self.files.extend(videos);
    }
}

/// Notes the videos and folders of a folder. Links to folders are not followed: they may lead back
/// up.
fn look_into(
    folder: &Path,
    videos: &mut BTreeSet<PathBuf>,
    folders: &mut Vec<PathBuf>,
) -> Result<()> {
    for item in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let item = item.map_err(|error| unreadable(folder, error))?;
        let kind = item.file_type().map_err(|error| unreadable(&item.path(), error))?;
        if kind.is_dir() {
            folders.push(item.path());
        } else if is_video(&item.path()) && item.path().is_file() {
            videos.insert(item.path());
        }
    }
    Ok(())
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
        let Found { files: found, unread } = find(&[folder.path().to_owned(), "x.bin".into()]);
        assert!(unread.is_empty());
        let names = ["a.mkv", "b/z.webm", "c.MP4"].map(|name| folder.path().join(name));
        assert_eq!(found[..3], names);
        assert_eq!(found[3..], [PathBuf::from("x.bin")]);
    }

    #[test]
    fn a_folder_without_videos_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let found = find(&[folder.path().to_owned(), "x.mp4".into()]);
        assert_eq!(found.files, [PathBuf::from("x.mp4")], "the batch goes on");
        let [(path, error)] = found.unread.as_slice() else { panic!("{found:?}") };
        assert_eq!((path.as_path(), error.kind()), (folder.path(), ErrorKind::NotFound));
    }
}
