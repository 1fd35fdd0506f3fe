//! The disk tier's records: segment files that are only appended to, an index in memory.
//!
//! The oldest segment goes as a whole when room is needed, so bounding costs one `unlink` and
//! rewrites nothing. A segment that is full gets its part of the index written beside it; on
//! opening only a segment without one (the one that was being written) is walked through.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::index;
use crate::entry::{HEADER, Header, read_seen};

/// A key's name in the index: the first half of its BLAKE3 hash. The record has the key in full.
pub(crate) type Name = u128;

/// Memory that the index takes per record: a slot at the map's usual load, and its name again in
/// the list of its segment.
pub(crate) const INDEX_BYTES: u64 = 80;

/// The name of a key's bytes.
pub(crate) fn name(key: &[u8]) -> Name {
    let digest = blake3::hash(key);
    digest.as_bytes().first_chunk().map_or(0, |bytes| Name::from_le_bytes(*bytes))
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) segment: u64,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// One file of records.
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) file: Arc<File>,
    /// Bytes of whole records.
    pub(crate) length: u64,
    /// The lowest generation that one of its records has seen.
    pub(crate) oldest: u64,
    pub(crate) records: Vec<(Name, Slot)>,
}

pub(crate) struct Segments {
    folder: PathBuf,
    capacity: u64,
    segment_bytes: u64,
    /// The oldest first; the last one is written to.
    segments: VecDeque<Segment>,
    /// The number of the next segment; never used twice, as a reader may still hold a slot.
    next: u64,
    index: HashMap<Name, Slot, RandomState>,
    pub(crate) evictions: u64,
}

impl Segments {
    /// Opens what is in the folder.
    pub(crate) fn open(folder: &Path, capacity: u64) -> io::Result<Self> {
        let mut ids: Vec<u64> = fs::read_dir(folder)?
            .filter_map(|file| id_of(&file.ok()?.file_name().into_string().ok()?))
            .collect();
        ids.sort_unstable();
        // Many segments, so that little goes at a time; bounded, so that few files are open.
        let segment_bytes = (capacity / 32).clamp(256 << 10, 128 << 20).min(capacity / 4);
        let mut all = Self {
            folder: folder.to_owned(),
            capacity,
            segment_bytes,
            segments: VecDeque::new(),
            next: ids.last().map_or(1, |last| last + 1),
            index: HashMap::default(),
            evictions: 0,
        };
        for id in ids {
            all.adopt(id)?;
        }
        // In one go: a table that grows on the way is filled twice over.
        all.index.reserve(all.segments.iter().map(|segment| segment.records.len()).sum());
        for segment in &all.segments {
            all.index.extend(segment.records.iter().copied());
        }
        all.make_room(0)?;
        Ok(all)
    }

    fn adopt(&mut self, id: u64) -> io::Result<()> {
        let path = self.path(id);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let length = file.metadata()?.len();
        let segment = match index::read(&path.with_extension("index"), id, length) {
            Some((oldest, records)) => {
                Segment { id, file: Arc::new(file), length, oldest, records }
            }
            None => walk(id, file, length)?,
        };
        self.segments.push_back(segment);
        Ok(())
    }

    /// Where the record of this name lies.
    pub(crate) fn find(&self, name: Name) -> Option<(Arc<File>, Slot)> {
        let slot = *self.index.get(&name)?;
        let segment = self.segments.iter().rev().find(|segment| segment.id == slot.segment)?;
        Some((Arc::clone(&segment.file), slot))
    }

    /// Appends a record; `seen` is the lowest generation in it. Answers whether it was taken: one
    /// larger than a segment is not.
    ///
    /// # Errors
    /// When the disk is full or broken; nothing is changed then.
    pub(crate) fn append(&mut self, name: Name, record: &[u8], seen: u64) -> io::Result<bool> {
        let bytes = record.len() as u64;
        let Ok(length) = u32::try_from(record.len()) else { return Ok(false) };
        if bytes + INDEX_BYTES > self.segment_bytes {
            return Ok(false);
        }
        self.make_room(bytes + INDEX_BYTES)?;
        let Some(active) = self.writable(bytes)? else { return Ok(false) };
        // A failed write leaves garbage behind `length`; the next one overwrites it.
        active.file.write_all_at(record, active.length)?;
        let offset = u32::try_from(active.length).unwrap_or(u32::MAX);
        let slot = Slot { segment: active.id, offset, length };
        active.length += bytes;
        active.oldest = active.oldest.min(seen);
        active.records.push((name, slot));
        self.index.insert(name, slot);
        Ok(true)
    }

    /// The segment to append to, a new one when the last is full.
    fn writable(&mut self, bytes: u64) -> io::Result<Option<&mut Segment>> {
        let full = |segment: &Segment| segment.length + bytes > self.segment_bytes;
        if self.segments.back().is_none_or(full) {
            self.write_index()?;
            let id = self.next;
            self.next += 1;
            let options = OpenOptions::new().read(true).write(true).create_new(true).to_owned();
            let file = Arc::new(options.open(self.path(id))?);
            let records = Vec::new();
            self.segments.push_back(Segment { id, file, length: 0, oldest: u64::MAX, records });
        }
        Ok(self.segments.back_mut())
    }

    /// Writes the last segment's part of the index beside it.
    pub(crate) fn write_index(&self) -> io::Result<()> {
        let Some(segment) = self.segments.back() else { return Ok(()) };
        index::write(&self.path(segment.id).with_extension("index"), segment)
    }

    /// Drops the oldest segments until `bytes` more fit.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        while self.bytes() + bytes > self.capacity {
            let Some(oldest) = self.segments.pop_front() else { return Ok(()) };
            for (name, slot) in &oldest.records {
                if self.index.get(name) == Some(slot) {
                    self.index.remove(name);
                    self.evictions += 1;
                }
            }
            self.delete(oldest.id)?;
        }
        Ok(())
    }

    fn delete(&self, id: u64) -> io::Result<()> {
        let path = self.path(id);
        match fs::remove_file(path.with_extension("index")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::remove_file(path)
    }

    /// Drops a record, when it is still the one at `slot`.
    pub(crate) fn forget(&mut self, name: Name, slot: Slot) {
        if self.index.get(&name) == Some(&slot) {
            self.index.remove(&name);
        }
    }

    /// Brings all records to the disk itself.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.segments.iter().try_for_each(|segment| segment.file.sync_data())
    }

    /// The lowest generation that a record has seen; `None` when there is no record.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.segments.iter().map(|segment| segment.oldest).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes of records on the disk and of the index for them.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = |segment: &Segment| segment.length + segment.records.len() as u64 * INDEX_BYTES;
        self.segments.iter().map(bytes).sum()
    }

    fn path(&self, id: u64) -> PathBuf {
        self.folder.join(format!("{id:016x}.segment"))
    }
}

/// The number in the name of a segment's file.
fn id_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_suffix(".segment")?, 16).ok()
}

/// Steps from record to record; what follows the last whole one is cut off. Only the lengths are
/// trusted here: the digest is checked when a record is read.
fn walk(id: u64, file: File, length: u64) -> io::Result<Segment> {
    let (mut at, mut oldest, mut records) = (0, u64::MAX, Vec::new());
    let mut head = [0; HEADER];
    while at + HEADER as u64 <= length {
        file.read_exact_at(&mut head, at)?;
        let Some(header) = Header::read(&head) else { break };
        let Some(bytes) = header.record_length().filter(|bytes| at + *bytes as u64 <= length)
        else {
            break;
        };
        let mut rest = vec![0; header.scopes * 16 + header.key];
        file.read_exact_at(&mut rest, at + HEADER as u64)?;
        let (seen, key) = rest.split_at(header.scopes * 16);
        let lowest = seen.chunks_exact(16).filter_map(read_seen).map(|seen| seen.generation).min();
        oldest = oldest.min(lowest.unwrap_or_default());
        let (Ok(offset), Ok(length)) = (u32::try_from(at), u32::try_from(bytes)) else { break };
        records.push((name(key), Slot { segment: id, offset, length }));
        at += bytes as u64;
    }
    file.set_len(at)?;
    Ok(Segment { id, file: Arc::new(file), length: at, oldest, records })
}
