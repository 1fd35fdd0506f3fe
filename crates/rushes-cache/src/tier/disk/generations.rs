//! The disk tier's generations: in memory for reading, in a log for the next start.
//!
//! Each invalidation takes the next number and appends one (scope, number) pair per scope. A
//! record is dead when one of its scopes has a number above the one seen before its load, or when
//! that is below the floor. Scopes no record needs any more are dropped from the log when it is
//! rewritten; the floor rises to the highest number dropped, so that a late put cannot slip under.
//!
//! A `write` survives the death of the process, not of the machine. The session file tells the
//! two apart (see [`super::session`]).

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::entry::{Seen, read_seen};

/// Bytes of one pair in the log.
const PAIR: usize = 16;
/// Names that no scope has: the log's first two pairs carry the sequence and the floor.
const SEQUENCE: u64 = 0;
const FLOOR: u64 = 1;
/// The most scopes remembered one by one (32 bytes each in memory); beyond, the floor rises.
const MOST_SCOPES: usize = if cfg!(test) { 24 } else { 1 << 18 };
/// A log with fewer pairs than this is not worth rewriting.
const REWRITE_FROM: usize = if cfg!(test) { 8 } else { 4_096 };

pub(crate) struct Generations {
    path: PathBuf,
    log: File,
    pairs: usize,
    sequence: u64,
    floor: u64,
    raised: HashMap<u64, u64>,
}

impl Generations {
    /// Opens the log in `folder`, or begins one.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("generations.log");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let log = OpenOptions::new().append(true).create(true).open(&path)?;
        let pairs = bytes.len() / PAIR;
        // A half-written pair at the end was never acknowledged.
        log.set_len((pairs * PAIR) as u64)?;
        let raised = HashMap::new();
        let mut all = Self { path, log, pairs, sequence: 0, floor: 0, raised };
        bytes.chunks_exact(PAIR).filter_map(read_seen).for_each(|pair| all.replay(pair));
        Ok(all)
    }

    fn replay(&mut self, Seen { scope, generation }: Seen) {
        match scope {
            SEQUENCE => {}
            FLOOR => self.floor = self.floor.max(generation),
            scope => drop(self.raised.insert(scope, generation)),
        }
        self.sequence = self.sequence.max(generation);
    }

    /// The number of the latest invalidation: what a load that begins now has seen.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether nothing that was seen has been raised since.
    pub(crate) fn hold(&self, seen: &[Seen]) -> bool {
        let holds = |seen: &Seen| {
            let raised = self.raised.get(&named(seen.scope)).copied().unwrap_or_default();
            raised.max(self.floor) <= seen.generation
        };
        seen.iter().all(holds)
    }

    /// Raises scopes. They count at once, whether or not the log took them.
    ///
    /// # Errors
    /// When the log could not be written: the next start must not trust the records.
    pub(crate) fn raise(&mut self, scopes: &[u64]) -> io::Result<()> {
        self.sequence += 1;
        let mut pairs = Vec::with_capacity(scopes.len() * PAIR);
        for scope in scopes.iter().copied().map(named) {
            self.raised.insert(scope, self.sequence);
            push(&mut pairs, scope, self.sequence);
        }
        self.pairs += scopes.len();
        self.log.write_all(&pairs)
    }

    /// The number of an invalidation that begins now and is noted elsewhere.
    pub(crate) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Goes on behind a number that was given before the restart.
    pub(crate) fn resume(&mut self, number: u64) {
        self.sequence = self.sequence.max(number);
    }

    /// Below this number everything is dead.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Kills everything that has seen less than `floor`.
    ///
    /// # Errors
    /// As [`Generations::raise`].
    pub(crate) fn raise_floor(&mut self, floor: u64) -> io::Result<()> {
        self.floor = self.floor.max(floor);
        self.pairs += 1;
        let mut pair = Vec::with_capacity(PAIR);
        push(&mut pair, FLOOR, self.floor);
        self.log.write_all(&pair)
    }

    /// Rewrites the log without what no record needs, when that is worth it. `oldest` is the
    /// lowest number that a kept record has seen.
    pub(crate) fn shorten(&mut self, oldest: u64) -> io::Result<()> {
        let crowded = self.raised.len() > MOST_SCOPES;
        if !crowded && self.pairs < REWRITE_FROM.max(self.raised.len() * 2) {
            return Ok(());
        }
        let below = if crowded { oldest.max(self.middle()) } else { oldest };
        self.floor = self.floor.max(below);
        self.raised.retain(|_, generation| *generation > below);
        self.rewrite()
    }

    /// The number that half of the scopes are at or below.
    fn middle(&self) -> u64 {
        let mut all: Vec<u64> = self.raised.values().copied().collect();
        let half = all.len() / 2;
        *all.select_nth_unstable(half).1
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let mut bytes = Vec::with_capacity((self.raised.len() + 2) * PAIR);
        push(&mut bytes, SEQUENCE, self.sequence);
        push(&mut bytes, FLOOR, self.floor);
        self.raised.iter().for_each(|(scope, generation)| push(&mut bytes, *scope, *generation));
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, &bytes)?;
        fs::rename(&fresh, &self.path)?;
        self.log = OpenOptions::new().append(true).open(&self.path)?;
        self.pairs = bytes.len() / PAIR;
        Ok(())
    }

    /// Brings the log to the disk itself.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.log.sync_all()
    }
}

fn push(bytes: &mut Vec<u8>, scope: u64, generation: u64) {
    bytes.extend_from_slice(&scope.to_le_bytes());
    bytes.extend_from_slice(&generation.to_le_bytes());
}

/// A scope's name in the log, clear of the two that mean something else.
fn named(scope: u64) -> u64 {
    scope.max(FLOOR + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Operation {
        Raise(u64),
        /// A load of these scopes begins.
        Stamp(u64, u64),
        /// The n-th record is evicted.
        Evict(usize),
        Reopen,
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            6 => (0..40u64).prop_map(Operation::Raise),
            4 => (0..40u64, 0..40u64).prop_map(|(one, two)| Operation::Stamp(one, two)),
            2 => any::<usize>().prop_map(Operation::Evict),
            1 => Just(Operation::Reopen),
        ]
    }

    /// A record, and whether a scope of it was raised since.
    struct Record {
        seen: [Seen; 2],
        dead: bool,
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        /// However often the log is rewritten and reopened, no record comes back to life; and
        /// while scopes are few, none is dropped needlessly.
        #[test]
        fn nothing_raised_is_ever_forgotten(
            operations in prop::collection::vec(operation(), 1..300),
            few in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut generations = Generations::open(folder.path()).unwrap();
            let mut records: Vec<Record> = Vec::new();
            // A load from before everything, put whenever it likes.
            let late = [Seen { scope: 3, generation: 0 }];
            let mut late_dead = false;
            for operation in operations {
                let narrow = |scope: u64| if few { scope % 10 } else { scope };
                match operation {
                    Operation::Raise(scope) => {
                        let scope = narrow(scope);
                        generations.raise(&[scope]).unwrap();
                        let hit = |record: &Record| record.seen.iter().any(|s| named(s.scope) == named(scope));
                        records.iter_mut().filter(|r| hit(r)).for_each(|r| r.dead = true);
                        late_dead |= scope == 3;
                        let kept = records.iter().map(|record| record.seen[0].generation).min();
                        generations.shorten(kept.unwrap_or(generations.sequence())).unwrap();
                    }
                    Operation::Stamp(one, two) => {
                        let generation = generations.sequence();
                        let seen = [one, two].map(|scope| Seen { scope: narrow(scope), generation });
                        records.push(Record { seen, dead: false });
                    }
                    Operation::Evict(n) if !records.is_empty() => {
                        records.swap_remove(n % records.len());
                    }
                    Operation::Evict(_) => {}
                    Operation::Reopen => generations = Generations::open(folder.path()).unwrap(),
                }
                for record in &records {
                    let holds = generations.hold(&record.seen);
                    prop_assert!(!(record.dead && holds), "a dead record came back");
                    prop_assert!(!few || record.dead || holds, "a live record was dropped");
                }
                prop_assert!(!(late_dead && generations.hold(&late)), "a late load slipped under");
                prop_assert!(generations.raised.len() <= MOST_SCOPES + 1);
            }
        }
    }

    #[test]
    fn the_log_stays_short() {
        let folder = tempfile::tempdir().unwrap();
        let mut generations = Generations::open(folder.path()).unwrap();
        for n in 0..1_000 {
            generations.raise(&[n % 10]).unwrap();
            generations.shorten(0).unwrap();
        }
        assert!(fs::metadata(&generations.path).unwrap().len() <= 64 * PAIR as u64);
        assert_eq!(Generations::open(folder.path()).unwrap().sequence(), 1_000);
    }
}
