//! Patterns that were invalidated: in memory for reading, in a log for the next start.
//!
//! A record whose key a pattern matches is dead when the lowest generation it has seen is below the
//! pattern's number. A pattern is kept as long as a record may have seen less; dropping it raises
//! the floor of the generations to its number, so that a late put cannot slip under.
//!
//! The log has, for each: the number (8 bytes), the length (4), and the pattern's own bytes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::key::Key;
use crate::pattern::Pattern;

/// Checked one by one; beyond, the floor rises.
const MOST: usize = if cfg!(test) { 4 } else { 256 };
/// A log with fewer entries than this is not worth rewriting.
const REWRITE_FROM: usize = if cfg!(test) { 4 } else { 1_024 };

pub(crate) struct Patterns {
    path: PathBuf,
    log: File,
    logged: usize,
    kept: Vec<(u64, Pattern)>,
}

impl Patterns {
    /// Opens the log in `folder`, or begins one. Tells also whether all of it could be read: if
    /// not, no record may be trusted.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, bool)> {
        let path = folder.join("patterns.log");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let log = OpenOptions::new().append(true).create(true).open(&path)?;
        let mut all = Self { path, log, logged: 0, kept: Vec::new() };
        let mut rest = bytes.as_slice();
        let mut whole = true;
        while let Some((number, pattern, behind)) = next(rest) {
            match pattern {
                Some(pattern) => all.keep(number, pattern),
                None => whole = false,
            }
            all.logged += 1;
            rest = behind;
        }
        // A half-written entry at the end was never acknowledged.
        all.log.set_len((bytes.len() - rest.len()) as u64)?;
        Ok((all, whole))
    }

    /// The highest number.
    pub(crate) fn latest(&self) -> u64 {
        self.kept.iter().map(|(number, _)| *number).max().unwrap_or_default()
    }

    /// Whether an entry of this key that has seen `seen` at least is dead.
    pub(crate) fn cover(&self, key: &Key, seen: u64) -> bool {
        self.kept.iter().any(|(number, pattern)| seen < *number && pattern.matches(key))
    }

    /// Adds a pattern. It counts at once, whether or not the log took it.
    ///
    /// # Errors
    /// When the log could not be written: the next start must not trust the records.
    pub(crate) fn add(&mut self, number: u64, pattern: &Pattern) -> io::Result<()> {
        self.keep(number, pattern.clone());
        self.logged += 1;
        self.log.write_all(&entry(number, pattern))
    }

    /// The number to which the floor has to rise, when there are too many to check: that of the
    /// middle one, or `oldest`, the lowest that a kept record has seen.
    pub(crate) fn crowded(&self, oldest: u64) -> Option<u64> {
        let middle = self.kept.get(self.kept.len() / 2).map_or(0, |(number, _)| *number);
        (self.kept.len() > MOST).then(|| middle.max(oldest))
    }

    /// Drops those up to the floor, which must have been raised before, and shortens the log when
    /// that is worth it.
    pub(crate) fn drop_to(&mut self, floor: u64) -> io::Result<()> {
        self.kept.retain(|(number, _)| *number > floor);
        if self.logged < REWRITE_FROM.max(self.kept.len() * 2) {
            return Ok(());
        }
        let bytes: Vec<u8> =
            self.kept.iter().flat_map(|(number, own)| entry(*number, own)).collect();
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, &bytes)?;
        fs::rename(&fresh, &self.path)?;
        self.log = OpenOptions::new().append(true).open(&self.path)?;
        self.logged = self.kept.len();
        Ok(())
    }

    /// Brings the log to the disk itself.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.log.sync_all()
    }

    /// In the order of their numbers; a pattern that comes again takes the place of the older one.
    fn keep(&mut self, number: u64, pattern: Pattern) {
        self.kept.retain(|(_, own)| *own != pattern);
        self.kept.push((number, pattern));
    }
}

fn entry(number: u64, pattern: &Pattern) -> Vec<u8> {
    let own = pattern.to_bytes();
    let length = u32::try_from(own.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&number.to_le_bytes()[..], &length, &own].concat()
}

/// The first entry, when it is whole, and what follows; no pattern when it is damaged.
fn next(bytes: &[u8]) -> Option<(u64, Option<Pattern>, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (own, behind) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((u64::from_le_bytes(*number), Pattern::from_bytes(own), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(n: u64) -> Pattern {
        Pattern::within("n", &format!("{n}*"))
    }

    #[test]
    fn patterns_hold_over_a_restart_also_when_the_last_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let (mut patterns, _) = Patterns::open(folder.path()).unwrap();
        patterns.add(5, &pattern(1)).unwrap();
        patterns.add(6, &pattern(2)).unwrap();
        let log = folder.path().join("patterns.log");
        let length = fs::metadata(&log).unwrap().len();
        OpenOptions::new().write(true).open(&log).unwrap().set_len(length - 1).unwrap();
        let (mut patterns, whole) = Patterns::open(folder.path()).unwrap();
        let (one, two) = (Key::new("n", "1a"), Key::new("n", "2a"));
        assert!(whole && patterns.cover(&one, 4) && !patterns.cover(&one, 5));
        assert!(!patterns.cover(&two, 0) && !patterns.cover(&Key::new("m", "1a"), 0));
        patterns.add(7, &pattern(2)).unwrap();
        let (patterns, _) = Patterns::open(folder.path()).unwrap();
        assert!(patterns.cover(&two, 6), "what followed the torn entry was lost");
        assert_eq!(patterns.latest(), 7);
    }

    #[test]
    fn a_damaged_pattern_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut patterns, _) = Patterns::open(folder.path()).unwrap();
        patterns.add(5, &pattern(1)).unwrap();
        let log = folder.path().join("patterns.log");
        let mut bytes = fs::read(&log).unwrap();
        bytes[12] = 9;
        fs::write(&log, bytes).unwrap();
        assert!(!Patterns::open(folder.path()).unwrap().1);
    }

    #[test]
    fn the_log_and_the_list_stay_short() {
        let folder = tempfile::tempdir().unwrap();
        let (mut patterns, _) = Patterns::open(folder.path()).unwrap();
        for number in 1..=100 {
            patterns.add(number, &pattern(number)).unwrap();
            if let Some(floor) = patterns.crowded(0) {
                patterns.drop_to(floor).unwrap();
            }
            assert!(patterns.kept.len() <= MOST && patterns.logged <= 4 * MOST);
        }
        for number in 101..=200 {
            patterns.add(number, &pattern(0)).unwrap();
            patterns.drop_to(0).unwrap();
        }
        assert!(patterns.logged <= 4 * MOST, "{} logged", patterns.logged);
    }
}
