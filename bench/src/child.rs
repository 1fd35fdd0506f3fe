//! Child processes and what they cost, read from `/proc`.
//!
//! Processor time is that of the child and of all it waited for, as the kernel adds it up for us
//! (fields 16 and 17 of `/proc/self/stat`); so only one child is measured at a time. Memory is the
//! greatest sum of resident pages over the child and its descendants, looked at every 10 ms.

use std::collections::HashMap;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What a finished child cost.
pub(crate) struct Cost {
    /// From start to end, seconds.
    pub(crate) wall: f64,
    /// User and system time, seconds.
    pub(crate) cpu: f64,
    /// What it wrote to standard output.
    pub(crate) stdout: Vec<u8>,
}

/// Runs a command to its end; fails when the command does.
pub(crate) fn run(command: &mut Command) -> Result<Cost> {
    let before = times()?.children;
    let start = Instant::now();
    let output = start_piped(command)?.wait_with_output()?;
    let wall = start.elapsed().as_secs_f64();
    let cpu = times()?.children - before;
    check(command, &output)?;
    Ok(Cost { wall, cpu, stdout: output.stdout })
}

/// Runs a command to its end and tells the most memory, in bytes, that it and its descendants had.
pub(crate) fn peak_memory(command: &mut Command) -> Result<u64> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let mut peak = 0;
    let status = loop {
        peak = peak.max(resident(child.id())?);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(peak)
}

/// Processor seconds of this process so far.
pub(crate) fn own_cpu() -> Result<f64> {
    Ok(times()?.own)
}

fn start_piped(command: &mut Command) -> Result<std::process::Child> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().with_context(|| format!("{command:?}"))
}

fn check(command: &Command, output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    bail!("{command:?} ended with {}: {}", output.status, complaint.trim())
}

struct Times {
    own: f64,
    children: f64,
}

/// Clock ticks of `/proc` a second: a constant of the kernel's interface on all our platforms.
const TICKS: f64 = 100.0;

fn times() -> Result<Times> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("needs Linux")?;
    let ticks: Vec<f64> = after_name(&stat).map(|word| word.parse().unwrap_or(0.0)).collect();
    let sum = |from: usize| ticks.iter().skip(from).take(2).sum::<f64>() / TICKS;
    Ok(Times { own: sum(11), children: sum(13) })
}

/// The fields of a `stat` line from the third on; the name before may hold anything.
fn after_name(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace()
}

/// Bytes resident in a process and its descendants at this moment.
fn resident(root: u32) -> Result<u64> {
    let mut parents = HashMap::new();
    for process in std::fs::read_dir("/proc")?.flatten() {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let parent: u32 = after_name(&stat).nth(1).and_then(|id| id.parse().ok()).unwrap_or(0);
        parents.insert(id, parent);
    }
    let is_ours = |mut id: u32| {
        while id != root {
            match parents.get(&id) {
                Some(&parent) => id = parent,
                None => return false,
            }
        }
        true
    };
    Ok(parents.keys().filter(|&&id| is_ours(id)).map(|&id| resident_of(id)).sum())
}

fn resident_of(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}
