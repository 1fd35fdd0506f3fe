//! What prefetching may cost, as a share of what is asked for: so many queries and so many bytes
//! for each read that somebody made. Whatever the pattern, and however bad the guesses, the source
//! never does more than that on top.

/// Queries ahead for each read on demand, and bytes of segments.
const QUERIES: f64 = 2.0;
const BYTES: f64 = 128e3;
/// What is not used is saved up, for at most so many reads.
const SAVED: f64 = 100.0;

/// An account that reads on demand pay into.
#[derive(Debug, Default)]
pub(super) struct Budget {
    queries: f64,
    bytes: f64,
    /// Reads that have paid in so far.
    paid_in: u64,
}

impl Budget {
    /// Pays for one query, if there is enough for it and for what it may bring. `reads` is how
    /// many were made on demand so far.
    pub(super) fn pay_query(&mut self, reads: u64) -> bool {
        let new = reads.saturating_sub(self.paid_in) as f64;
        self.paid_in = self.paid_in.max(reads);
        self.queries = (self.queries + new * QUERIES).min(QUERIES * SAVED);
        self.bytes = (self.bytes + new * BYTES).min(BYTES * SAVED);
        let enough = self.queries >= 1.0 && self.bytes > 0.0;
        self.queries -= f64::from(u8::from(enough));
        enough
    }

    /// Pays for what a query brought; a debt is paid off before the next.
    pub(super) fn pay_bytes(&mut self, bytes: u64) {
        self.bytes -= bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_bounded_by_reads_and_saved_up_for_a_while() {
        let mut budget = Budget::default();
        assert!(!budget.pay_query(0));
        let paid =
            |budget: &mut Budget, reads| (0..10_000).filter(|_| budget.pay_query(reads)).count();
        assert_eq!(paid(&mut budget, 10), 20);
        assert_eq!(paid(&mut budget, 10), 0);
        assert_eq!(paid(&mut budget, 100_000), 200);
    }

    #[test]
    fn a_debt_of_bytes_is_paid_off_by_reads() {
        let mut budget = Budget::default();
        assert!(budget.pay_query(10));
        budget.pay_bytes(BYTES as u64 * 20);
        assert!(!budget.pay_query(15));
        assert!(budget.pay_query(25));
    }
}
