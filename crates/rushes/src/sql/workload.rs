//! The statements that took longest, kept beside the library so that another process (the command
//! line, while a server runs) can give advice about them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rushes_store::{Example, Monitor, SqlParams};
use serde::{Deserialize, Serialize};

/// Statements in the file.
const STATEMENTS: usize = 50;
/// How often a running process writes it.
const PAUSE: Duration = Duration::from_secs(60);
/// The greatest file that is read, bytes.
const LARGEST: u64 = 16 << 20;

/// A file of statements with the values of their slowest run: as private as the library itself.
#[derive(Debug)]
pub(super) struct Workload {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    saved: Instant,
    /// What this process has told of each statement so far.
    told: BTreeMap<String, (u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    sql: String,
    params: serde_json::Value,
    count: u64,
    total_micros: u64,
}

impl Workload {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        let state = State { saved: Instant::now(), told: BTreeMap::new() };
        Self { file, state: Mutex::new(state) }
    }

    /// Whether it is time to write the file again; true for one caller.
    pub(super) fn is_due(&self) -> bool {
        let Ok(mut state) = self.state.try_lock() else { return false };
        let due = self.file.is_some() && state.saved.elapsed() > PAUSE;
        if due {
            state.saved = Instant::now();
        }
        due
    }

    /// Adds what is new to the file. A file that cannot be written is no reason to fail: the
    /// figures are still in memory.
    pub(super) fn save(&self, monitor: &Monitor) {
        let Some(file) = &self.file else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let news: Vec<Example> = monitor
            .workload(STATEMENTS)
            .into_iter()
            .filter_map(|example| state.news(example))
            .collect();
        if news.is_empty() {
            return;
        }
        if let Err(error) = write(file, merged(load(file), news)) {
            tracing::debug!(%error, "the statements of this process are not kept");
        }
    }

    /// What the file holds, what took most time first.
    pub(super) fn kept(&self) -> Vec<Example> {
        self.file.as_deref().map(load).unwrap_or_default()
    }
}

impl State {
    /// An example with the counts that were not told yet.
    fn news(&mut self, example: Example) -> Option<Example> {
        let told = self.told.entry(example.sql.to_string()).or_default();
        let (count, total) = *told;
        *told = (example.count, example.total_micros);
        let news = Example {
            count: example.count.saturating_sub(count),
            total_micros: example.total_micros.saturating_sub(total),
            ..example
        };
        (news.count > 0).then_some(news)
    }
}

fn merged(known: Vec<Example>, news: Vec<Example>) -> Vec<Example> {
    let mut all = known;
    for new in news {
        match all.iter_mut().find(|old| old.sql == new.sql) {
            Some(old) => {
                old.count += new.count;
                old.total_micros = old.total_micros.saturating_add(new.total_micros);
                old.params = new.params;
            }
            None => all.push(new),
        }
    }
    all.sort_by_key(|example| std::cmp::Reverse(example.total_micros));
    all.truncate(STATEMENTS);
    all
}

/// What a file holds; nothing of one that is not there or not readable.
fn load(file: &Path) -> Vec<Example> {
    let small = std::fs::metadata(file).is_ok_and(|file| file.len() <= LARGEST);
    let text = small.then(|| std::fs::read_to_string(file).ok()).flatten();
    let lines: Vec<Line> =
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let example = |line: Line| {
        let params = SqlParams::from_json(&line.params).ok()?;
        let (count, total_micros) = (line.count, line.total_micros);
        Some(Example { sql: line.sql.into(), params, count, total_micros })
    };
    lines.into_iter().filter_map(example).collect()
}

/// Puts a new file in the place of the old one. Only its owner may read it.
fn write(file: &Path, examples: Vec<Example>) -> std::io::Result<()> {
    let lines: Vec<Line> = examples
        .into_iter()
        .map(|example| Line {
            sql: example.sql.to_string(),
            params: example.params.to_json(),
            count: example.count,
            total_micros: example.total_micros,
        })
        .collect();
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut new, &lines)?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rushes_store::Outcome;

    fn note(monitor: &Monitor, sql: &str, millis: u64) {
        let example =
            || Example { sql: sql.into(), params: vec![1].into(), count: 0, total_micros: 0 };
        monitor.note(sql, &Outcome::Done(Duration::from_millis(millis), 1), example);
    }

    #[test]
    fn processes_add_to_one_file_and_tell_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("statements.json");
        let (first, second) = (Monitor::default(), Monitor::default());
        let (one, two) = (Workload::new(Some(file.clone())), Workload::new(Some(file.clone())));
        note(&first, "SELECT ?", 5);
        one.save(&first);
        note(&first, "SELECT ?", 7);
        one.save(&first);
        one.save(&first);
        note(&second, "SELECT ?", 3);
        note(&second, "SELECT ?, ?", 99);
        two.save(&second);
        let kept = one.kept();
        let seen: Vec<_> =
            kept.iter().map(|kept| (&*kept.sql, kept.count, kept.total_micros)).collect();
        assert_eq!(seen, [("SELECT ?, ?", 1, 99_000), ("SELECT ?", 3, 15_000)]);
        assert_eq!(kept[0].params, vec![1].into());
        std::fs::write(&file, "garbage").unwrap();
        assert_eq!(one.kept(), []);
    }
}
