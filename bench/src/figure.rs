//! What is printed: one line per figure.

use anyhow::Error;
use serde_json::json;

/// What a value must be, compared with its peer or limit of the same run.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// At most this many times the peer.
    AtMost(f64),
    /// At least this many times the peer.
    AtLeast(f64),
}

/// A measured figure.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    /// The peer's value, or the limit.
    pub(crate) peer: f64,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// What the peer is and how it was measured.
    pub(crate) against: String,
}

impl Figure {
    fn is_met(&self) -> bool {
        match self.goal {
            Goal::AtMost(factor) => self.value <= self.peer * factor,
            Goal::AtLeast(factor) => self.value >= self.peer * factor,
        }
    }

    fn goal(&self) -> String {
        let (sign, factor) = match self.goal {
            Goal::AtMost(factor) => ("<=", factor),
            Goal::AtLeast(factor) => (">=", factor),
        };
        if factor == 1.0 {
            format!("{sign} {}", self.against)
        } else {
            format!("{sign} {factor} x {}", self.against)
        }
    }
}

/// Prints figures as they come.
pub(crate) struct Report {
    json: bool,
    failures: usize,
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is this type's task")]
impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, failures: 0 }
    }

    /// Prints a figure. A missed goal is a result, not a failure of the run.
    pub(crate) fn add(&mut self, figure: &Figure) {
        let Figure { name, value, peer, unit, .. } = figure;
        let (goal, met) = (figure.goal(), figure.is_met());
        if self.json {
            let line = json!({
                "name": name, "value": value, "peer": peer, "unit": unit, "goal": goal, "met": met,
            });
            println!("{line}");
            return;
        }
        let met = if met { "met" } else { "NOT MET" };
        println!("{name:<18} {value:>12.3}  peer {peer:>12.3}  {unit:<9} {met:<8} goal {goal}");
    }

    /// Says that figures could not be measured, and why.
    pub(crate) fn failed(&mut self, names: &[&str], error: &Error) {
        self.failures += 1;
        eprintln!("{}: not measured: {error:#}", names.join(", "));
    }

    /// Tells what is going on, on standard error.
    pub(crate) fn note(&self, text: &str) {
        eprintln!("  {text}");
    }

    /// Wall times of a machine that does other work mean little: says so.
    pub(crate) fn warn_if_busy(&self) {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load: f64 = load.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
        if load > 0.5 {
            eprintln!("  the machine is busy (load {load}): do not trust wall times of this run");
        }
    }

    /// Whether all could be measured.
    pub(crate) fn is_complete(&self) -> bool {
        self.failures == 0
    }
}

/// The middle one of several runs.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
