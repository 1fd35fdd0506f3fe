//! From entries to the lines that a reader wants: repeats folded, in time order.

use std::collections::BTreeMap;

use rushes_store::{Entry, Kind};

use super::cite::Reference;
use super::context::ContextLine;
use super::words;

/// The lines of some entries, in time order (start, then kind, then as given). Entries must come in
/// time order for each kind.
///
/// - Objects of one moment are one line, by class and number: `person x3, car`.
/// - Consecutive entries of a kind that say the same are one line that covers them all, with the
///   first one's reference.
/// - Stored frames are pictures, not words: all of them are one line.
pub(super) fn lines<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<ContextLine> {
    let mut by_kind: BTreeMap<&Kind, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        by_kind.entry(&entry.kind).or_default().push(entry);
    }
    let mut lines: Vec<ContextLine> = by_kind
        .into_iter()
        .flat_map(|(kind, entries)| match kind.as_str() {
            Kind::OBJECT => fold_repeats(moments(&entries)),
            Kind::FRAME => frames(&entries).into_iter().collect(),
            _ => fold_repeats(entries.iter().map(|entry| line(entry, words::of(entry))).collect()),
        })
        .collect();
    lines.sort_by(|a, b| a.start.total_cmp(&b.start).then_with(|| a.kind.cmp(&b.kind)));
    lines
}

fn line(entry: &Entry, text: String) -> ContextLine {
    ContextLine {
        start: entry.start,
        end: entry.end,
        kind: entry.kind.to_string(),
        text,
        reference: Reference::of(entry).to_string(),
        folded: 1,
        estimated: entry.estimated,
    }
}

fn frames(entries: &[&Entry]) -> Option<ContextLine> {
    let (first, last) = (entries.first()?, entries.last()?);
    let text = match entries.len() {
        1 => words::of(first),
        count => format!("{count} stored pictures"),
    };
    Some(ContextLine { end: last.end, folded: entries.len(), ..line(first, text) })
}

/// One line for the objects of each moment.
fn moments(entries: &[&Entry]) -> Vec<ContextLine> {
    let same_moment = |a: &&Entry, b: &&Entry| a.start == b.start && a.end == b.end;
    entries
        .chunk_by(same_moment)
        .filter_map(|objects| {
            let first = objects.first()?;
            Some(ContextLine { folded: objects.len(), ..line(first, classes(objects)) })
        })
        .collect()
}

/// `person x3, car`: most frequent first, then by name.
fn classes(objects: &[&Entry]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for object in objects {
        *counts.entry(words::class(object)).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = counts.into_iter().map(|(class, count)| match count {
        1 => class,
        count => format!("{class} x{count}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn fold_repeats(lines: Vec<ContextLine>) -> Vec<ContextLine> {
    let mut folded: Vec<ContextLine> = Vec::with_capacity(lines.len());
    for line in lines {
        match folded.last_mut() {
            Some(last) if last.text == line.text => {
                last.end = last.end.max(line.end);
                last.folded += line.folded;
                last.estimated |= line.estimated;
            }
            _ => folded.push(line),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::answer::words::tests::entry;

    fn caption(id: i64, start: f64, text: &str) -> Entry {
        entry(id, "caption", start, start + 1.0, json!({ "text": text }))
    }

    fn object(id: i64, at: f64, label: &str) -> Entry {
        entry(id, "object", at, at, json!({ "label": label, "box": [1, 2, 3, 4] }))
    }

    #[test]
    fn repeated_captions_are_one_line_that_covers_them() {
        let lines = lines(&[
            caption(1, 0.0, "a dog"),
            caption(2, 1.0, "a  dog\n"),
            caption(3, 2.0, "a cat"),
            caption(4, 3.0, "a dog"),
        ]);
        let shown: Vec<_> = lines
            .iter()
            .map(|line| (line.start, line.end, line.text.as_str(), line.folded))
            .collect();
        assert_eq!(shown, [(0.0, 2.0, "a dog", 2), (2.0, 3.0, "a cat", 1), (3.0, 4.0, "a dog", 1)]);
        assert!(lines[0].reference.ends_with("@0.000-1.000#caption/1"), "{}", lines[0].reference);
    }

    #[test]
    fn objects_of_a_moment_are_counted_by_class() {
        let lines = lines(&[
            object(1, 1.0, "car"),
            object(2, 1.0, "person"),
            object(3, 1.0, "person"),
            object(4, 2.0, "person"),
        ]);
        let shown: Vec<_> = lines.iter().map(|line| (line.start, line.text.as_str())).collect();
        assert_eq!(shown, [(1.0, "person x2, car"), (2.0, "person")]);
        assert_eq!(lines[0].folded, 3);
        assert!(lines[0].reference.ends_with("#object/1"));
    }

    #[test]
    fn a_repeat_across_another_kind_still_folds() {
        let said = entry(9, "transcript", 0.5, 0.9, json!({ "text": "hello" }));
        let lines = lines(&[caption(1, 0.0, "a dog"), said, caption(2, 1.0, "a dog")]);
        let shown: Vec<_> = lines.iter().map(|line| (line.kind.as_str(), line.folded)).collect();
        assert_eq!(shown, [("caption", 2), ("transcript", 1)]);
    }

    #[test]
    fn an_estimated_time_stays_marked_when_folded() {
        let mut second = caption(2, 1.0, "a dog");
        second.estimated = true;
        assert!(lines(&[caption(1, 0.0, "a dog"), second])[0].estimated);
    }

    #[test]
    fn frames_are_one_line_and_never_pixels() {
        let frame = |id, at| entry(id, "frame", at, at, json!({ "number": id }));
        let lines = lines(&[frame(1, 0.0), frame(2, 1.0), frame(3, 2.0)]);
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].text.as_str(), lines[0].end), ("3 stored pictures", 2.0));
    }
}
