//! The words of a text, exactly as SQLite's FTS5 cuts and folds them, and snippets exactly as it
//! makes them: FTS5 itself does both, in memory. So a search finds, ranks and shows the same on
//! every database.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};

use crate::error::Result;
use crate::words::{SNIPPET, WORD};

/// Between words there are two of these, and one at either end. FTS5 takes it for no part of a word.
const MARK: char = '|';

const TABLES: &str = "
    CREATE VIRTUAL TABLE cut USING fts5 (
        text, content = '', tokenize = 'unicode61 remove_diacritics 2'
    );
    CREATE VIRTUAL TABLE words USING fts5vocab (cut, instance);
    CREATE VIRTUAL TABLE shown USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2');
";

/// The words of a text as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Worded {
    /// `|a||heron|`: a phrase is in the text when it is in here.
    pub(super) folded: String,
    /// How many words.
    pub(super) count: i64,
}

impl Worded {
    /// Words longer than any that a query may hold are cut to one character more than that, so
    /// that they are no word of a query; an index takes them whole no more than so.
    fn of(words: &[String]) -> Self {
        let mut folded = String::new();
        for word in words {
            folded.push(MARK);
            folded.extend(word.chars().take(WORD + 1));
            folded.push(MARK);
        }
        Self { folded, count: i64::try_from(words.len()).unwrap_or(i64::MAX) }
    }
}

/// One word of a query, which may be several for FTS5: `it's` is `it` followed by `s`.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    /// As [`Worded::folded`].
    pub(super) folded: String,
    pub(super) words: Vec<String>,
}

/// FTS5, in memory.
#[derive(Debug)]
pub(super) struct Words(Mutex<Connection>);

impl Words {
    pub(super) fn new() -> Result<Self> {
        let db = Connection::open_in_memory()?;
        db.execute_batch(TABLES)?;
        Ok(Self(Mutex::new(db)))
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The words of each text.
    fn cut<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Result<Vec<Vec<String>>> {
        let mut db = self.db();
        // Undone at the end: nothing is kept.
        let transaction = db.transaction()?;
        let mut number: i64 = 0;
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO cut (rowid, text) VALUES (?, ?)")?;
            for text in texts {
                insert.execute(params![number, text])?;
                number += 1;
            }
        }
        let mut found: Vec<Vec<(i64, String)>> = (0..number).map(|_| Vec::new()).collect();
        {
            let mut words = transaction.prepare_cached("SELECT doc, offset, term FROM words")?;
            let mut rows = words.query([])?;
            while let Some(row) = rows.next()? {
                if let Some(words) = found.get_mut(row.get::<_, usize>(0)?) {
                    words.push((row.get(1)?, row.get(2)?));
                }
            }
        }
        transaction.rollback()?;
        let in_order = |mut words: Vec<(i64, String)>| {
            words.sort_unstable();
            words.into_iter().map(|(_, word)| word).collect()
        };
        Ok(found.into_iter().map(in_order).collect())
    }

    /// The words of texts as they are stored; none of what has no text.
    pub(super) fn worded(&self, texts: &[Option<&str>]) -> Result<Vec<Option<Worded>>> {
        let cut = self.cut(texts.iter().flatten().copied())?;
        let mut worded = cut.iter().map(|words| Worded::of(words));
        Ok(texts.iter().map(|text| text.and_then(|_| worded.next())).collect())
    }

    /// The words of a query, each as a phrase of what FTS5 takes for words.
    pub(super) fn phrases(&self, quoted: &[String]) -> Result<Vec<Phrase>> {
        let cut = self.cut(quoted.iter().map(|word| word.trim_matches('"')))?;
        let phrase = |words: Vec<String>| Phrase { folded: Worded::of(&words).folded, words };
        Ok(cut.into_iter().map(phrase).collect())
    }

    /// The part of the text around what matches the expression, as FTS5's `snippet` gives it.
    pub(super) fn snippet(&self, expression: &str, text: &str) -> Result<String> {
        let mut db = self.db();
        let transaction = db.transaction()?;
        transaction
            .prepare_cached("INSERT INTO shown (rowid, text) VALUES (1, ?)")?
            .execute([text])?;
        let snippet = transaction
            .prepare_cached(
                "SELECT snippet(shown, 0, char(2), char(3), '…', ?2) FROM shown
                 WHERE shown MATCH ?1",
            )?
            .query_row(params![expression, SNIPPET], |row| row.get(0))?;
        transaction.rollback()?;
        Ok(snippet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_fts5() {
        let words = Words::new().unwrap();
        let texts = [Some("Une héronnière, l'été"), None, Some("日本語 字幕 50% \0x"), Some("…!")];
        let worded = words.worded(&texts).unwrap();
        let folded: Vec<_> =
            worded.iter().map(|words| words.as_ref().map(|w| (&w.folded[..], w.count))).collect();
        let expected = [
            Some(("|une||heronniere||l||ete|", 4)),
            None,
            Some(("|日本語||字幕||50||x|", 4)),
            Some(("", 0)),
        ];
        assert_eq!(folded, expected);
        // Nothing is left of it.
        assert_eq!(words.worded(&[Some("heron")]).unwrap()[0].as_ref().unwrap().count, 1);
    }
}
