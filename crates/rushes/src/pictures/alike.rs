//! Which pictures of a folder show the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use rushes_codec::dedup::{DEFAULT_SIMILARITY, Index, Print};
use rushes_codec::image::{Limits, decode};
use serde::Serialize;

use super::files::pictures;
use crate::error::{Error, Kind, Result};

/// Largest file that is taken for a picture, bytes.
const LARGEST: u64 = 256 << 20;

/// How pictures are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlikeOptions {
    /// How alike two pictures must be, 0 to 1; 1 asks for the same layout and levels.
    pub similarity: f32,
}

impl Default for AlikeOptions {
    fn default() -> Self {
        Self { similarity: DEFAULT_SIMILARITY }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Alike {
    /// Pictures that were compared.
    pub pictures: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Pictures that show what an earlier one shows, in order of path.
    pub copies: Vec<Copy>,
    /// Bytes of the copies' files: what could be saved.
    pub spare: u64,
    /// Files that could not be compared.
    pub unreadable: Vec<Unreadable>,
}

/// A picture that shows what another one shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// The copy's file.
    pub file: PathBuf,
    /// The first picture, in order of path, that shows it; never a copy itself.
    pub of: PathBuf,
    /// Bits by which the nearer of their two 64-bit hashes differs.
    pub distance: u32,
    /// Bytes of the copy's file.
    pub bytes: u64,
}

/// A file that could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The file.
    pub file: PathBuf,
    /// Why.
    pub why: String,
}

/// Finds the pictures (JPEG, PNG, WebP) among `sources`, files or folders, that show the same as an
/// earlier one, whatever format and size they have. All cores decode; some 4 KB of memory are held
/// for each picture that is no copy. `done` is told after each picture how many are done, of how
/// many. Nothing is changed. Dropping the future ends the work.
///
/// # Errors
/// `NotFound` or `Invalid` when a source cannot be read, `NotFound` when there is no picture, and
/// `Invalid` for a similarity outside 0 to 1. A picture that cannot be decoded is no error but
/// named in the answer.
pub async fn alike(
    sources: Vec<PathBuf>,
    options: AlikeOptions,
    mut done: impl FnMut(u64, u64),
) -> Result<Alike> {
    if !(0.0..=1.0).contains(&options.similarity) {
        let text = format!("similarity must be from 0 to 1, not {}", options.similarity);
        return Err(Error::invalid(text));
    }
    let files = aside(move || pictures(&sources)).await?;
    if files.is_empty() {
        return Err(Error::not_found("no JPEG, PNG or WebP picture there"));
    }
    let all = files.len() as u64;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let looked = |file: PathBuf| aside(move || Ok(look(file)));
    let mut prints = std::pin::pin!(futures::stream::iter(files).map(looked).buffered(workers));
    let mut seen = Seen::new(options.similarity);
    let mut found = Alike::default();
    while let Some(looked) = prints.next().await {
        match looked? {
            Ok((file, bytes, print)) => {
                found.pictures += 1;
                found.bytes += bytes;
                seen.take(file, bytes, print, &mut found);
            }
            Err(unreadable) => found.unreadable.push(unreadable),
        }
        done(found.pictures + found.unreadable.len() as u64, all);
    }
    Ok(found)
}

type Looked = std::result::Result<(PathBuf, u64, Print), Unreadable>;

fn look(file: PathBuf) -> Looked {
    match print(&file) {
        Ok((bytes, print)) => Ok((file, bytes, print)),
        Err(error) => Err(Unreadable { why: error.to_string(), file }),
    }
}

fn print(file: &Path) -> Result<(u64, Print)> {
    let unread = |error: std::io::Error| Error::caused(Kind::Invalid, error.to_string(), error);
    let bytes = std::fs::metadata(file).map_err(unread)?.len();
    if bytes > LARGEST {
        let text = format!("{bytes} bytes are too many for a picture; at most {LARGEST}");
        return Err(Error::new(Kind::TooLarge, text));
    }
    let data = std::fs::read(file).map_err(unread)?;
    Ok((bytes, Print::of(&decode(&data, Limits::default())?)?))
}

/// The pictures that are no copies.
struct Seen {
    similarity: f32,
    originals: Vec<(Arc<Path>, Print)>,
    by_layout: Index,
    by_gradient: Index,
}

impl Seen {
    fn new(similarity: f32) -> Self {
        Self {
            similarity,
            originals: Vec::new(),
            by_layout: Index::default(),
            by_gradient: Index::default(),
        }
    }

    fn take(&mut self, file: PathBuf, bytes: u64, print: Print, found: &mut Alike) {
        if let Some((of, distance)) = self.original_of(&print) {
            found.spare += bytes;
            found.copies.push(Copy { file, of: of.to_path_buf(), distance, bytes });
            return;
        }
        // As many pictures as that do not fit into memory.
        let Ok(id) = u32::try_from(self.originals.len()) else { return };
        self.by_layout.insert(print.phash, id);
        self.by_gradient.insert(print.dhash, id);
        self.originals.push((file.into(), print));
    }

    /// The first of the originals that shows the same.
    fn original_of(&self, print: &Print) -> Option<(Arc<Path>, u32)> {
        let radius = Print::radius(self.similarity);
        let mut near: Vec<u32> = [
            self.by_layout.within(print.phash, radius),
            self.by_gradient.within(print.dhash, radius),
        ]
        .iter()
        .flatten()
        .map(|near| near.id)
        .collect();
        near.sort_unstable();
        near.dedup();
        let mut candidates = near.iter().filter_map(|id| self.originals.get(*id as usize));
        let (file, original) =
            candidates.find(|(_, original)| original.resembles(print, self.similarity))?;
        Some((Arc::clone(file), original.distance(print)))
    }
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::caused(Kind::Internal, "a picture was interrupted", error))?
}
