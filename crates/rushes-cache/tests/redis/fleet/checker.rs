//! What must hold of a history.
//!
//! 1. No read failed.
//! 2. No read answers a version that was not yet being written when it ended.
//! 3. A read of the process that wrote answers at least what was acknowledged before it began.
//! 4. A read that shows a token answers at least what the token stands for.
//! 5. Any other read answers at least what was told to the others a bound before it began.

use std::collections::HashMap;

use super::history::{Deed, Line, Nanos};

/// A write of one key; versions of a key grow with time, as each key has one writer.
struct Written {
    version: u64,
    process: u32,
    begin: Nanos,
    end: Nanos,
    /// When the others could hear of it; `None`: never, as far as is known.
    told: Option<Nanos>,
}

/// What a history was good for.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) reads: usize,
    pub(super) writes: usize,
    /// Reads that showed a token.
    pub(super) with_token: usize,
    /// Reads of other processes that had to see a write, by rule 5.
    pub(super) bound: usize,
    /// Writes that were acknowledged before the others could be told.
    pub(super) untold: usize,
    /// What broke a rule, the first few.
    pub(super) broken: Vec<String>,
}

impl Verdict {
    /// Adds what another history was good for.
    pub(super) fn add(&mut self, other: Self) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.with_token += other.with_token;
        self.bound += other.bound;
        self.untold += other.untold;
        self.broken.extend(other.broken);
    }
}

const MOST: usize = 10;

/// Holds a history against the rules; `bound` in nanoseconds is that of rule 5.
pub(super) fn check(history: &[Line], bound: Nanos) -> Verdict {
    let writes = writes(history);
    let late = |write: &&Written| write.told != Some(write.end);
    let mut verdict = Verdict {
        writes: writes.values().map(Vec::len).sum(),
        untold: writes.values().flatten().filter(late).count(),
        ..Verdict::default()
    };
    for line in history {
        let problem = match line.deed {
            Deed::Failed { .. } => Some("a read failed"),
            Deed::Read { key, .. } => {
                let writes = writes.get(&key).map_or(&[][..], Vec::as_slice);
                wrong(line, writes, bound, &mut verdict)
            }
            Deed::Write { .. } | Deed::Settled { .. } => None,
        };
        if let (Some(problem), true) = (problem, verdict.broken.len() < MOST) {
            verdict.broken.push(format!("{problem}: process {} {:?}", line.process, line.deed));
        }
    }
    verdict
}

fn wrong(
    line: &Line,
    writes: &[Written],
    bound: Nanos,
    verdict: &mut Verdict,
) -> Option<&'static str> {
    let Deed::Read { version, begin, end, least, .. } = line.deed else { return None };
    verdict.reads += 1;
    verdict.with_token += usize::from(least > 0);
    let started = writes.partition_point(|write| write.begin <= end);
    let newest = writes[..started].last().map_or(0, |write| write.version);
    let latest = |chosen: &dyn Fn(&Written) -> bool| {
        writes[..started].iter().rev().find(|write| chosen(write)).map_or(0, |write| write.version)
    };
    let own = latest(&|write| write.process == line.process && write.end < begin);
    let heard = latest(&|write| write.told.is_some_and(|told| told.saturating_add(bound) < begin));
    verdict.bound += usize::from(heard > own && heard > least);
    match version {
        _ if version > newest => Some("a version from the future"),
        _ if version < own => Some("stale after acknowledgement where it was written"),
        _ if version < least => Some("stale in spite of a token"),
        _ if version < heard => Some("stale beyond the bound"),
        _ => None,
    }
}

/// The writes of each key in their order, with the time when the others could hear of them.
fn writes(history: &[Line]) -> HashMap<u32, Vec<Written>> {
    let mut settled: HashMap<u32, Vec<Nanos>> = HashMap::new();
    for line in history {
        if let Deed::Settled { at } = line.deed {
            settled.entry(line.process).or_default().push(at);
        }
    }
    settled.values_mut().for_each(|times| times.sort_unstable());
    let mut writes: HashMap<u32, Vec<Written>> = HashMap::new();
    for line in history {
        let Deed::Write { key, version, begin, end, told } = line.deed else { continue };
        let later = || {
            let times = settled.get(&line.process)?;
            times.get(times.partition_point(|at| *at <= end)).copied()
        };
        let told = if told { Some(end) } else { later() };
        let written = Written { version, process: line.process, begin, end, told };
        writes.entry(key).or_default().push(written);
    }
    writes.values_mut().for_each(|writes| writes.sort_unstable_by_key(|write| write.version));
    writes
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Nanos = 100;

    fn write(process: u32, version: u64, begin: Nanos, end: Nanos, told: bool) -> Line {
        Line { process, deed: Deed::Write { key: 1, version, begin, end, told } }
    }

    fn read(process: u32, version: u64, begin: Nanos, least: u64) -> Line {
        Line { process, deed: Deed::Read { key: 1, version, begin, end: begin + 5, least } }
    }

    fn broken(history: &[Line]) -> usize {
        check(history, BOUND).broken.len()
    }

    #[test]
    fn a_good_history_is_accepted() {
        let history = [
            read(1, 0, 1, 0),
            write(0, 1, 10, 20, true),
            read(0, 1, 21, 0),
            // Another process may lag, while it is being written and for a bound after that.
            read(1, 0, 15, 0),
            read(1, 1, 15, 0),
            read(1, 0, 119, 0),
            read(1, 1, 121, 0),
            write(0, 2, 200, 210, false),
            read(1, 1, 1_000, 0),
            Line { process: 0, deed: Deed::Settled { at: 2_000 } },
            read(1, 1, 2_050, 0),
            read(1, 2, 2_101, 0),
        ];
        let verdict = check(&history, BOUND);
        assert_eq!((verdict.broken.len(), verdict.reads, verdict.untold), (0, 9, 1), "{verdict:?}");
        assert!(verdict.bound >= 2, "{verdict:?}");
    }

    #[test]
    fn each_broken_rule_is_noticed() {
        let written = write(0, 1, 10, 20, true);
        assert_eq!(broken(&[written, read(0, 0, 21, 0)]), 1, "stale where it was written");
        assert_eq!(broken(&[written, read(1, 0, 21, 1)]), 1, "stale in spite of a token");
        assert_eq!(broken(&[written, read(1, 0, 121, 0)]), 1, "stale beyond the bound");
        assert_eq!(broken(&[written, read(1, 2, 121, 0)]), 1, "from the future");
        assert_eq!(broken(&[read(1, 1, 1, 0), written]), 1, "before it was written");
        let owed = write(0, 1, 10, 20, false);
        let settled = Line { process: 0, deed: Deed::Settled { at: 500 } };
        assert_eq!(broken(&[owed, settled, read(1, 0, 601, 0)]), 1, "stale after it was told");
        assert_eq!(broken(&[owed, read(0, 0, 21, 0)]), 1, "stale where it was written, untold");
        let failed = Line { process: 1, deed: Deed::Failed { key: 1, at: 3 } };
        assert_eq!(broken(&[failed]), 1, "a failed read");
    }
}
