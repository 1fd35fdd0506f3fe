//! What a search takes for words, whichever database answers it.

/// Words of a query that count; the rest is passed over.
const WORDS: usize = 64;
/// Characters of a word that count.
pub(crate) const WORD: usize = 128;
/// Words of a snippet.
pub(crate) const SNIPPET: i64 = 24;

/// Each word as a quoted term of FTS5's query language, in which nothing is an operator. What has
/// no letter or digit is no word.
pub(crate) fn quoted_words(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || c == '\0')
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(WORDS)
        .map(|word| {
            let word: String = word.chars().filter(|c| *c != '"').take(WORD).collect();
            format!("\"{word}\"")
        })
        .collect()
}
