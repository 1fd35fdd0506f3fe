//! What the processes report, one line each, by a clock that all of a machine share.

use std::fmt;
use std::str::FromStr;

/// Nanoseconds since the machine was started.
pub(super) type Nanos = u64;

/// Now.
pub(super) fn now() -> Nanos {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// One thing that a process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It wrote a version to the source, and its invalidation was acknowledged at `end`; `told`:
    /// the others could hear of it by then.
    Write { key: u32, version: u64, begin: Nanos, end: Nanos, told: bool },
    /// All that it wrote before was told to the others.
    Settled { at: Nanos },
    /// It read a version. `least`: what the token that it showed stands for.
    Read { key: u32, version: u64, begin: Nanos, end: Nanos, least: u64 },
    /// A read failed.
    Failed { key: u32, at: Nanos },
}

/// A deed and the process that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) process: u32,
    pub(super) deed: Deed,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { key, version, begin, end, told } => {
                write!(f, "@W {key} {version} {begin} {end} {}", u8::from(*told))
            }
            Self::Settled { at } => write!(f, "@S {at}"),
            Self::Read { key, version, begin, end, least } => {
                write!(f, "@R {key} {version} {begin} {end} {least}")
            }
            Self::Failed { key, at } => write!(f, "@F {key} {at}"),
        }
    }
}

impl FromStr for Deed {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let mut words = line.split(' ');
        let what = words.next().ok_or(())?;
        let numbers = words.map(str::parse::<u64>).collect::<Result<Vec<_>, _>>().map_err(drop)?;
        match (what, &numbers[..]) {
            ("@W", &[key, version, begin, end, told]) => {
                Ok(Self::Write { key: key as u32, version, begin, end, told: told == 1 })
            }
            ("@S", &[at]) => Ok(Self::Settled { at }),
            ("@R", &[key, version, begin, end, least]) => {
                Ok(Self::Read { key: key as u32, version, begin, end, least })
            }
            ("@F", &[key, at]) => Ok(Self::Failed { key: key as u32, at }),
            _ => Err(()),
        }
    }
}
