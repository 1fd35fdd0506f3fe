//! A pattern matches what its definition says, and keeps nobody busy.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rushes_cache::{Key, Pattern};

/// The definition, by rows of a table: which prefixes of the text the pattern so far matches.
fn defined(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut row: Vec<bool> = (0..=text.len()).map(|at| at == 0).collect();
    for c in pattern.chars() {
        let mut next = vec![false; row.len()];
        for at in 0..row.len() {
            let literal = at > 0 && row[at - 1] && (c == '?' || text[at - 1] == c) && c != '*';
            let any = c == '*' && (row[at] || (at > 0 && next[at - 1]));
            next[at] = literal || any;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fuzz_target!(|parts: (&str, &str)| {
    let (pattern, id) = parts;
    if pattern.len() + id.len() > 2_000 {
        return;
    }
    let matched = Pattern::within("n", pattern).matches(&Key::new("n", id));
    assert_eq!(matched, defined(pattern, id), "{pattern:?} {id:?}");
    if let Ok(parsed) = Pattern::parse(pattern) {
        assert_eq!(Pattern::parse(&parsed.to_string()), Ok(parsed));
    }
});
