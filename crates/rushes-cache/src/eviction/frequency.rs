//! How often keys were asked for that are not here now, by two counters each that others share: the
//! smaller one is nearer to the truth (Cormode, Muthukrishnan, "An Improved Data Stream Summary:
//! The Count-Min Sketch", J. Algorithms 2005).

/// Counters for each entry that is expected.
const FOR_EACH: usize = 4;
const LEAST: usize = 1 << 12;

/// Older references count half after so many evictions for each entry.
const PERIOD: usize = 8;

pub(super) struct Frequencies {
    /// As many as a power of two.
    counters: Box<[u8]>,
    evictions: usize,
}

impl Frequencies {
    pub(super) fn new(entries: usize) -> Self {
        let len = entries.saturating_mul(FOR_EACH).max(LEAST).next_power_of_two();
        Self { counters: vec![0; len].into(), evictions: 0 }
    }

    /// How often a key was asked for, at most.
    pub(super) fn recall(&self, hash: u32) -> u8 {
        self.places(hash).map(|at| self.counters[at]).into_iter().min().unwrap_or_default()
    }

    /// Notes how often the key of an entry that leaves was asked for. Answers whether older
    /// references shall count half from now on, where there are so many `entries`.
    pub(super) fn remember(&mut self, hash: u32, seen: u8, entries: usize) -> bool {
        for at in self.places(hash) {
            self.counters[at] = self.counters[at].max(seen);
        }
        self.evictions += 1;
        if self.evictions < entries * PERIOD {
            return false;
        }
        self.evictions = 0;
        self.counters.iter_mut().for_each(|counter| *counter /= 2);
        true
    }

    fn places(&self, hash: u32) -> [usize; 2] {
        let mixed = u64::from(hash).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let place = |bits: u64| bits as usize & (self.counters.len() - 1);
        [
            place(mixed >> 32),
            place((mixed ^ (mixed >> 29)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 32),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_recalled_and_fades() {
        let mut frequencies = Frequencies::new(100);
        frequencies.remember(7, 8, 100);
        assert_eq!((frequencies.recall(7), frequencies.recall(8)), (8, 0));
        let halved = (0..800).filter(|_| frequencies.remember(9, 1, 100)).count();
        assert_eq!((halved, frequencies.recall(7)), (1, 4));
    }
}
