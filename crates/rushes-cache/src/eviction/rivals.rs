//! Which policy is best now? One small copy of memory for each of them follows a sample of the
//! keys, and memory goes by the one that would have hit most lately.
//!
//! A change has its price: what the new policy would have kept is not there yet. At most all
//! entries are missed once, so memory changes when the other one would have saved a good part of
//! as many misses, and neither chance nor a short turn of what is asked for makes it waver (in the
//! manner of ski rental; the idea of simulated caches that compete is from Ari, Amer, Gramacy,
//! Miller, Brandt, Long, "ACME: Adaptive Caching Using Multiple Experts", WDAS 2002).

use super::{Miniature, Name, Policy, Tag};

/// What another policy must have saved, in misses for each entry.
const LEAD: f64 = 0.25;

/// After how many references for each entry the older ones have faded to a third.
const MEMORY: f64 = 50.0;

/// One copy of memory for each policy.
pub(crate) struct Rivals {
    each: [Rival; Policy::ALL.len()],
    leader: Policy,
}

struct Rival {
    policy: Policy,
    copy: Miniature,
    /// Its hits, the older ones faded.
    score: f64,
}

impl Rivals {
    /// Copies of memory, each as `copy` makes them.
    pub(crate) fn new(copy: impl Fn() -> Miniature) -> Self {
        let rival = |policy| Rival { policy, copy: copy(), score: 0.0 };
        Self { each: Policy::ALL.map(rival), leader: Policy::default() }
    }

    /// Notes a reference, and answers the policy to go by.
    pub(crate) fn refer(&mut self, name: Name) -> Policy {
        for rival in &mut self.each {
            rival.refer(name);
        }
        let leading = &self.each[self.leader as usize];
        let wanted = leading.score + LEAD * leading.copy.len() as f64;
        let best = self.each.iter().filter(|rival| rival.score > wanted);
        if let Some(best) = best.max_by(|a, b| a.score.total_cmp(&b.score)) {
            self.leader = best.policy;
        }
        self.leader
    }

    /// Drops a name.
    pub(crate) fn forget(&mut self, tag: Tag) {
        self.each.iter_mut().for_each(|rival| rival.copy.forget(tag));
    }
}

impl Rival {
    fn refer(&mut self, name: Name) {
        let is_hit = self.copy.refer(name, self.policy);
        self.score *= 1.0 - 1.0 / (MEMORY * self.copy.len().max(1) as f64);
        self.score += f64::from(u8::from(is_hit));
    }
}
